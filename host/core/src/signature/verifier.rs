//! Checks signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConstantTimeEq as _};

use super::sign::STANDARD_WEBHOOKS_KEY_BYTES;
use super::{Algorithm, Encoding, Headers, Keys, Refusal, Request, Verdict, Verified, Verify, sign};
use crate::duration;
use crate::secret::{Secret, SecretRef};

/// Why a verifier could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError<E: std::error::Error + 'static> {
    /// The secret could not be read.
    #[error("failed to read the secret {reference}")]
    Unreadable {
        /// Which one.
        reference: SecretRef,
        /// Why.
        #[source]
        source: E,
    },
    /// The secret is empty, so that anybody could sign.
    #[error("the secret {0} is empty: set it")]
    Empty(SecretRef),
    /// Not a secret of Standard Webhooks.
    #[error(
        "the secret {0} is not whsec_ and the base64 of at least {STANDARD_WEBHOOKS_KEY_BYTES} bytes: \
         copy it from the sender as it is"
    )]
    NotStandardWebhooks(SecretRef),
}

/// A [`Verify`] with its secrets. Its `Debug` does not show them.
#[derive(Clone, Debug)]
pub struct Verifier(Scheme);

#[derive(Clone, Debug)]
enum Scheme {
    None,
    Hmac { header: String, keys: Vec<Secret>, algorithm: Algorithm, encoding: Encoding, prefix: String },
    StandardWebhooks { keys: Vec<Secret>, tolerance_ms: u64 },
}

impl Verifier {
    /// Reads the secrets.
    ///
    /// # Errors
    /// The first secret that cannot be read or is none.
    pub fn try_new<E: std::error::Error + 'static>(
        verify: &Verify,
        resolve: impl Fn(&SecretRef) -> Result<Secret, E>,
    ) -> Result<Self, VerifierError<E>> {
        let mut keys = Vec::new();
        for reference in verify.secrets() {
            let secret = resolve(reference)
                .map_err(|source| VerifierError::Unreadable { reference: reference.clone(), source })?;
            if secret.is_empty() {
                return Err(VerifierError::Empty(reference.clone()));
            }
            keys.push((reference, secret));
        }
        let plain = |keys: Vec<(&SecretRef, Secret)>| keys.into_iter().map(|(_, key)| key).collect();
        let scheme = match verify {
            Verify::None {} => Scheme::None,
            Verify::Hmac { header, algorithm, encoding, prefix, .. } => Scheme::Hmac {
                header: header.clone(),
                keys: plain(keys),
                algorithm: *algorithm,
                encoding: *encoding,
                prefix: prefix.clone(),
            },
            Verify::Github { .. } => Scheme::Hmac {
                header: "x-hub-signature-256".into(),
                keys: plain(keys),
                algorithm: Algorithm::Sha256,
                encoding: Encoding::Hex,
                prefix: "sha256=".into(),
            },
            Verify::Shopify { .. } => Scheme::Hmac {
                header: "x-shopify-hmac-sha256".into(),
                keys: plain(keys),
                algorithm: Algorithm::Sha256,
                encoding: Encoding::Base64,
                prefix: String::new(),
            },
            Verify::StandardWebhooks { tolerance, .. } => Scheme::StandardWebhooks {
                keys: keys.into_iter().map(standard_webhooks_key).collect::<Result<_, _>>()?,
                tolerance_ms: duration::ms(*tolerance),
            },
        };
        Ok(Self(scheme))
    }

    /// Checks a request. `_keys` is what was fetched because this verifier had asked for it; `now_ms` is the time
    /// in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// Why the request is not believed.
    pub fn verify(&self, request: &Request<'_>, _keys: &Keys, now_ms: u64) -> Result<Verdict, Refusal> {
        let (headers, body) = (request.headers, request.body);
        let mut verified = Verified::default();
        match &self.0 {
            Scheme::None => {}
            Scheme::Hmac { header: name, keys, algorithm, encoding, prefix } => {
                let encoded =
                    single(headers, name)?.strip_prefix(prefix.as_bytes()).ok_or(Refusal::MalformedHeader)?;
                let given = decode(*encoding, encoded)?;
                accept(keys, *algorithm, &[body], &[given])?;
            }
            Scheme::StandardWebhooks { keys, tolerance_ms } => {
                let id = single(headers, "webhook-id")?;
                let timestamp = single(headers, "webhook-timestamp")?;
                let signatures = single(headers, "webhook-signature")?;
                // With a full stop in the id, the same signed bytes could be cut another way.
                if id.is_empty() || id.contains(&b'.') {
                    return Err(Refusal::MalformedHeader);
                }
                check_time(timestamp, *tolerance_ms, now_ms)?;
                let given = standard_webhooks_signatures(signatures)?;
                accept(keys, Algorithm::Sha256, &[id, b".", timestamp, b".", body], &given)?;
                verified.id = std::str::from_utf8(id).ok().map(str::to_owned);
            }
        }
        Ok(Verdict::Genuine(verified))
    }
}

