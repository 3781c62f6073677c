//! Keys, and whether one has made a signature.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::config::Encoding;
use super::place::Value;
use super::recipe::{Method, Written};
use super::sign;
use crate::secret::Secret;

/// Base64url (RFC 4648 section 5): JOSE leaves the padding out, others do not.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// What stands before the point in the DER of a public key over P-256 (RFC 5480).
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// Bytes of an uncompressed point over P-256.
const POINT_BYTES: usize = 65;
/// What stands before the key in the DER of a public key for Ed25519 (RFC 8410 section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Bits of an RSA key that signatures are taken of.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// A key that signatures are checked with.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// One that the sender has too.
    Shared(Secret),
    /// The public half of one for Ed25519.
    Ed25519([u8; 32]),
    /// The public half of one over P-256: its point.
    P256(Vec<u8>),
    /// The public half of one for RSA (RFC 8017 appendix A.1.1).
    Rsa(Vec<u8>),
}

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The bytes of the secret.
    Plain,
    /// Hexadecimal.
    Hex,
    /// `whsec_` and base64.
    Whsec,
    /// `whpk_` and base64: the public half of a key for Ed25519.
    Whpk,
    /// `whsec_` or `whpk_`.
    WhsecOrWhpk,
    /// The public half of a key for Ed25519 in hexadecimal.
    Ed25519Hex,
    /// A public key over P-256: the base64 of its DER, or PEM.
    P256Der,
    /// Base64.
    Base64,
    /// Base64url.
    Base64url,
    /// A public key that says what it is: the base64 of its DER (RFC 5280 section 4.1.2.7), PEM, or of Ed25519
    /// hexadecimal.
    Public,
}

impl Form {
    /// Reads a key; none if it is not written so.
    pub fn read(self, written: &[u8]) -> Option<Key> {
        match self {
            Self::Plain => Some(Key::Shared(Secret::new(written))),
            Self::Hex => hex::decode(written)
                .ok()
                .filter(|key| !key.is_empty())
                .map(|key| Key::Shared(Secret::new(key))),
            Self::Whsec => sign::standard_webhooks_key(written)
                .filter(|key| key.len() >= sign::STANDARD_WEBHOOKS_KEY_BYTES)
                .map(|key| Key::Shared(Secret::new(key))),
            Self::Whpk => {
                let key = STANDARD.decode(written.strip_prefix(b"whpk_")?).ok()?;
                key.try_into().ok().map(Key::Ed25519)
            }
            Self::WhsecOrWhpk => Self::Whsec.read(written).or_else(|| Self::Whpk.read(written)),
            Self::Ed25519Hex => hex::decode(written).ok()?.try_into().ok().map(Key::Ed25519),
            Self::P256Der => p256(&der(written)?).map(Key::P256),
            Self::Base64 => Written::In(Encoding::Base64).read(written).map(Secret::new).map(Key::Shared),
            Self::Base64url => {
                Written::In(Encoding::Base64url).read(written).map(Secret::new).map(Key::Shared)
            }
            Self::Public => Self::Ed25519Hex.read(written).or_else(|| public(&der(written)?)),
        }
    }

    /// How a secret is written.
    pub fn of_secret(encoding: Option<Encoding>) -> Self {
        match encoding {
            None => Self::Plain,
            Some(Encoding::Hex) => Self::Hex,
            Some(Encoding::Base64) => Self::Base64,
            Some(Encoding::Base64url) => Self::Base64url,
        }
    }

    /// What a key of this form is, to go on after "is not".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Plain => "a secret",
            Self::Hex => "hexadecimal",
            Self::Whsec => "whsec_ and the base64 of at least 24 bytes",
            Self::Whpk => "whpk_ and the base64 of 32 bytes",
            Self::WhsecOrWhpk => "whsec_ and the base64 of at least 24 bytes, or whpk_ and that of 32",
            Self::Ed25519Hex => "64 hexadecimal digits",
            Self::P256Der => "the base64 of a public key over P-256, nor its PEM",
            Self::Base64 => "base64",
            Self::Base64url => "base64url",
            Self::Public => {
                "a public key of Ed25519, P-256 or RSA with 2048 to 8192 bits (as PEM, as the base64 of its DER, or of \
                 Ed25519 as 64 hexadecimal digits)"
            }
        }
    }
}

/// What is written as PEM, or as the base64 in it.
fn der(written: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(written).ok()?;
    let base64: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(base64).ok()
}

