//! A workflow, checked and compiled: what runs are made by.

mod accept;
mod answer;
mod config;
mod event;
mod graph;
mod part;
mod plugin;
mod step;
mod syntax;
mod trigger;
mod verify;
mod wait;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::definition::{Definition, OnRun, Retain, Webhook};
use crate::dead::redrive;
use crate::expression::Template;
use crate::flow::fair::Priority;
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::schedule::Schedule;

pub use accept::{KEY_BYTES, NoKey, key_of, value_key};
pub use answer::AnswerPlan;
pub use event::EventPlan;
pub use step::{Body, ForEachStep, PlannedStep, PluginStep, Work};
pub use trigger::{EventTrigger, Gathering, LanePlan};
pub use verify::VerifyPlan;

/// Most steps that a workflow may have, as all outputs of a run are kept while it runs.
pub const MAX_STEPS: usize = 200;

/// A plugin that is installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// What the component says of itself.
    pub manifest: Arc<Manifest>,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: Arc<str>,
}

/// Names that a definition may refer to.
#[derive(Clone, Copy, Debug)]
pub enum Names<'a> {
    /// These.
    Of(&'a BTreeSet<String>),
    /// Any: the definition has been checked before, against those that there were then.
    Any,
}

impl<'a> Names<'a> {
    /// Whether there is this one.
    fn has(self, name: &str) -> bool {
        match self {
            Self::Of(names) => names.contains(name),
            Self::Any => true,
        }
    }

    fn iter(self) -> impl Iterator<Item = &'a str> + Clone {
        let names = match self {
            Self::Of(names) => Some(names),
            Self::Any => None,
        };
        names.into_iter().flatten().map(String::as_str)
    }
}

/// What a definition is checked against.
pub struct Environment<'a> {
    /// Installed plugins by name.
    pub plugins: &'a BTreeMap<String, PluginInfo>,
    /// Names of plugins that are at hand besides, for advice: nothing uses them, so that they are not loaded.
    pub unused_plugins: Names<'a>,
    /// Names of configured systems.
    pub systems: Names<'a>,
    /// Names of configured events.
    pub events: Names<'a>,
    /// Names of all workflows.
    pub workflows: Names<'a>,
    /// Whether people can decide by signed links.
    pub has_links: bool,
    /// The service's limits of an attempt.
    pub limits: Limits,
    /// Reads a file that a step's config names, relative to the workflow's file. The error
    /// is a sentence for the operator.
    pub read_file: &'a dyn Fn(&str) -> Result<Value, String>,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("plugins", &self.plugins.keys()).finish_non_exhaustive()
    }
}

/// One thing that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct PlanError {
    /// RFC 6901 JSON pointer into the definition, such as `/steps/2/with/method`. May name a key that
    /// is missing.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What would be right, where that takes another sentence.
    pub help: Option<String>,
}

/// A workflow that can run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the workflow; of a part of one `workflow/part`.
    pub name: Arc<str>,
    /// Hexadecimal SHA-256 of the definition but for `retain`, of the files it names and of its plugins' digests. A
    /// part has the version of the whole.
    pub version: Arc<str>,
    /// The webhook trigger.
    pub webhook: Option<Webhook>,
    /// The webhook's dedupe key; refers to the event alone.
    pub dedupe: Option<Template>,
    /// What a sender is answered whose event was accepted, unless it is the usual.
    pub answer: Option<AnswerPlan>,
    /// The event trigger.
    pub event: Option<EventTrigger>,
    /// The trigger by another workflow's runs.
    pub on_run: Option<OnRun>,
    /// The schedule.
    pub schedule: Option<Schedule>,
    /// The lane that its runs go in.
    pub lane: Option<LanePlan>,
    /// How events are gathered.
    pub gather: Option<Gathering>,
    /// Whether its runs go before others.
    pub priority: Priority,
    /// How many of its runs are worked on at once; none if only the service's places bound them.
    pub concurrency: Option<usize>,
    /// How long a run may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// When dead letters are redriven without a person. Those of a part have the rules of the whole.
    pub redrive: redrive::Rules,
    /// How long its runs are kept once they have ended; a part's count with the whole's.
    pub retain: Retain,
    /// Namespace of plugin storage.
    pub namespace: Arc<str>,
    /// The steps. Each comes after all that it needs.
    pub steps: Vec<PlannedStep>,
    /// What a run gives.
    pub output: Option<Template>,
    /// Its parts: the bodies of `for-each` steps by the step's id, and the hooks.
    pub parts: BTreeMap<Arc<str>, Arc<Plan>>,
}

/// Names of the hooks' parts.
pub(crate) const ON_FAILURE: &str = "on-failure";
/// See [`ON_FAILURE`].
pub(crate) const ON_SUCCESS: &str = "on-success";

