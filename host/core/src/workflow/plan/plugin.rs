//! A step that uses a plugin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::part::{At, Planner};
use super::{Environment, Names, PluginInfo, PluginStep, Problems, config, syntax};
use crate::dead::redrive;
use crate::duration;
use crate::expression::Template;
use crate::grant::Grant;
use crate::limits::Limits;
use crate::manifest::Kind;
use crate::nearest::nearest;
use crate::retry::{self, Policy};
use crate::workflow::definition::Step;

/// Shortest and longest timeout of an attempt.
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
/// Most redirects that a request may follow.
const MAX_REDIRECTS: u8 = 10;

/// Checks a step that uses a plugin.
pub(super) fn plan(planner: &mut Planner<'_>, step: &Step, at: &At<'_>) -> Option<PluginStep> {
    Checker { planner, step, at }.plan()
}

/// Checks a retry policy.
pub(super) fn policy(
    at: &str,
    config: Option<&retry::Config>,
    systems: Names<'_>,
    problems: &mut Problems,
) -> Option<Policy> {
    let config = config?;
    for (pointer, system) in config.systems().filter(|(_, system)| !systems.has(system)) {
        let help = known("configured", system, systems.iter());
        problems.add_with_help(format!("{at}{pointer}"), format!("there is no system {system:?}"), help);
    }
    match Policy::try_new(config) {
        Ok(policy) => Some(policy),
        Err(error) => {
            problems.add(format!("{at}{}", error.pointer()), error.to_string());
            None
        }
    }
}

/// Checks when dead letters are redriven without a person.
pub(super) fn redrive(
    at: &str,
    configs: &[redrive::RuleConfig],
    systems: Names<'_>,
    problems: &mut Problems,
) -> redrive::Rules {
    for (rule, config) in configs.iter().enumerate() {
        for (index, system) in config.on.system.iter().flatten().enumerate() {
            if !systems.has(system) {
                let help = known("configured", system, systems.iter());
                let pointer = format!("{at}/{rule}/on/system/{index}");
                problems.add_with_help(pointer, format!("there is no system {system:?}"), help);
            }
        }
    }
    redrive::Rules::try_new(configs).unwrap_or_else(|error| {
        problems.add(format!("{at}{}", error.pointer), error.to_string());
        redrive::Rules::default()
    })
}

struct Checker<'a, 'p, 'e> {
    planner: &'p mut Planner<'e>,
    step: &'a Step,
    at: &'a At<'a>,
}

impl<'e> Checker<'_, '_, 'e> {
    fn plan(&mut self) -> Option<PluginStep> {
        let plugin = self.plugin();
        let namespace = Arc::clone(&self.planner.namespace);
        let grant = self.grant(plugin, &namespace);
        let config = self.config(plugin);
        let limits = self.limits();
        let at = format!("{}/retry", self.at.pointer);
        let systems = self.planner.environment.systems;
        let own = policy(&at, self.step.retry.as_ref(), systems, &mut self.planner.problems);
        let retry = own.unwrap_or_else(|| self.planner.retry.clone());
        let (plugin, config) = (plugin?, config?);
        self.planner.digests.push(Arc::clone(&plugin.digest));
        Some(PluginStep {
            kind: plugin.manifest.kind,
            plugin: self.step.plugin.as_deref().unwrap_or_default().into(),
            digest: Arc::clone(&plugin.digest),
            constant_config: config.as_constant().map(|config| config.to_string().into()),
            config,
            limits,
            retry,
            grant: Arc::new(grant),
        })
    }

