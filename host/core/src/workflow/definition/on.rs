//! What starts a run.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration;
use crate::schedule;

use super::webhook::{Webhook, week};

/// What starts a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// POSTs to a path.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// Points in time.
    #[serde(default)]
    pub schedule: Option<schedule::Config>,
    /// An event of this name, as in `events` of stepmill.yaml.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The end of a run of another workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<OnRun>,
    /// Gathers events of the webhook that belong together, and makes one run of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gather: Option<GatherConfig>,
}

/// The end of another workflow's run as a trigger. The payload is `{run, workflow, phase, …}`, as hooks have it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnRun {
    /// Name of the other workflow.
    pub workflow: String,
    /// Which ends count; all unless given.
    #[serde(default = "every_end")]
    pub ends: Vec<End>,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// All its steps are done.
    Succeeded,
    /// It became a dead letter that no rule redrives any more.
    Dead,
}

/// An event that runs wait for, or that starts them: of a webhook of its own, or by the API.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Event")]
pub struct EventDefinition {
    /// POSTs to a path; by the API alone unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Expression for what the event and the run that waits for it have in common, such as `${{ body.order }}`.
    pub key: String,
    /// For how long a run may still begin to wait for an event that has come; 7d unless given.
    #[serde(default = "week", with = "duration")]
    #[schemars(with = "String")]
    pub keep: Duration,
}

/// How events that belong together become one run. Its payload is the array of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatherConfig {
    /// Expression for what they have in common, such as `${{ body.customer }}`.
    pub by: String,
    /// How long after the first event the run begins at the latest.
    #[serde(rename = "for", with = "duration")]
    #[schemars(with = "String")]
    pub lasts: Duration,
    /// At how many events it begins; 100 unless given.
    #[serde(default = "hundred")]
    pub max: u32,
    /// It also begins when no event has come for so long (a debounce).
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub quiet: Option<Duration>,
    /// Which events count; `all` unless given.
    #[serde(default)]
    pub keep: Keep,
}

/// Which of the gathered events count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// All: the payload is the array of theirs.
    #[default]
    All,
    /// The last one: the payload is its own.
    Last,
}

fn every_end() -> Vec<End> {
    vec![End::Succeeded, End::Dead]
}

fn hundred() -> u32 {
    100
}
