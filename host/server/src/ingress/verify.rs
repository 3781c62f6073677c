//! Whether a request is its sender's.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use stepmill_core::signature::{self, Headers, Keys, Verdict, Verified, Verifier};

use super::Refusal;
use crate::listener::Peer;
use crate::metrics;

/// Checks a request's signature. Why it is refused is told to the operator alone.
///
/// `base` is the URL below which senders call; that of the request unless it is configured.
pub(super) fn verify(
    name: &str,
    verifier: &Verifier,
    base: Option<&str>,
    parts: &Parts,
    peer: &Peer,
    body: &[u8],
    now_ms: u64,
) -> Result<Verified, Refusal> {
    let request = signature::Request {
        method: parts.method.as_str(),
        url: &peer.called(base, &parts.headers, &parts.uri),
        headers: &Received(&parts.headers),
        body,
        client_certificate: peer.certificate.as_ref().map(|certificate| &*certificate.der),
    };
    let refusal = match verifier.verify(&request, &Keys::none(), now_ms) {
        Ok(Verdict::Genuine(verified)) => return Ok(verified),
        Ok(Verdict::NeedsKey { .. }) => signature::Refusal::NoKey,
        Err(refusal) => refusal,
    };
    metrics::signature_refused(name, refusal.name());
    tracing::warn!(webhook = name, reason = refusal.name(), "refused an event: {refusal}");
    Err(Refusal::Signature)
}

struct Received<'r>(&'r HeaderMap);

impl Headers for Received<'_> {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.0.get_all(name).iter().map(|value| value.as_bytes()).collect()
    }
}
