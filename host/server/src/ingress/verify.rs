//! Whether a request is its sender's.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use stepmill_core::signature::{self, Headers, Keys, Request, Verdict, Verified, Verifier};

use super::Refusal;
use crate::metrics;

/// Checks a request's signature. Why it is refused is told to the operator alone.
pub(super) fn verify(
    name: &str,
    verifier: &Verifier,
    request: &Request<'_>,
    now_ms: u64,
) -> Result<Verified, Refusal> {
    let refusal = match verifier.verify(request, &Keys::none(), now_ms) {
        Ok(Verdict::Genuine(verified)) => return Ok(verified),
        Ok(Verdict::NeedsKey { .. }) => signature::Refusal::NoKey,
        Err(refusal) => refusal,
    };
    metrics::signature_refused(name, refusal.name());
    tracing::warn!(webhook = name, reason = refusal.name(), "refused an event: {refusal}");
    Err(Refusal::Signature)
}

/// A request as its sender made it.
pub(super) struct Call<'r> {
    method: &'r str,
    url: String,
    headers: &'r HeaderMap,
}

impl<'r> Call<'r> {
    /// `base` is the URL below which senders call, without a slash at its end.
    pub(super) fn new(base: &str, parts: &'r Parts) -> Self {
        let target = parts.uri.path_and_query().map_or(parts.uri.path(), |target| target.as_str());
        Self { method: parts.method.as_str(), url: format!("{base}{target}"), headers: &parts.headers }
    }

    /// It with its body.
    pub(super) fn with<'s>(&'s self, body: &'s [u8]) -> Request<'s> {
        Request { method: self.method, url: &self.url, headers: self, body, client_certificate: None }
    }
}

impl Headers for Call<'_> {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
    }
}
