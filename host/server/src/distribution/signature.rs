//! Signatures of plugins, as cosign makes them with a key: ECDSA over P-256 with SHA-256, in DER, as base64.
//!
//! A blob's signature (`cosign sign-blob`, `openssl dgst -sha256 -sign`) is over its bytes. That of an artefact in a
//! registry is over a small JSON text, which names the digest of the artefact's manifest, which names the
//! component's: the payload (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>) or, in bundles, an
//! in-toto statement.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{WASM_LAYER, bare, digest_of};

/// What stands before the point of a P-256 key in its SubjectPublicKeyInfo (RFC 5480): the algorithm
/// id-ecPublicKey, the curve prime256v1, and the head of a bit string with an uncompressed point.
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point: a mark and two coordinates.
const POINT: usize = 65;
/// What the payload says it is.
const PAYLOAD_TYPE: &str = "cosign container image signature";
/// What a statement says it is.
const STATEMENT_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Why a file holds no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// No public key in PEM.
    #[error("it holds no public key in PEM: give a file that begins with -----BEGIN PUBLIC KEY-----")]
    NoPublicKey,
    /// A private key, where anybody may read it.
    #[error(
        "it holds a private key, which belongs to whoever signs alone: give the public one, which \
         `openssl pkey -in KEY.pem -pubout` tells"
    )]
    Private,
    /// A public key of another kind.
    #[error(
        "its public key is not of ECDSA over P-256: make a pair with \
         `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
    )]
    OtherKind,
    /// No private key in PEM.
    #[error(
        "it holds no private key in PEM (PKCS #8), which begins with -----BEGIN PRIVATE KEY-----: make one of an EC \
         PRIVATE KEY by `openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW`; with an encrypted key of cosign, sign by \
         `cosign sign-blob` and verify here"
    )]
    NoPrivateKey,
    /// A private key of another kind.
    #[error(
        "its private key is not of ECDSA over P-256: make one with \
         `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
    )]
    OtherPrivateKind,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    point: Vec<u8>,
}

impl PublicKey {
    /// Reads a PEM file.
    ///
    /// # Errors
    /// It holds none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidKey> {
        if String::from_utf8_lossy(pem).contains("PRIVATE KEY-----") {
            return Err(InvalidKey::Private);
        }
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| InvalidKey::NoPublicKey)?;
        match key.strip_prefix(&P256_HEAD) {
            Some(point) if point.len() == POINT => Ok(Self { point: point.to_owned() }),
            Some(_) | None => Err(InvalidKey::OtherKind),
        }
    }

    /// Whether a signature, in base64, is of this message under this key.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature.trim()) else { return false };
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point).verify(message, &signature).is_ok()
    }
}

/// A private key.
#[derive(Debug)]
pub struct PrivateKey(EcdsaKeyPair);

impl PrivateKey {
    /// Reads a PEM file.
    ///
    /// # Errors
    /// It holds none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidKey> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| InvalidKey::NoPrivateKey)?;
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_pkcs8_der(), &random)
            .map(Self)
            .map_err(|_| InvalidKey::OtherPrivateKind)
    }

    /// The public key of the pair.
    pub fn public(&self) -> PublicKey {
        PublicKey { point: self.0.public_key().as_ref().to_owned() }
    }

    /// Signs a message; none if the machine has no randomness.
    pub fn sign(&self, message: &[u8]) -> Option<String> {
        let signature = self.0.sign(&SystemRandom::new(), message).ok()?;
        Some(STANDARD.encode(signature))
    }
}

/// What shows that somebody signed a component; kept beside it in the cache, so that it can be looked at without
/// the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Proof {
    /// A signature of the component's bytes.
    Blob {
        /// In base64.
        signature: String,
    },
    /// A signature of the artefact that the component is in.
    Artefact {
        /// The artefact's manifest, as the registry has it.
        manifest: String,
        /// What is signed, as the registry has it.
        payload: String,
        /// In base64.
        signature: String,
    },
    /// The same, of a statement in a bundle.
    Statement {
        /// The artefact's manifest, as the registry has it.
        manifest: String,
        /// The in-toto statement.
        statement: String,
        /// In base64.
        signature: String,
    },
}

impl Proof {
    /// Media type of a statement.
    pub(super) const STATEMENT: &str = "application/vnd.in-toto+json";

    /// Whether the holder of this key signed this component.
    pub fn is_of(&self, key: &PublicKey, component: &[u8]) -> bool {
        match self {
            Self::Blob { signature } => key.verifies(component, signature),
            Self::Artefact { manifest, payload, signature } => {
                key.verifies(payload.as_bytes(), signature)
                    && names_manifest(payload, &digest_of(manifest.as_bytes()))
                    && names_component(manifest, &digest_of(component))
            }
            Self::Statement { manifest, statement, signature } => {
                let (kind, length) = (Self::STATEMENT, statement.len());
                // What is signed of an envelope (DSSE) is its type and its text, each with its length.
                let signed = format!("DSSEv1 {} {kind} {length} {statement}", kind.len());
                key.verifies(signed.as_bytes(), signature)
                    && states_manifest(statement, bare(&digest_of(manifest.as_bytes())))
                    && names_component(manifest, &digest_of(component))
            }
        }
    }
}

/// The payload that is signed for an artefact: its repository, and the digest of its manifest.
pub fn payload(repository: &str, manifest: &str) -> String {
    json!({
        "critical": {
            "identity": { "docker-reference": repository },
            "image": { "docker-manifest-digest": manifest },
            "type": PAYLOAD_TYPE,
        },
        "optional": null,
    })
    .to_string()
}

/// The repository in it is not looked at: an artefact may be copied to another, and its digest says what it is.
fn names_manifest(payload: &str, digest: &str) -> bool {
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    let text = |pointer| payload.pointer(pointer).and_then(Value::as_str);
    text("/critical/type") == Some(PAYLOAD_TYPE)
        && text("/critical/image/docker-manifest-digest") == Some(digest)
}

/// A statement of another kind, such as an inventory of what is in an artefact, is no consent to it.
fn states_manifest(statement: &str, hex: &str) -> bool {
    let statement: Value = serde_json::from_str(statement).unwrap_or_default();
    let subjects = statement.get("subject").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let digest = |subject: &Value| subject.pointer("/digest/sha256").is_some_and(|digest| digest == hex);
    statement.get("predicateType").is_some_and(|kind| kind == STATEMENT_TYPE) && subjects.iter().any(digest)
}

fn names_component(manifest: &str, digest: &str) -> bool {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    let layers = manifest.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match layers {
        [layer] => {
            let is = |key, wanted| layer.get(key).and_then(Value::as_str) == Some(wanted);
            is("mediaType", WASM_LAYER) && is("digest", digest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
