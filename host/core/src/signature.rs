//! How webhook senders prove that an event is theirs.
//!
//! [`Verify`] is what an operator writes, [`Verifier`] the same with its secrets at hand, and [`sign`] the
//! sender's side. Signatures are compared as bytes, in constant time, against every secret that is
//! accepted; what they cover is the body as it came.
//!
//! Threats: a forged or altered body (HMAC); a replayed one (the timestamp where the scheme has one, else
//! the workflow's dedupe key); a second signature header that some proxy reads differently (refused); an
//! unset secret, under which anybody could sign (refused when the verifier is made).

mod refusal;
mod request;
pub mod sign;
mod verdict;
mod verifier;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration;
use crate::secret::SecretRef;

pub use refusal::Refusal;
pub use request::{Headers, Request};
pub use verdict::{Keys, Verdict, Verified};
pub use verifier::{Verifier, VerifierError};

/// How the sender of a webhook proves itself. Each scheme with a secret also takes `previous`, which
/// is accepted besides while the sender moves from one secret to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verify {
    /// Anybody who reaches the path is believed.
    None {},
    /// An HMAC (RFC 2104) of the body in a header.
    Hmac {
        /// Name of the header.
        header: String,
        /// The key.
        secret: SecretRef,
        /// A key that is accepted besides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<SecretRef>,
        /// The hash; SHA-256 unless given.
        #[serde(default)]
        algorithm: Algorithm,
        /// How the bytes are written; in hexadecimal unless given.
        #[serde(default)]
        encoding: Encoding,
        /// What stands before the encoded bytes, such as `sha256=`.
        #[serde(default)]
        prefix: String,
    },
    /// GitHub: `X-Hub-Signature-256`.
    /// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
    Github {
        /// The key.
        secret: SecretRef,
        /// A key that is accepted besides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<SecretRef>,
    },
    /// Shopify: `X-Shopify-Hmac-Sha256`.
    /// <https://shopify.dev/docs/apps/build/webhooks/subscribe/https>
    Shopify {
        /// The key.
        secret: SecretRef,
        /// A key that is accepted besides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<SecretRef>,
    },
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
    StandardWebhooks {
        /// The key: `whsec_` and base64.
        secret: SecretRef,
        /// A key that is accepted besides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<SecretRef>,
        /// How far the sender's clock may be from ours, either way; 5 min unless given.
        #[serde(default = "five_minutes", with = "duration")]
        #[schemars(with = "String")]
        tolerance: Duration,
    },
}

/// Hash of an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Algorithm {
    Sha1,
    #[default]
    Sha256,
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal, in either case.
    #[default]
    Hex,
    /// Base64 of RFC 4648 with padding.
    Base64,
}

impl Verify {
    /// The secrets that the scheme needs, so that a check can look for them.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::None {} => Vec::new(),
            Self::Hmac { secret, previous, .. }
            | Self::Github { secret, previous }
            | Self::Shopify { secret, previous }
            | Self::StandardWebhooks { secret, previous, .. } => {
                std::iter::once(secret).chain(previous).collect()
            }
        }
    }
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

#[cfg(test)]
mod tests;
