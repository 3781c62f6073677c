//! Whether a request is its sender's.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use stepmill_core::handshake::Handshaker;
use stepmill_core::limits::Limits;
use stepmill_core::signature::{self, Headers, Keys, Request, Verdict, Verified, Verifier};
use stepmill_core::workflow::VerifyPlan;
use stepmill_sandbox::{Judged, Refused, Verification};

use super::keys::Unavailable;
use super::{Ingress, Refusal};
use crate::listener::Peer;
use crate::metrics;

/// Who may be at the other end of a webhook.
pub(super) struct Door<'c> {
    /// The name of its workflow or event.
    pub name: &'c str,
    /// Whom it believes.
    pub verifier: &'c Verifier,
    /// What the plugin is asked with that says so, where one does.
    pub plugin: Option<&'c VerifyPlan>,
    /// What that may use up.
    pub limits: Limits,
    /// Who asks whose it is.
    pub handshaker: Option<&'c Handshaker>,
}

impl Ingress {
    /// Checks a request's signature, with the provider's key where it takes one, or by a plugin. Why it is refused is told
    /// to the operator alone. A key that cannot be had now, or a plugin that says nothing, is no refusal: the sender is told
    /// to come again.
    pub(super) async fn verify(
        &self,
        door: &Door<'_>,
        request: &Request<'_>,
        now_ms: u64,
    ) -> Result<Verified, Refusal> {
        let Door { name, verifier, .. } = *door;
        let (url, is_public) = match verifier.verify(request, &Keys::none(), now_ms) {
            Ok(Verdict::Genuine(verified)) => return Ok(verified),
            Ok(Verdict::AskPlugin) => return self.ask_plugin(door, request, now_ms).await,
            Ok(Verdict::NeedsKey { url, is_public }) => (url, is_public),
            Err(refusal) => return Err(refused(name, refusal)),
        };
        let unavailable = |error: Unavailable| {
            tracing::warn!(webhook = name, url, %error, "the key of a signature cannot be had: the sender is told to come again");
            Refusal::KeyUnavailable
        };
        let document = self.keys.get(&url, is_public, now_ms).await.map_err(unavailable)?;
        let with = |document: &[u8]| verifier.verify(request, &Keys::none().with(&*url, document), now_ms);
        let mut verdict = with(&document);
        if verdict == Err(signature::Refusal::UnknownKey)
            && let Some(newer) = self.keys.get_newer(&url, &document, is_public, now_ms).await
        {
            verdict = with(&newer);
        }
        match verdict {
            Ok(Verdict::Genuine(verified)) => Ok(verified),
            // It was given that one: a scheme asks for no second.
            Ok(Verdict::NeedsKey { .. } | Verdict::AskPlugin) => {
                Err(refused(name, signature::Refusal::BadKey))
            }
            Err(refusal) => Err(refused(name, refusal)),
        }
    }

    async fn ask_plugin(
        &self,
        door: &Door<'_>,
        request: &Request<'_>,
        received_at_ms: u64,
    ) -> Result<Verified, Refusal> {
        let (webhook, limits) = (door.name, door.limits);
        // A verifier with a keyring and its plan are made of the same config.
        let (Some(plan), Some(keyring)) = (door.plugin, door.verifier.keyring()) else {
            tracing::error!(webhook, "no plugin is deployed that says whom this webhook believes");
            return Err(Refusal::VerifierUnavailable);
        };
        let VerifyPlan { plugin, digest, config, .. } = plan;
        let keyring = keyring.clone();
        let asked =
            Verification { digest, plugin, webhook, config, limits, keyring, request, received_at_ms };
        let Judged { outcome, took, .. } = self.sandbox.verify(asked).await;
        let counted = |result| metrics::verification(plugin, result, took);
        match outcome {
            Ok(Ok(verified)) => {
                counted("verified");
                Ok(verified)
            }
            Ok(Err(Refused { reason, message })) => {
                counted("refused");
                metrics::signature_refused(webhook, reason.name());
                let (reason, plugin) = (reason.name(), &**plugin);
                tracing::warn!(webhook, plugin, reason, text = message, "refused an event by a plugin");
                Err(Refusal::Signature)
            }
            Err(failure) => {
                let cause = failure.cause.name();
                counted(cause);
                let (plugin, text) = (&**plugin, failure.message);
                tracing::error!(
                    webhook,
                    plugin,
                    cause,
                    text,
                    "a plugin gives no verdict: the sender is told to come again"
                );
                Err(Refusal::VerifierUnavailable)
            }
        }
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

    fn all(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }
}
