//! What an operator writes, as plain data.

mod on;
mod webhook;

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dead::redrive;
use crate::duration;
use crate::flow::fair::Priority;
use crate::grant::Allow;
use crate::limits::Overrides;
use crate::retry;
use crate::run::{Failures, OnDead};
use crate::size;

pub use on::{End, EventDefinition, GatherConfig, Keep, On, OnRun};
pub use webhook::{Answer, Respond, Webhook};

/// One workflow.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Name: lower-case letters, digits and `-`, at most 64 characters, unique in the service.
    pub name: String,
    /// What starts a run. A run can always be started by hand as well.
    #[serde(default)]
    pub on: On,
    /// Runs that must go one after another, in the order in which their events came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<LaneConfig>,
    /// Whether its runs go before others when there is more to do than there are places; `normal` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// How many of its runs are worked on at once. Runs that wait for something do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How long a run may take from its acceptance, its waits included. Unless given it may wait for ever.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
    /// How long its runs are kept once they have ended; for `journal.retain` of stepmill.yaml unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain: Option<Retain>,
    /// Retry policy of steps that have none of their own.
    #[serde(default)]
    pub retry: Option<retry::Config>,
    /// When dead letters are redriven without a person. The first rule that fits decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redrive: Vec<redrive::RuleConfig>,
    /// Namespace of plugin storage; the workflow's name unless given. Workflows with the same
    /// namespace share their storage.
    #[serde(default)]
    pub storage: Option<String>,
    /// The steps. Each comes after the one before it and is fed by it, the first by the event, unless it
    /// says otherwise.
    pub steps: Vec<Step>,
    /// What the run gives to whoever called it or asks for it: any JSON with expressions. Unless given it is
    /// the output of the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Steps of a run of their own that begins when a run has become a dead letter that no rule redrives any more.
    /// They are fed `{run, workflow, phase, step, failure, body}`.
    #[serde(default, rename = "on-failure", skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<Step>,
    /// Steps of a run of their own that begins when a run has succeeded. They are fed
    /// `{run, workflow, phase, output, body}`.
    #[serde(default, rename = "on-success", skip_serializing_if = "Vec::is_empty")]
    pub on_success: Vec<Step>,
}

/// How long runs are kept once they have succeeded or were cancelled, those of the workflow's hooks and lists
/// included. Whichever bound is reached first counts; the oldest ends go first. Dead letters are kept until
/// somebody redrives or discards them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retain {
    /// For how long after their end; `journal.retain` of stepmill.yaml unless given.
    #[serde(default, rename = "for", with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub lasts: Option<Duration>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u64>,
    /// How many bytes of the journal at most, such as `1GiB`.
    #[serde(default, with = "size::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ByteSize>")]
    pub bytes: Option<u64>,
}

/// A number of bytes, or a text such as `512KiB`, `1GiB` or `10GB`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "says what may be written; it is read by `size`")]
enum ByteSize {
    Number(u64),
    Text(String),
}

/// A lane: its key, or more of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LaneConfig {
    /// Expression for the key, such as `${{ body.customer }}`.
    Key(String),
    /// The key and how the lane works.
    Whole(WholeLane),
}

/// A lane with all its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WholeLane {
    /// Expression for the key, such as `${{ body.customer }}`.
    pub key: String,
    /// How many runs of a lane go at once; 1 unless given.
    #[serde(default = "one")]
    pub concurrency: u32,
    /// What a dead letter does to those behind it; `block` unless given.
    #[serde(default, rename = "on-dead")]
    pub on_dead: OnDead,
}

