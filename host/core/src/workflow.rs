//! What an operator writes in `workflows/*.yaml`, as plain data, and [`Plan`], the same checked and
//! compiled.

mod plan;

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration;
use crate::grant::Allow;
use crate::limits::Overrides;
use crate::retry;
use crate::schedule;
use crate::signature;

pub use plan::{Environment, Plan, PlanError, PlannedStep, PluginInfo};

/// One workflow.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Name: lower-case letters, digits and `-`, at most 64 characters, unique in the service.
    pub name: String,
    /// What starts a run. A run can always be started by hand as well.
    #[serde(default)]
    pub on: On,
    /// Retry policy of steps that have none of their own.
    #[serde(default)]
    pub retry: Option<retry::Config>,
    /// Namespace of plugin storage; the workflow's name unless given. Workflows with the same
    /// namespace share their storage.
    #[serde(default)]
    pub storage: Option<String>,
    /// The steps, in order; each is fed by the one before, the first by the event.
    pub steps: Vec<Step>,
}

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
}

/// A webhook trigger.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The path, such as `/shop/orders`: one workflow a path.
    pub path: String,
    /// How the sender proves itself. Write `none` to accept anybody.
    pub verify: signature::Verify,
    /// Expression for the key under which a repeated event is recognised, such as
    /// `${{ headers['x-shopify-webhook-id'] }}`.
    #[serde(default)]
    pub dedupe: Option<String>,
    /// How long a repeated event is recognised.
    #[serde(default = "week", with = "duration")]
    #[schemars(with = "String")]
    pub dedupe_for: Duration,
    /// Largest body in bytes.
    #[serde(default = "mebibyte")]
    pub max_body_bytes: u64,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Id, unique in the workflow: lower-case letters, digits, `-` and `_`.
    pub id: String,
    /// Name of the plugin.
    #[serde(rename = "use")]
    pub plugin: String,
    /// The plugin's config. Strings may hold expressions.
    #[serde(default)]
    pub with: IndexMap<String, Value>,
    /// Expression; the step is passed over unless it is true.
    #[serde(default)]
    pub when: Option<Value>,
    /// What the step is fed in place of the output of the step before: any JSON with expressions.
    #[serde(default)]
    pub input: Option<Value>,
    /// Name of the system that a connector's paths go to.
    #[serde(default)]
    pub system: Option<String>,
    /// Further targets that a connector may reach.
    #[serde(default)]
    pub allow: Vec<Allow>,
    /// How many redirects a connector's requests follow.
    #[serde(default)]
    pub redirects: u8,
    /// Wall clock time of one attempt; 30 s unless given.
    #[serde(default, with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
    /// Retry policy.
    #[serde(default)]
    pub retry: Option<retry::Config>,
    /// Limits of one attempt, where they differ from the service's.
    #[serde(default)]
    pub limits: Overrides,
}

fn week() -> Duration {
    Duration::from_secs(7 * 24 * 3600)
}

fn mebibyte() -> u64 {
    1 << 20
}
