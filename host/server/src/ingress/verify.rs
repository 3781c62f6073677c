//! Whether a request is its sender's.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use stepmill_core::signature::{self, Headers, Keys, Request, Verdict, Verified, Verifier};

use super::Refusal;
use super::keys::{KeyCache, Unavailable};
use crate::listener::Peer;
use crate::metrics;

/// Checks a request's signature, with the provider's key where it takes one. Why it is refused is told to the operator
/// alone. A key that cannot be had now is no refusal: the sender is told to come again.
pub(super) async fn verify(
    name: &str,
    verifier: &Verifier,
    cache: &KeyCache,
    request: &Request<'_>,
    now_ms: u64,
) -> Result<Verified, Refusal> {
    let (url, is_public) = match verifier.verify(request, &Keys::none(), now_ms) {
        Ok(Verdict::Genuine(verified)) => return Ok(verified),
        Ok(Verdict::NeedsKey { url, is_public }) => (url, is_public),
        Err(refusal) => return Err(refused(name, refusal)),
    };
    let unavailable = |error: Unavailable| {
        tracing::warn!(webhook = name, url, %error, "the key of a signature cannot be had: the sender is told to come again");
        Refusal::KeyUnavailable
    };
    let document = cache.get(&url, is_public, now_ms).await.map_err(unavailable)?;
    let with = |document: &[u8]| verifier.verify(request, &Keys::none().with(&*url, document), now_ms);
    let mut verdict = with(&document);
    if verdict == Err(signature::Refusal::UnknownKey)
        && let Some(newer) = cache.get_newer(&url, &document, is_public, now_ms).await
    {
        verdict = with(&newer);
    }
    match verdict {
        Ok(Verdict::Genuine(verified)) => Ok(verified),
        // It was given that one: a scheme asks for no second.
        Ok(Verdict::NeedsKey { .. }) => Err(refused(name, signature::Refusal::BadKey)),
        Err(refusal) => Err(refused(name, refusal)),
    }
}

fn refused(name: &str, refusal: signature::Refusal) -> Refusal {
    metrics::signature_refused(name, refusal.name());
    tracing::warn!(webhook = name, reason = refusal.name(), "refused an event: {refusal}");
    Refusal::Signature
}

/// A request as its sender made it.
pub(super) struct Call<'r> {
    method: &'r str,
    url: String,
    headers: &'r HeaderMap,
    client_certificate: Option<&'r [u8]>,
}

impl<'r> Call<'r> {
    /// `base` is the URL below which senders call; that of the request unless it is configured.
    pub(super) fn new(base: Option<&str>, parts: &'r Parts, peer: &'r Peer) -> Self {
        Self {
            method: parts.method.as_str(),
            url: peer.called(base, &parts.headers, &parts.uri),
            headers: &parts.headers,
            client_certificate: peer.certificate.as_ref().map(|certificate| certificate.as_ref().as_ref()),
        }
    }

    /// It with its body.
    pub(super) fn with<'s>(&'s self, body: &'s [u8]) -> Request<'s> {
        let Self { method, url, client_certificate, .. } = self;
        Request { method, url, headers: self, body, client_certificate: *client_certificate }
    }
}

impl Headers for Call<'_> {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
    }
}
