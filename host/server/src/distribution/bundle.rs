//! Sigstore bundles, which cosign writes since its third version: of a file beside it, of an artefact as a referrer
//! (<https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>). Only the signature is read; certificates and entries of
//! logs, which a bundle may hold too, say nothing about keys of config.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::signature::Proof;

/// Media type and artefact type of a bundle.
pub(super) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Bytes of a bundle; one with certificate and log entries has about ten thousand.
pub(super) const MAX_BUNDLE: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    message_signature: Option<MessageSignature>,
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
struct MessageSignature {
    signature: String,
}

/// A signed text (<https://github.com/secure-systems-lab/dsse>).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

/// The signature of a file that its bundle holds.
pub(super) fn of_blob(bundle: &[u8]) -> Option<Proof> {
    let bundle: Bundle = serde_json::from_slice(bundle).ok()?;
    bundle.message_signature.map(|message| Proof::Blob { signature: message.signature })
}

/// The signatures of an artefact that one of its bundles holds.
pub(super) fn of_artefact(bundle: &[u8], manifest: &str) -> Vec<Proof> {
    let envelope = serde_json::from_slice::<Bundle>(bundle).ok().and_then(|bundle| bundle.dsse_envelope);
    let Some(envelope) = envelope.filter(|envelope| envelope.payload_type == Proof::STATEMENT) else {
        return Vec::new();
    };
    let text = STANDARD.decode(&envelope.payload).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(statement) = text else { return Vec::new() };
    let proof = |signature: EnvelopeSignature| Proof::Statement {
        manifest: manifest.to_owned(),
        statement: statement.clone(),
        signature: signature.sig,
    };
    envelope.signatures.into_iter().map(proof).collect()
}