impl Plan {
    /// Checks and compiles a definition.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the definition. Never empty.
    pub fn try_new(definition: Definition, environment: &Environment<'_>) -> Result<Self, Vec<PlanError>> {
        let mut problems = Problems::default();
        problems.check("/name", syntax::name(&definition.name));
        if let Some(namespace) = &definition.storage {
            problems.check("/storage", syntax::name(namespace));
        }
        let retry = plugin::policy("/retry", definition.retry.as_ref(), environment.systems, &mut problems)
            .unwrap_or_default();
        let redrive = plugin::redrive("/redrive", &definition.redrive, environment.systems, &mut problems);
        let on = &definition.on;
        let dedupe = on.webhook.as_ref().and_then(|webhook| webhook::workflow(webhook, &mut problems));
        let answer =
            on.webhook.as_ref().and_then(|webhook| answer::answer("/on/webhook", webhook, &mut problems));
        let schedule = trigger::schedule(on.schedule.as_ref(), &mut problems);
        let event = trigger::event(on.event.as_deref(), environment, &mut problems);
        trigger::run(on.run.as_ref(), &definition.name, environment, &mut problems);
        let lane = trigger::lane(definition.lane.as_ref(), &mut problems);
        let gather = trigger::gather(&definition, &mut problems);
        if definition.concurrency == Some(0) {
            problems.add("/concurrency", "concurrency is 0, so that no run would go on: give at least 1");
        }
        let timeout_ms = trigger::timeout(definition.timeout, &mut problems);
        let retain = trigger::retain(definition.retain.as_ref(), &mut problems);
        let namespace: Arc<str> = definition.storage.as_deref().unwrap_or(&definition.name).into();
        let mut planner = part::Planner {
            environment,
            retry,
            redrive: redrive.clone(),
            namespace: Arc::clone(&namespace),
            files: Vec::new(),
            digests: Vec::new(),
            count: 0,
            problems,
        };
        let mut parts = BTreeMap::new();
        let steps = planner.steps(&definition.name, &definition.steps, "/steps", false, &mut parts);
        for (name, steps) in [(ON_FAILURE, &definition.on_failure), (ON_SUCCESS, &definition.on_success)] {
            if !steps.is_empty() {
                let plan =
                    planner.part(&format!("{}/{name}", definition.name), steps, &format!("/{name}"), false);
                parts.insert(name.into(), Arc::new(plan));
            }
        }
        let output = planner.output(definition.output.as_ref(), &steps);
        webhook::respond(on.webhook.as_ref(), &steps, &mut planner.problems);
        let part::Planner { files, digests, problems, .. } = planner;
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        let version = version(&definition, &digests, &files);
        let mut plan = Self {
            name: definition.name.into(),
            version: Arc::clone(&version),
            webhook: definition.on.webhook,
            dedupe,
            answer,
            event,
            on_run: definition.on.run,
            schedule,
            lane,
            gather,
            priority: definition.priority.unwrap_or_default(),
            concurrency: definition.concurrency.and_then(|most| usize::try_from(most).ok()),
            timeout_ms,
            redrive,
            retain,
            namespace,
            steps,
            output,
            parts,
        };
        plan.set_version(&version);
        Ok(plan)
    }

    /// The plan of a part by its whole name, such as `nightly/each`; the plan itself by its own.
    pub fn part<'p>(self: &'p Arc<Self>, name: &str) -> Option<&'p Arc<Self>> {
        if *self.name == *name {
            return Some(self);
        }
        let rest = name.strip_prefix(&*self.name)?.strip_prefix('/')?;
        let first = rest.split('/').next().unwrap_or_default();
        self.parts.get(first)?.part(name)
    }

    /// The plugin steps of the plan and of its parts, those that undo included, each with the pointer to it in
    /// the definition.
    pub fn plugin_steps(&self) -> Vec<(&PlannedStep, &PluginStep)> {
        let mut found = Vec::new();
        for step in &self.steps {
            for step in std::iter::once(step).chain(step.undo.as_deref()) {
                if let Work::Plugin(plugin) = &step.work {
                    found.push((step, plugin));
                }
            }
        }
        found.extend(self.parts.values().flat_map(|part| part.plugin_steps()));
        found
    }

    /// The same under another version: that under which it was deployed.
    pub(super) fn with_version(mut self, version: &Arc<str>) -> Self {
        self.set_version(version);
        self
    }

    fn set_version(&mut self, version: &Arc<str>) {
        self.version = Arc::clone(version);
        for part in self.parts.values_mut() {
            Arc::make_mut(part).set_version(version);
        }
    }
}

/// What has been found so far.
#[derive(Default)]
struct Problems(Vec<PlanError>);

impl Problems {
    fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(PlanError { pointer: pointer.into(), message: message.into(), help: None });
    }

    fn add_with_help(&mut self, pointer: impl Into<String>, message: impl Into<String>, help: String) {
        self.0.push(PlanError { pointer: pointer.into(), message: message.into(), help: Some(help) });
    }

    fn check(&mut self, pointer: &str, checked: Result<(), String>) {
        if let Err(message) = checked {
            self.add(pointer, message);
        }
    }

    /// The template, if all its expressions are right.
    fn compile(&mut self, pointer: &str, value: &Value, opaque: &BTreeSet<String>) -> Option<Template> {
        match Template::compile_except(value, opaque) {
            Ok(template) => Some(template),
            Err(errors) => {
                for error in errors {
                    self.add(format!("{pointer}{}", error.pointer), error.to_string());
                }
                None
            }
        }
    }
}

/// `files` are the contents of those that steps name, in the order of the definition, which has their paths.
fn version(definition: &Definition, digests: &[Arc<str>], files: &[Value]) -> Arc<str> {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    };
    // A definition has only keys that are strings, so it always has a value.
    let mut definition = serde_json::to_value(definition).unwrap_or_default();
    // How long runs are kept is no part of what they do.
    drop(definition.as_object_mut().and_then(|members| members.remove("retain")));
    part(&canonical(&definition).to_string());
    for digest in digests {
        part(digest);
    }
    for content in files {
        part(&canonical(content).to_string());
    }
    hex::encode(hash.finalize()).into()
}

/// The same value with its keys in order, so that a version does not hang on theirs.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> =
                members.iter().map(|(key, member)| (key, canonical(member))).collect();
            sorted.into_iter().map(|(key, member)| (key.clone(), member)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests;
