//! What a reload has changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::{Catalog, Deployed, PluginEntry};
use crate::config::{Config, Project};
use crate::diagnostic::Severity;

/// The sections of config that are in force at once, besides those that are told by name.
const SETTINGS: [&str; 3] = ["limits", "approvals", "shadows"];
/// The sections of config that are set up once.
const FIXED: [&str; 5] = ["server", "ingress", "log", "journal", "concurrency"];
/// Keys of these that are in force at once where they were there before.
const CERTIFICATES: [&str; 2] = ["server.tls", "server.admin_tls"];
/// That of them which is in force at once in any case.
const PUBLIC_URL: &str = "ingress.public_url";

/// What is different from before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Workflows by version, and by how long their runs are kept.
    pub workflows: Changed,
    /// Plugins by digest; stock ones as far as a step uses them.
    pub plugins: Changed,
    /// Systems by their config; a secret that has been replaced is not told, and in force.
    pub systems: Changed,
    /// Events by their config.
    pub events: Changed,
    /// Other keys of config that have changed.
    pub settings: Changed,
    /// Keys of config that have changed and take effect at the next start.
    pub at_next_start: Vec<String>,
    /// What is suspicious and no error, a line each.
    pub warnings: Vec<String>,
}

/// Names of things that are different from before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Those that were not there.
    pub added: Vec<String>,
    /// Those that are others.
    pub changed: Vec<String>,
    /// Those that are not there any more.
    pub removed: Vec<String>,
}

impl Changes {
    /// What is different in a project and what was made of it.
    pub(super) fn between(was: &Project, before: &Catalog, is: &Project, after: &Catalog) -> Self {
        let versions = |catalog: &Catalog| {
            let version = |deployed: &Deployed| (deployed.plan.version.to_string(), deployed.plan.retain);
            catalog.plans.iter().map(|(name, deployed)| (name.clone(), version(deployed))).collect()
        };
        let digests = |catalog: &Catalog| {
            let digest = |plugin: &PluginEntry| plugin.loaded.digest.clone();
            catalog.plugins.iter().map(|(name, plugin)| (name.clone(), digest(plugin))).collect()
        };
        let (old, new) = (value(&was.config), value(&is.config));
        let section = |key: &str| Changed::between(&members(&old, key), &members(&new, key));
        let keys = |config: &Value, sections: &[&str]| -> BTreeMap<String, Value> {
            let of = |section: &&str| {
                let section = section.to_string();
                members(config, &section)
                    .into_iter()
                    .map(move |(key, value)| (format!("{section}.{key}"), value))
            };
            sections.iter().flat_map(of).collect()
        };
        let warnings = after.warnings.iter().filter(|found| found.severity == Severity::Warning);
        let Changed { mut added, mut changed, mut removed } =
            Changed::between(&keys(&old, &FIXED), &keys(&new, &FIXED));
        let mut settings = Changed::between(&keys(&old, &SETTINGS), &keys(&new, &SETTINGS));
        settings.changed.extend(changed.extract_if(.., |key| CERTIFICATES.contains(&&**key)));
        let lists = [
            (&mut added, &mut settings.added),
            (&mut changed, &mut settings.changed),
            (&mut removed, &mut settings.removed),
        ];
        for (fixed, settings) in lists {
            settings.extend(fixed.extract_if(.., |key| key == PUBLIC_URL));
        }
        Self {
            workflows: Changed::between(&versions(before), &versions(after)),
            plugins: Changed::between::<String>(&digests(before), &digests(after)),
            systems: section("systems"),
            events: section("events"),
            settings,
            at_next_start: [added, changed, removed].concat(),
            warnings: warnings.map(ToString::to_string).collect(),
        }
    }

    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.parts().iter().all(|(_, changed)| changed.is_empty()) && self.at_next_start.is_empty()
    }

    /// The kinds of things, with what is different.
    pub fn parts(&self) -> [(&'static str, &Changed); 5] {
        [
            ("workflow", &self.workflows),
            ("plugin", &self.plugins),
            ("system", &self.systems),
            ("event", &self.events),
            ("setting", &self.settings),
        ]
    }

    /// Says it in the log.
    pub(super) fn log(&self) {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
        for (what, changed) in self.parts() {
            for (how, name) in changed.named() {
                tracing::info!(name, "{what} {how}");
            }
        }
        if !self.at_next_start.is_empty() {
            tracing::warn!(
                keys = self.at_next_start.join(", "),
                "what has changed here takes effect at the next start"
            );
        }
        tracing::info!(nothing_changed = self.is_empty(), "reloaded");
    }
}

impl Changed {
    fn between<T: PartialEq>(before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) -> Self {
        let missing_in = |other: &BTreeMap<String, T>, of: &BTreeMap<String, T>| {
            of.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
        };
        let is_other = |(name, value): &(&String, &T)| before.get(*name).is_some_and(|was| was != *value);
        Self {
            added: missing_in(before, after),
            changed: after.iter().filter(is_other).map(|(name, _)| name.clone()).collect(),
            removed: missing_in(after, before),
        }
    }

    fn is_empty(&self) -> bool {
        self.named().next().is_none()
    }

    /// What has become of each.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let kinds = [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)];
        kinds.into_iter().flat_map(|(how, names)| names.iter().map(move |name| (how, name.as_str())))
    }
}

fn value(config: &Config) -> Value {
    // It was read from text, so that it has only keys that are strings.
    serde_json::to_value(config).unwrap_or_default()
}

fn members(config: &Value, key: &str) -> BTreeMap<String, Value> {
    let section = config.get(key).and_then(Value::as_object);
    section.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}
