//! Key sets.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::Value;

use super::Token;
use crate::signature::Refusal;

/// Most keys of a set that are looked at.
const MOST: usize = 64;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// A public key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). One that is written otherwise is another
/// program's, and no fault of the set.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// How a token is signed.
enum Method {
    Rsa(&'static RsaParameters),
    /// By the key's curve, of so many bytes a number.
    Curve {
        kind: &'static str,
        curve: &'static str,
        bytes: usize,
        algorithm: &'static dyn VerificationAlgorithm,
    },
}

impl Method {
    fn named(alg: &str) -> Option<Self> {
        let ec = |curve, bytes, algorithm| Self::Curve { kind: "EC", curve, bytes, algorithm };
        Some(match alg {
            "RS256" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            "ES256" => ec("P-256", 32, &signature::ECDSA_P256_SHA256_FIXED),
            "ES384" => ec("P-384", 48, &signature::ECDSA_P384_SHA384_FIXED),
            "EdDSA" | "Ed25519" => {
                Self::Curve { kind: "OKP", curve: "Ed25519", bytes: 32, algorithm: &signature::ED25519 }
            }
            _ => return None,
        })
    }
}

/// Checks a token's signature by the keys of a set that it can be by.
pub(super) fn check(token: &Token<'_>, set: &[u8]) -> Result<(), Refusal> {
    let method = Method::named(&token.header.alg).ok_or(Refusal::MalformedHeader)?;
    let set: Set = serde_json::from_slice(set).map_err(|_| Refusal::BadKey)?;
    let keys = set.keys.into_iter().take(MOST).filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let mut is_known = false;
    for key in keys.filter(|key| key.is_meant(token)) {
        if let Some(has_made) = key.has_made(&method, token) {
            is_known = true;
            if has_made {
                return Ok(());
            }
        }
    }
    Err(if is_known { Refusal::Mismatch } else { Refusal::UnknownKey })
}

impl Jwk {
    fn is_meant(&self, token: &Token<'_>) -> bool {
        let is_named = token.header.kid.is_none() || self.kid == token.header.kid;
        let is_method = self.alg.as_ref().is_none_or(|alg| *alg == token.header.alg);
        is_named && is_method && self.r#use.as_ref().is_none_or(|usage| usage == "sig")
    }

    /// None if the key is not of the kind that the method takes.
    fn has_made(&self, method: &Method, token: &Token<'_>) -> Option<bool> {
        let number = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        match method {
            Method::Rsa(parameters) if self.kty == "RSA" => {
                let key = RsaPublicKeyComponents { n: number(&self.n)?, e: number(&self.e)? };
                Some(key.verify(parameters, token.message, &token.signature).is_ok())
            }
            Method::Curve { kind, curve, bytes, algorithm }
                if self.kty == *kind && self.crv.as_deref() == Some(curve) =>
            {
                let (x, y) = (number(&self.x)?, number(&self.y).unwrap_or_default());
                let key = if *kind == "EC" {
                    if x.len() != *bytes || y.len() != *bytes {
                        return None;
                    }
                    [&[4][..], &x, &y].concat()
                } else {
                    x
                };
                Some(UnparsedPublicKey::new(*algorithm, key).verify(token.message, &token.signature).is_ok())
            }
            Method::Rsa(_) | Method::Curve { .. } => None,
        }
    }
}
