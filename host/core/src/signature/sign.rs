//! The sender's side, for simulated senders and for tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::Algorithm;

/// Shortest key of Standard Webhooks in bytes; its specification asks for 24.
pub(super) const STANDARD_WEBHOOKS_KEY_BYTES: usize = 24;

/// The HMAC (RFC 2104) of `parts`, one after the other.
pub fn hmac(algorithm: Algorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    match algorithm {
        Algorithm::Sha1 => digest::<Hmac<Sha1>>(key, parts),
        Algorithm::Sha256 => digest::<Hmac<Sha256>>(key, parts),
        Algorithm::Sha512 => digest::<Hmac<Sha512>>(key, parts),
    }
}

fn digest<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("an HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// HMAC of a body in hexadecimal.
pub fn hmac_hex(algorithm: Algorithm, key: &[u8], body: &[u8]) -> String {
    hex::encode(hmac(algorithm, key, &[body]))
}

/// HMAC of a body in base64.
pub fn hmac_base64(algorithm: Algorithm, key: &[u8], body: &[u8]) -> String {
    STANDARD.encode(hmac(algorithm, key, &[body]))
}

/// Value of GitHub's `X-Hub-Signature-256`.
pub fn github(key: &[u8], body: &[u8]) -> String {
    format!("sha256={}", hmac_hex(Algorithm::Sha256, key, body))
}

/// Value of Shopify's `X-Shopify-Hmac-Sha256`.
pub fn shopify(key: &[u8], body: &[u8]) -> String {
    hmac_base64(Algorithm::Sha256, key, body)
}

/// Value of `webhook-signature` of Standard Webhooks. `secret` is `whsec_` and base64; `timestamp` is in
/// seconds since the Unix epoch, as in `webhook-timestamp`. None if the secret is not such a one.
pub fn standard_webhooks(secret: &str, id: &str, timestamp: u64, body: &[u8]) -> Option<String> {
    let key = standard_webhooks_key(secret.as_bytes())?;
    let timestamp = timestamp.to_string();
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    Some(format!("v1,{}", STANDARD.encode(hmac(Algorithm::Sha256, &key, &parts))))
}

/// Whether a text is a secret of Standard Webhooks: `whsec_` and the base64 of enough bytes.
pub fn is_standard_webhooks_secret(secret: &str) -> bool {
    standard_webhooks_key(secret.as_bytes()).is_some_and(|key| key.len() >= STANDARD_WEBHOOKS_KEY_BYTES)
}

/// The key that `whsec_` and base64 stand for.
pub(super) fn standard_webhooks_key(secret: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix(b"whsec_")?).ok()
}