    fn plugin(&mut self) -> Option<&'e PluginInfo> {
        let name = self.step.plugin.as_deref().unwrap_or_default();
        let Environment { plugins, unused_plugins, .. } = self.planner.environment;
        let at = format!("{}/use", self.at.pointer);
        let plugin = installed(name, plugins, *unused_plugins, &at, &mut self.planner.problems)?;
        if !plugin.manifest.kind.is_step() {
            let kind = plugin.manifest.kind.name();
            let message = format!("{name:?} is a {kind} plugin, and no step");
            let help = "name it under verify of a webhook, as { scheme: plugin, use: … }".to_owned();
            self.planner.problems.add_with_help(at, message, help);
            return None;
        }
        Some(plugin)
    }

    fn grant(&mut self, plugin: Option<&PluginInfo>, namespace: &str) -> Grant {
        let step = self.step;
        if let Some(system) =
            step.system.as_deref().filter(|system| !self.planner.environment.systems.has(system))
        {
            let message = format!("there is no system {system:?}");
            let help = known("configured", system, self.planner.environment.systems.iter());
            self.planner.problems.add_with_help(format!("{}/system", self.at.pointer), message, help);
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
                    step.plugin.as_deref().unwrap_or_default(),
                    kind.name(),
                    Kind::Connector.name()
                );
                self.planner.problems.add(format!("{}/{key}", self.at.pointer), message);
            }
        }
        for (index, allow) in step.allow.iter().enumerate() {
            for (key, message) in syntax::allow(allow) {
                self.planner.problems.add(format!("{}/allow/{index}{key}", self.at.pointer), message);
            }
        }
        if step.redirects > MAX_REDIRECTS {
            let message = format!("redirects is {}: give at most {MAX_REDIRECTS}", step.redirects);
            self.planner.problems.add(format!("{}/redirects", self.at.pointer), message);
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
        let at = format!("{}/with", self.at.pointer);
        let mut files = BTreeSet::new();
        let found = self.planner.problems.0.len();
        if let Some(plugin) = plugin {
            let schema = &plugin.manifest.config_schema;
            files = config::place_files(
                &mut with,
                schema,
                self.planner.environment.read_file,
                &at,
                &mut self.planner.problems,
            );
            self.planner.files.extend(files.iter().filter_map(|file| with.pointer(file)).cloned());
        }
        let is_complete = self.planner.problems.0.len() == found;
        let template = self.planner.problems.compile(&at, &with, &files)?;
        self.planner.check_references("with", &template, self.at);
        // A path whose file could not be read is no config to check.
        if let Some(plugin) = plugin.filter(|_| is_complete) {
            config::validate(
                &with,
                &template,
                &plugin.manifest,
                &self.at.pointer,
                &mut self.planner.problems,
            );
        }
        Some(template)
    }

    fn limits(&mut self) -> Limits {
        let mut limits = self.planner.environment.limits;
        if let Some(timeout) = self.step.timeout {
            if !TIMEOUTS.contains(&timeout) {
                let given = humantime::format_duration(timeout);
                self.planner.problems.add(
                    format!("{}/timeout", self.at.pointer),
                    format!("timeout is {given}: give 1ms to 1h"),
                );
            }
            limits.wall_ms = duration::ms(timeout).clamp(1, Limits::MOST.wall_ms);
        }
        match self.step.limits.apply(&limits) {
            Ok(limits) => limits,
            Err(invalid) => {
                for limit in invalid {
                    self.planner
                        .problems
                        .add(format!("{}/limits/{}", self.at.pointer, limit.key), limit.to_string());
                }
                limits
            }
        }
    }
}

/// The plugin of a name.
pub(super) fn installed<'p>(
    name: &str,
    plugins: &'p BTreeMap<String, PluginInfo>,
    unused: Names<'_>,
    at: &str,
    problems: &mut Problems,
) -> Option<&'p PluginInfo> {
    let plugin = plugins.get(name);
    if plugin.is_none() {
        let all: BTreeSet<&str> = plugins.keys().map(String::as_str).chain(unused.iter()).collect();
        let help = known("installed", name, all.iter().copied());
        problems.add_with_help(at, format!("there is no plugin {name:?}"), help);
    }
    plugin
}

/// Which names there are, the nearest first.
pub(super) fn known<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    let all: Vec<_> = names.clone().collect();
    let guess = nearest(name, names).map(|nearest| format!("did you mean {nearest:?}? ")).unwrap_or_default();
    if all.is_empty() { format!("none are {what}") } else { format!("{guess}{what}: {}", all.join(", ")) }
}
