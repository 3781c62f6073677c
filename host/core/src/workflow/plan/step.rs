//! Steps: each checked by itself and against those before it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Environment, MAX_STEPS, PlannedStep, PluginInfo, Problems, config, syntax};
use crate::expression::Template;
use crate::grant::Grant;
use crate::limits::Limits;
use crate::manifest::Kind;
use crate::nearest::nearest;
use crate::retry::Policy;
use crate::workflow::{Definition, Step};

/// Shortest and longest timeout of an attempt.
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
/// Most redirects that a request may follow.
const MAX_REDIRECTS: u8 = 10;

/// Checks all steps. What comes back is whole only if there was no problem; `contents` gains what is in the
/// files that they name.
pub(super) fn plan(
    definition: &Definition,
    environment: &Environment<'_>,
    retry: &Policy,
    namespace: &Arc<str>,
    contents: &mut Vec<Value>,
    problems: &mut Problems,
) -> Vec<PlannedStep> {
    match definition.steps.len() {
        0 => problems.add("/steps", "there are no steps: give at least one"),
        1..=MAX_STEPS => {}
        count => problems.add("/steps", format!("there are {count} steps: give at most {MAX_STEPS}")),
    }
    let mut before = BTreeSet::new();
    let mut planned = Vec::with_capacity(definition.steps.len());
    for (index, step) in definition.steps.iter().enumerate() {
        let at = format!("/steps/{index}");
        let mut checker = Checker { step, at, environment, before: &before, contents, problems };
        planned.extend(checker.plan(retry, namespace));
        before.insert(step.id.as_str());
    }
    planned
}

struct Checker<'a, 'p> {
    step: &'a Step,
    /// Pointer to the step.
    at: String,
    environment: &'a Environment<'a>,
    /// Ids of the steps before.
    before: &'a BTreeSet<&'a str>,
    /// What is in the files that the steps name.
    contents: &'p mut Vec<Value>,
    problems: &'p mut Problems,
}

