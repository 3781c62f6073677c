//! A path that senders POST to: whom it believes, what it takes, and what it answers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::handshake::{self, Handshake};
use crate::{duration, signature};

/// A webhook trigger.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The path, such as `/shop/orders`: one workflow a path.
    pub path: String,
    /// How the sender proves itself. Write `{ scheme: none }` to accept anybody.
    pub verify: signature::Verify,
    /// How the sender asks, before it sends anything, whether the URL is its customer's; what belongs to the scheme of
    /// `verify` unless given. `none` answers nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "handshake::by_name")]
    #[schemars(schema_with = "handshake::by_name_schema")]
    pub handshake: Option<Handshake>,
    /// Expression for the key under which a repeated event is recognised, such as
    /// `${{ headers['x-order-id'] }}`; what the sender's scheme knows it by unless given. Write `none` to take each
    /// as another.
    #[serde(default)]
    pub dedupe: Option<String>,
    /// How long a repeated event is recognised.
    #[serde(default = "week", with = "duration")]
    #[schemars(with = "String")]
    pub dedupe_for: Duration,
    /// Largest body in bytes.
    #[serde(default = "mebibyte")]
    pub max_body_bytes: u64,
    /// Answers the sender with what a step gives, if it is there in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<Respond>,
}

/// A synchronous answer. If the step is not done in time the answer is the usual 202 with the run's id, and
/// the run goes on either way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Respond {
    /// The step whose output is the answer; the workflow's output unless given.
    #[serde(default)]
    pub from: Option<String>,
    /// How long the sender is kept waiting; at most a minute.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub within: Duration,
}

pub(super) fn week() -> Duration {
    Duration::from_secs(7 * 24 * 3600)
}

fn mebibyte() -> u64 {
    1 << 20
}
