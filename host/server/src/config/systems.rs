//! External applications: where they are, how the host proves itself to them, how hard it may press.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_core::duration;
use stepmill_core::flow::{breaker, rate};
use stepmill_core::secret::SecretRef;

/// One external application.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Base URL, such as `https://erp.example.com/api`: steps' paths go below it.
    pub url: String,
    /// What the host adds to each request so that the system believes it. Guests never see it.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// How many requests may be under way at once; 16 unless given.
    #[serde(default = "sixteen")]
    pub concurrency: usize,
    /// How many attempts at it may begin in a period, such as `{ requests: 10, per: 1s }`.
    #[serde(default)]
    pub rate: Option<rate::Config>,
    /// When it is left alone because it fails; it is after five failures in a row unless given.
    #[serde(default)]
    pub breaker: breaker::Config,
    /// How long to wait for the system.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// File with the certificates (PEM) of the authority that signed the system's, relative to this
    /// file; trusted in place of those that the host trusts.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// What the host adds to each request.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer …` (RFC 6750) with this token.
    Bearer(SecretRef),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: SecretRef,
    },
    /// A header of the system's own.
    Header {
        /// The header's name.
        name: String,
        /// Its value.
        value: SecretRef,
    },
    /// A signature of each request, as Standard Webhooks has it: `webhook-timestamp` and `webhook-signature`. The
    /// plugin gives `webhook-id`.
    #[serde(rename = "standard-webhooks")]
    StandardWebhooks {
        /// The secret that receivers know: `whsec_` and base64.
        secret: SecretRef,
        /// The secret before, which signs besides while receivers change to the new one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<SecretRef>,
    },
}

impl Auth {
    /// The secrets, each with its RFC 6901 pointer below `auth`.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretRef)> {
        let (one, other) = match self {
            Self::Bearer(token) => (("bearer", token), None),
            Self::Basic { password, .. } => (("basic/password", password), None),
            Self::Header { value, .. } => (("header/value", value), None),
            Self::StandardWebhooks { secret, previous } => {
                let previous = previous.as_ref().map(|secret| ("standard-webhooks/previous", secret));
                (("standard-webhooks/secret", secret), previous)
            }
        };
        std::iter::once(one).chain(other)
    }
}

/// How long to wait for a system.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Until the connection stands, TLS included; 5s unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub connect: Duration,
    /// From the beginning, connecting included, to the first byte of the response; 20s unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub first_byte: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), first_byte: Duration::from_secs(20) }
    }
}

fn sixteen() -> usize {
    16
}