fn standard_webhooks_key<E: std::error::Error>(
    (reference, secret): (&SecretRef, Secret),
) -> Result<Secret, VerifierError<E>> {
    sign::standard_webhooks_key(secret.expose())
        .filter(|key| key.len() >= STANDARD_WEBHOOKS_KEY_BYTES)
        .map(Secret::new)
        .ok_or_else(|| VerifierError::NotStandardWebhooks(reference.clone()))
}

fn single<'h>(headers: &'h dyn Headers, name: &str) -> Result<&'h [u8], Refusal> {
    match headers.values(name).as_slice() {
        [] => Err(Refusal::MissingHeader),
        [value] => Ok(value),
        [_, _, ..] => Err(Refusal::RepeatedHeader),
    }
}

fn decode(encoding: Encoding, encoded: &[u8]) -> Result<Vec<u8>, Refusal> {
    match encoding {
        Encoding::Hex => hex::decode(encoded).map_err(|_| Refusal::MalformedHeader),
        Encoding::Base64 => STANDARD.decode(encoded).map_err(|_| Refusal::MalformedHeader),
    }
}

/// Both ends of the tolerance are within it.
fn check_time(timestamp: &[u8], tolerance_ms: u64, now_ms: u64) -> Result<(), Refusal> {
    if timestamp.is_empty() || !timestamp.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::MalformedHeader);
    }
    let seconds: u64 = std::str::from_utf8(timestamp)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(Refusal::MalformedHeader)?;
    let signed_ms = seconds.saturating_mul(1_000);
    if now_ms.saturating_sub(signed_ms) > tolerance_ms {
        Err(Refusal::TooOld)
    } else if signed_ms.saturating_sub(now_ms) > tolerance_ms {
        Err(Refusal::TooNew)
    } else {
        Ok(())
    }
}

/// All signatures of version 1 in a list that is separated by spaces; other versions are passed over.
fn standard_webhooks_signatures(list: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    let mut signatures = Vec::new();
    for signature in list.split(|byte| *byte == b' ').filter(|signature| !signature.is_empty()) {
        if let Some(encoded) = signature.strip_prefix(b"v1,") {
            signatures.push(decode(Encoding::Base64, encoded)?);
        }
    }
    if signatures.is_empty() { Err(Refusal::MalformedHeader) } else { Ok(signatures) }
}

/// Whether any key gives any of the signatures. Every pair is compared, whichever fits.
fn accept(keys: &[Secret], algorithm: Algorithm, parts: &[&[u8]], given: &[Vec<u8>]) -> Result<(), Refusal> {
    let mut is_genuine = Choice::from(0);
    for key in keys {
        let expected = sign::hmac(algorithm, key.expose(), parts);
        for signature in given {
            is_genuine |= expected.as_slice().ct_eq(signature);
        }
    }
    if bool::from(is_genuine) { Ok(()) } else { Err(Refusal::Mismatch) }
}
