//! A path that senders POST to: whom it believes, what it takes, and what it answers.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body;
use crate::duration;
use crate::flow::rate;
use crate::handshake::{self, Handshake};
use crate::network::Network;
use crate::signature;

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
    /// `${{ headers['x-order-id'] }}`. Without one an event is known by what its sender's scheme knows it by, a CloudEvent
    /// by its source and id; `none` takes each for another.
    #[serde(default)]
    pub dedupe: Option<String>,
    /// How long a repeated event is recognised.
    #[serde(default = "week", with = "duration")]
    #[schemars(with = "String")]
    pub dedupe_for: Duration,
    /// The networks that senders may call from, such as `[203.0.113.0/24]`; any unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Network>,
    /// How many requests each sender may make in a period, by its address, such as `{ requests: 100, per: 1s }`; any
    /// number unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<rate::Config>,
    /// Largest body in bytes.
    #[serde(default = "mebibyte")]
    pub max_body_bytes: u64,
    /// What bodies are, and how they become documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<body::Rules>,
    /// What a sender is answered whose event was accepted, in place of 202 and `{"run": "run_…"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Answers the sender with what a step gives, if it is there in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<Respond>,
}

/// The answer to an event that was accepted; the same to one that is sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status, of those that say that it was: 200 to 299; 202 unless given.
    #[serde(default = "accepted")]
    pub status: u16,
    /// Headers of the answer besides; `content-type` is `application/json`, or `text/plain` if the body is a text, unless given.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// The body: JSON, or a text. Expressions in it see the event, and as `run` the run that it began. Empty unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
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

fn accepted() -> u16 {
    202
}
