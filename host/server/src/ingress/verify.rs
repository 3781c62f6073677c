//! Whether a request is its sender's.

use axum::http::HeaderMap;
use stepmill_core::signature::Verifier;

use super::Refusal;
use crate::metrics;

/// Checks a request's signature. Why it is refused is told to the operator alone.
pub(super) fn verify(
    name: &str,
    verifier: &Verifier,
    headers: &HeaderMap,
    body: &[u8],
    now_ms: u64,
) -> Result<(), Refusal> {
    let values = |name: &str| headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
    verifier.verify(&values, body, now_ms).map_err(|refusal| {
        metrics::signature_refused(name, refusal.name());
        tracing::warn!(webhook = name, reason = refusal.name(), "refused an event's signature");
        Refusal::Signature
    })
}
