//! A workflow, checked and compiled: what runs are made by.

mod config;
mod step;
mod syntax;
mod trigger;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Definition, Webhook};
use crate::expression::Template;
use crate::grant::Grant;
use crate::limits::Limits;
use crate::manifest::{Kind, Manifest};
use crate::retry::Policy;
use crate::schedule::Schedule;

/// Most steps that a workflow may have, as all outputs of a run are kept while it runs.
pub const MAX_STEPS: usize = 200;

/// A plugin that is installed.
#[derive(Clone, Debug)]
pub struct PluginInfo {
    /// What the component says of itself.
    pub manifest: Arc<Manifest>,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: Arc<str>,
}

/// What a definition is checked against.
pub struct Environment<'a> {
    /// Installed plugins by name.
    pub plugins: &'a BTreeMap<String, PluginInfo>,
    /// Names of configured systems.
    pub systems: &'a BTreeSet<String>,
    /// The service's limits of an attempt.
    pub limits: Limits,
    /// Reads a JSON or YAML file that a step's config names, relative to the workflow's file. The error
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
    /// Name of the workflow.
    pub name: Arc<str>,
    /// Hexadecimal SHA-256 of the definition, of the files it names and of its plugins' digests.
    pub version: Arc<str>,
    /// The webhook trigger.
    pub webhook: Option<Webhook>,
    /// The webhook's dedupe key; refers to the event alone.
    pub dedupe: Option<Template>,
    /// The schedule.
    pub schedule: Option<Schedule>,
    /// Namespace of plugin storage.
    pub namespace: Arc<str>,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
}

/// A step that can run.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Id, unique in the workflow.
    pub id: Arc<str>,
    /// Kind of the plugin.
    pub kind: Kind,
    /// Name of the plugin.
    pub plugin: Arc<str>,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: Arc<str>,
    /// The plugin's config, with the files it names in place.
    pub config: Template,
    /// The config as JSON text, if there is no expression in it.
    pub constant_config: Option<Arc<str>>,
    /// The step is passed over unless this gives true.
    pub when: Option<Template>,
    /// What the step is fed, if not the output of the step before.
    pub input: Option<Template>,
    /// Limits of one attempt; `wall_ms` is the step's timeout.
    pub limits: Limits,
    /// Retry policy.
    pub retry: Policy,
    /// What the step may reach.
    pub grant: Arc<Grant>,
}

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
        let retry =
            problems.keep("/retry", definition.retry.as_ref().map(Policy::try_new)).unwrap_or_default();
        let dedupe =
            definition.on.webhook.as_ref().and_then(|webhook| trigger::webhook(webhook, &mut problems));
        let schedule = trigger::schedule(definition.on.schedule.as_ref(), &mut problems);
        let namespace: Arc<str> = definition.storage.as_deref().unwrap_or(&definition.name).into();
        let mut files = Vec::new();
        let steps = step::plan(&definition, environment, &retry, &namespace, &mut files, &mut problems);
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        let version = version(&definition, &steps, &files);
        Ok(Self {
            name: definition.name.into(),
            version,
            webhook: definition.on.webhook,
            dedupe,
            schedule,
            namespace,
            steps,
        })
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

    /// The value, if it is there and right.
    fn keep<T, E: fmt::Display>(&mut self, pointer: &str, value: Option<Result<T, E>>) -> Option<T> {
        match value? {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(pointer, error.to_string());
                None
            }
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

/// `/a~b` as a token of a JSON pointer: `~1a~0b`.
fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `files` are the contents of those that steps name, in the order of the definition, which has their paths.
fn version(definition: &Definition, steps: &[PlannedStep], files: &[Value]) -> Arc<str> {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    };
    // A definition has only keys that are strings, so it always has a value.
    let definition = serde_json::to_value(definition).unwrap_or_default();
    part(&canonical(&definition).to_string());
    for step in steps {
        part(&step.digest);
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