/// One step: it uses a plugin, calls a workflow, waits for something, or does one of the first two for each
/// item of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Id, unique in the workflow: lower-case letters, digits, `-` and `_`.
    pub id: String,
    /// The steps that it comes after; the one before it unless given, and none for `[]`. With several it is
    /// fed an object of their outputs by their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Vec<String>>,
    /// Expression; the step is passed over unless it is true.
    #[serde(default)]
    pub when: Option<Value>,
    /// The step that this one is the alternative to: it runs if that one was passed over, timed out or was
    /// declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    /// What the step is fed in place of the output of the steps before: any JSON with expressions.
    #[serde(default)]
    pub input: Option<Value>,

    /// Name of the plugin.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The plugin's config. Strings may hold expressions.
    #[serde(default)]
    pub with: IndexMap<String, Value>,
    /// Name of the system that a connector's paths go to.
    #[serde(default)]
    pub system: Option<String>,
    /// Further targets that a connector may reach.
    #[serde(default)]
    pub allow: Vec<Allow>,
    /// How many redirects a connector's requests follow.
    #[serde(default)]
    pub redirects: u8,
    /// Wall clock time of one attempt, 30 s unless given; of a `wait` or `approve` step how long it waits, for
    /// ever unless given.
    #[serde(default, with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
    /// Retry policy.
    #[serde(default)]
    pub retry: Option<retry::Config>,
    /// Limits of one attempt, where they differ from the service's.
    #[serde(default)]
    pub limits: Overrides,
    /// How to undo the step, if a later one fails for good. It is fed the step's output. Of a workflow that was called
    /// that is what makes up for it: the run of it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<Undo>>,

    /// Begins a run of another workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Waits so long: a duration, or an expression for one or for a number of seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep: Option<String>,
    /// Waits until then: an RFC 3339 time, or an expression for one or for milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Waits for an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// Waits for a person's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<Approve>,
    /// Does what it does for each item of a list, each in a run of its own.
    #[serde(default, rename = "for-each", skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    /// The steps for each item, in place of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// How a step is undone: a step itself, without a place of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// Name of the plugin.
    #[serde(rename = "use")]
    pub plugin: String,
    /// Expression; nothing is done unless it is true.
    #[serde(default)]
    pub when: Option<Value>,
    /// What it is fed in place of the step's output: any JSON with expressions.
    #[serde(default)]
    pub input: Option<Value>,
    /// The plugin's config. Strings may hold expressions; `input` is the step's output.
    #[serde(default)]
    pub with: IndexMap<String, Value>,
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

/// A call of another workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its name. The called run's payload is what the step is fed.
    pub workflow: String,
    /// Whether the step is done once the run has begun, with `{run}` as its output, and not once it has
    /// succeeded, with what that gives.
    #[serde(default)]
    pub detach: bool,
}

/// A wait for an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Name of the event, as in `events` of stepmill.yaml.
    pub event: String,
    /// Expression for what the event and this run have in common, such as `${{ steps.create.output.id }}`.
    pub key: String,
}

/// A wait for a person's decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// What is to be decided, for the person; may hold expressions.
    #[serde(default)]
    pub question: Option<String>,
}

/// A list whose items are worked on one by one, each in a run of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForEach {
    /// Expression for the list.
    #[serde(rename = "in")]
    pub list: String,
    /// How many items one run gets, as an array; each alone unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// How many runs go at once; 10 unless given.
    #[serde(default = "ten")]
    pub concurrency: u32,
    /// What an item that fails does to the step.
    #[serde(default)]
    pub failures: Failures,
    /// Whether the step's output is the array of the items' outputs, and not only their count.
    #[serde(default = "yes")]
    pub outputs: bool,
}

fn one() -> u32 {
    1
}

fn ten() -> u32 {
    10
}

fn yes() -> bool {
    true
}

impl Definition {
    /// Names of the plugins that its steps use, those of lists, hooks and undoing included.
    pub fn plugins(&self) -> BTreeSet<&str> {
        let mut open: Vec<&Step> =
            self.steps.iter().chain(&self.on_failure).chain(&self.on_success).collect();
        let mut names = BTreeSet::new();
        while let Some(step) = open.pop() {
            names.extend(step.plugin.as_deref());
            names.extend(step.undo.as_ref().map(|undo| undo.plugin.as_str()));
            open.extend(&step.steps);
        }
        names
    }
}

impl From<Undo> for Step {
    fn from(undo: Undo) -> Self {
        let Undo { plugin, when, input, with, system, allow, redirects, timeout, retry, limits } = undo;
        Self {
            plugin: Some(plugin),
            when,
            input,
            with,
            system,
            allow,
            redirects,
            timeout,
            retry,
            limits,
            ..Self::default()
        }
    }
}