/// The point of a public key over P-256.
fn p256(der: &[u8]) -> Option<Vec<u8>> {
    let point = der.strip_prefix(&P256)?;
    (point.len() == POINT_BYTES && point.first() == Some(&4)).then(|| point.to_vec())
}

/// A public key of whichever kind it is.
fn public(der: &[u8]) -> Option<Key> {
    if let Some(point) = p256(der) {
        return Some(Key::P256(point));
    }
    if let Some(key) = der.strip_prefix(&ED25519_SPKI) {
        return key.try_into().ok().map(Key::Ed25519);
    }
    let (_, info) = SubjectPublicKeyInfo::from_der(der).ok()?;
    match info.parsed().ok()? {
        PublicKey::RSA(rsa) if RSA_BITS.contains(&rsa.key_size()) => {
            Some(Key::Rsa(info.subject_public_key.data.to_vec()))
        }
        _ => None,
    }
}

impl Written {
    /// The bytes that are written so; none if they are not, or if there are none.
    pub fn read(self, written: &[u8]) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Plain => Some(written.to_vec()),
            Self::In(Encoding::Hex) => hex::decode(written).ok(),
            Self::In(Encoding::Base64) => STANDARD.decode(written).ok(),
            Self::In(Encoding::Base64url) => URL_SAFE.decode(written).ok(),
        };
        bytes.filter(|bytes| !bytes.is_empty())
    }
}

impl Key {
    /// The secret, if it is one.
    pub fn into_secret(self) -> Option<Secret> {
        if let Self::Shared(secret) = self { Some(secret) } else { None }
    }

    /// Whether it is one for signatures of this kind.
    pub fn is_for(&self, method: Method) -> bool {
        match method {
            Method::Hmac(_) | Method::Token => matches!(self, Self::Shared(_)),
            Method::Ed25519 => matches!(self, Self::Ed25519(_)),
            Method::EcdsaP256 => matches!(self, Self::P256(_)),
            Method::RsaPkcs1Sha256 | Method::RsaPssSha256 => matches!(self, Self::Rsa(_)),
        }
    }

    /// What it is, for people.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Shared(_) => "a secret",
            Self::Ed25519(_) => "a public key of Ed25519",
            Self::P256(_) => "a public key of P-256",
            Self::Rsa(_) => "a public key of RSA",
        }
    }

    /// Whether it has made any of the signatures. With a secret, every one is compared, whichever fits, in a time
    /// that says nothing of the secret.
    pub fn has_made(&self, method: Method, signed: &[Value<'_>], given: &[Vec<u8>]) -> Choice {
        let mut has_made = Choice::from(0);
        match (self, method) {
            (Self::Shared(secret), Method::Hmac(algorithm)) => {
                let parts: Vec<&[u8]> = signed.iter().map(|part| &**part).collect();
                let expected = sign::hmac(algorithm, secret.expose(), &parts);
                for signature in given {
                    has_made |= expected.as_slice().ct_eq(signature);
                }
            }
            (Self::Shared(secret), Method::Token) => {
                // Hashes are of one length, so that the secret's is not told either.
                let expected = Sha256::digest(secret.expose());
                for token in given {
                    has_made |= expected.as_slice().ct_eq(Sha256::digest(token).as_slice());
                }
            }
            (Self::Ed25519(key), Method::Ed25519) => {
                let key = UnparsedPublicKey::new(&ED25519, key);
                has_made |= made_by(&key, signed, given);
            }
            (Self::P256(key), Method::EcdsaP256) => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
                has_made |= made_by(&key, signed, given);
            }
            (Self::Rsa(key), Method::RsaPkcs1Sha256) => {
                let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
                has_made |= made_by(&key, signed, given);
            }
            (Self::Rsa(key), Method::RsaPssSha256) => {
                let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key);
                has_made |= made_by(&key, signed, given);
            }
            (
                Self::Shared(_) | Self::Ed25519(_) | Self::P256(_) | Self::Rsa(_),
                Method::Hmac(_)
                | Method::Token
                | Method::Ed25519
                | Method::EcdsaP256
                | Method::RsaPkcs1Sha256
                | Method::RsaPssSha256,
            ) => {}
        }
        has_made
    }
}

fn made_by<K: AsRef<[u8]>>(key: &UnparsedPublicKey<K>, signed: &[Value<'_>], given: &[Vec<u8>]) -> Choice {
    let message = signed.concat();
    Choice::from(u8::from(given.iter().any(|signature| key.verify(&message, signature).is_ok())))
}
