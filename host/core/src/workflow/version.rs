//! A version of a workflow, kept: runs end as they began, whatever is deployed meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Definition;
use super::plan::{Environment, Names, Plan, PlanError, PluginInfo};
use crate::limits::Limits;

/// All that runs of a workflow are made by, but for what belongs to the service: its limits, its systems, its events
/// and its secrets are always those of now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    /// See [`Plan::version`].
    pub id: Arc<str>,
    /// What the operator wrote.
    pub definition: Definition,
    /// What is in the files that its steps name, by their paths.
    pub files: BTreeMap<String, Value>,
    /// The plugins that its steps use, by the names that they give.
    pub plugins: BTreeMap<String, PluginInfo>,
}

impl Version {
    /// The version of a plan that was just made of these.
    pub fn of(
        plan: &Plan,
        definition: Definition,
        files: BTreeMap<String, Value>,
        installed: &BTreeMap<String, PluginInfo>,
    ) -> Self {
        let used = plan.plugin_steps().into_iter().map(|(_, step)| step.plugin.to_string());
        let plugins = used.filter_map(|name| Some((name.clone(), installed.get(&name)?.clone()))).collect();
        Self { id: Arc::clone(&plan.version), definition, files, plugins }
    }

    /// Name of the workflow.
    pub fn workflow(&self) -> &str {
        &self.definition.name
    }

    /// Digests of the components that its steps use.
    pub fn digests(&self) -> impl Iterator<Item = &Arc<str>> {
        self.plugins.values().map(|plugin| &plugin.digest)
    }

    /// The plan again, under the service's limits of now. What it refers to need not be there any more: a step that
    /// needs it fails then, and waits for a person.
    ///
    /// # Errors
    /// It breaks a rule that it did not break when it was deployed, such as a limit that has been lowered.
    pub fn plan(&self, limits: Limits) -> Result<Plan, Vec<PlanError>> {
        let read_file = |path: &str| {
            self.files.get(path).cloned().ok_or_else(|| format!("the version was kept without {path}"))
        };
        let environment = Environment {
            plugins: &self.plugins,
            unused_plugins: Names::Any,
            systems: Names::Any,
            events: Names::Any,
            workflows: Names::Any,
            has_links: true,
            limits,
            read_file: &read_file,
        };
        // The rules by which a definition becomes a hash may be others by now; the runs know it by the one it had.
        Plan::try_new(self.definition.clone(), &environment).map(|plan| plan.with_version(&self.id))
    }
}