impl<'a> Checker<'a, '_> {
    fn plan(&mut self, retry: &Policy, namespace: &Arc<str>) -> Option<PlannedStep> {
        self.check_id();
        let plugin = self.plugin();
        let grant = self.grant(plugin, namespace);
        let config = self.config(plugin);
        let when = self.when();
        let input = self.step.input.as_ref().and_then(|input| self.template("input", input));
        let limits = self.limits();
        let own = self.step.retry.as_ref().map(Policy::try_new);
        let retry = self.problems.keep(&format!("{}/retry", self.at), own).unwrap_or_else(|| retry.clone());
        let (plugin, config) = (plugin?, config?);
        Some(PlannedStep {
            id: self.step.id.as_str().into(),
            kind: plugin.manifest.kind,
            plugin: self.step.plugin.as_str().into(),
            digest: Arc::clone(&plugin.digest),
            constant_config: config.as_constant().map(|config| config.to_string().into()),
            config,
            when,
            input,
            limits,
            retry,
            grant: Arc::new(grant),
        })
    }

    fn check_id(&mut self) {
        let id = &self.step.id;
        self.problems.check(&format!("{}/id", self.at), syntax::step_id(id));
        if self.before.contains(id.as_str()) {
            self.problems
                .add(format!("{}/id", self.at), format!("there is a step {id:?} before: choose another id"));
        }
    }

    fn plugin(&mut self) -> Option<&'a PluginInfo> {
        let name = self.step.plugin.as_str();
        let plugin = self.environment.plugins.get(name);
        if plugin.is_none() {
            let message = format!("there is no plugin {name:?}");
            let help = known("installed", name, self.environment.plugins.keys().map(String::as_str));
            self.problems.add_with_help(format!("{}/use", self.at), message, help);
        }
        plugin
    }

    fn grant(&mut self, plugin: Option<&PluginInfo>, namespace: &str) -> Grant {
        let step = self.step;
        if let Some(system) =
            step.system.as_deref().filter(|system| !self.environment.systems.contains(*system))
        {
            let message = format!("there is no system {system:?}");
            let help = known("configured", system, self.environment.systems.iter().map(String::as_str));
            self.problems.add_with_help(format!("{}/system", self.at), message, help);
        }
        if let Some(kind) = plugin.map(|plugin| plugin.manifest.kind).filter(|kind| kind.is_pure()) {
            let given = [
                ("system", step.system.is_some()),
                ("allow", !step.allow.is_empty()),
                ("redirects", step.redirects > 0),
            ];
            for (key, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                let message = format!(
                    "{:?} is a {} plugin, which reaches nothing: remove {key}, or use a {} plugin",
                    step.plugin,
                    kind.name(),
                    Kind::Connector.name()
                );
                self.problems.add(format!("{}/{key}", self.at), message);
            }
        }
        for (index, allow) in step.allow.iter().enumerate() {
            for (key, message) in syntax::allow(allow) {
                self.problems.add(format!("{}/allow/{index}{key}", self.at), message);
            }
        }
        if step.redirects > MAX_REDIRECTS {
            let message = format!("redirects is {}: give at most {MAX_REDIRECTS}", step.redirects);
            self.problems.add(format!("{}/redirects", self.at), message);
        }
        Grant {
            system: step.system.clone(),
            allow: step.allow.clone(),
            redirects: step.redirects,
            namespace: namespace.to_owned(),
        }
    }

    fn config(&mut self, plugin: Option<&PluginInfo>) -> Option<Template> {
        let mut with: Value =
            self.step.with.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let at = format!("{}/with", self.at);
        let mut files = BTreeSet::new();
        let found = self.problems.0.len();
        if let Some(plugin) = plugin {
            let schema = &plugin.manifest.config_schema;
            files = config::place_files(&mut with, schema, self.environment.read_file, &at, self.problems);
            self.contents.extend(files.iter().filter_map(|file| with.pointer(file)).cloned());
        }
        let is_complete = self.problems.0.len() == found;
        let template = self.problems.compile(&at, &with, &files)?;
        self.check_references("with", &template);
        // A path whose file could not be read is no config to check.
        if let Some(plugin) = plugin.filter(|_| is_complete) {
            config::validate(&with, &template, &plugin.manifest, &self.at, self.problems);
        }
        Some(template)
    }

    fn when(&mut self) -> Option<Template> {
        let template = self.template("when", self.step.when.as_ref()?)?;
        let is_right = match template.as_constant() {
            Some(constant) => constant.is_boolean(),
            None => template.is_expression(),
        };
        if !is_right {
            self.problems.add_with_help(
                format!("{}/when", self.at),
                "when can never be true or false",
                "write one expression and nothing around it, such as ${{ input.total > 100 }}".into(),
            );
        }
        Some(template)
    }

    fn template(&mut self, key: &str, value: &Value) -> Option<Template> {
        let template = self.problems.compile(&format!("{}/{key}", self.at), value, &BTreeSet::new())?;
        self.check_references(key, &template);
        Some(template)
    }

    fn check_references(&mut self, key: &str, template: &Template) {
        for step in &template.references().steps {
            if !self.before.contains(step.as_str()) {
                let message = format!("there is no step {step:?} before this one");
                let help = known("before it", step, self.before.iter().copied());
                self.problems.add_with_help(format!("{}/{key}", self.at), message, help);
            }
        }
    }

    fn limits(&mut self) -> Limits {
        let mut limits = self.environment.limits;
        if let Some(timeout) = self.step.timeout {
            if !TIMEOUTS.contains(&timeout) {
                let given = humantime::format_duration(timeout);
                self.problems
                    .add(format!("{}/timeout", self.at), format!("timeout is {given}: give 1ms to 1h"));
            }
            limits.wall_ms =
                u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).clamp(1, Limits::MOST.wall_ms);
        }
        match self.step.limits.apply(&limits) {
            Ok(limits) => limits,
            Err(invalid) => {
                for limit in invalid {
                    self.problems.add(format!("{}/limits/{}", self.at, limit.key), limit.to_string());
                }
                limits
            }
        }
    }
}

/// Which names there are, the nearest first.
fn known<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    let all: Vec<_> = names.clone().collect();
    let guess = nearest(name, names).map(|nearest| format!("did you mean {nearest:?}? ")).unwrap_or_default();
    if all.is_empty() { format!("none are {what}") } else { format!("{guess}{what}: {}", all.join(", ")) }
}
