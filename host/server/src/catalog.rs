//! What is deployed: the plugins, loaded, and the workflows, compiled against them.

mod check;
mod constant;
mod files;
mod plugins;
mod systems;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use stepmill_core::signature::{Verifier, Verify};
use stepmill_core::workflow::{Environment, Plan, PluginInfo};
use stepmill_sandbox::Sandbox;

use crate::config::{Project, WorkflowSource};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secrets;

pub use check::{CheckOptions, Report, check};
pub use constant::Constant;
pub use plugins::{PluginEntry, PluginSource};
pub use systems::systems;

/// Everything that is deployed.
#[derive(Debug)]
pub struct Catalog {
    /// The workflows by name.
    pub plans: BTreeMap<String, Arc<Deployed>>,
    /// The workflows with a webhook, by its path.
    pub by_path: HashMap<String, Arc<Deployed>>,
    /// The plugins by the name that steps use.
    pub plugins: BTreeMap<String, PluginEntry>,
    /// What steps can be prepared for.
    pub constants: Vec<Constant>,
    /// What is suspicious and no error.
    pub warnings: Diagnostics,
}

/// A workflow that can run.
#[derive(Debug)]
pub struct Deployed {
    /// The compiled workflow.
    pub plan: Plan,
    /// Checks the signatures of its webhook; none without a webhook.
    pub verifier: Option<Verifier>,
    /// Its file, relative to the project's root.
    pub file: PathBuf,
}

impl Catalog {
    /// Loads the plugins, compiles the workflows, shows their constant configs to the plugins and resolves
    /// the webhooks' secrets.
    ///
    /// # Errors
    /// Everything that is wrong, over all files.
    pub async fn build(project: &Project, sandbox: &Sandbox) -> Result<Self, Diagnostics> {
        let mut found = project.warnings.clone();
        found.extend(systems::secret_warnings(project));
        let plugins = plugins::load(project, sandbox, &mut found).await;
        let infos = plugins.entries.iter().map(|(name, entry)| (name.clone(), entry.info())).collect();
        let systems: BTreeSet<String> = project.config.systems.keys().cloned().collect();
        check_unique(project, &mut found);
        let mut plans = BTreeMap::new();
        let mut by_path = HashMap::new();
        let mut constants = constant::Constants::default();
        for workflow in &project.workflows {
            let plan = plan(project, workflow, &infos, &systems, &plugins.damaged, &mut found);
            let verifier = verifier(project, workflow, &mut found);
            let Some(plan) = plan else { continue };
            constants.show(workflow, &plan, sandbox, &mut found).await;
            let deployed = Arc::new(Deployed { plan, verifier, file: workflow.file.clone() });
            if let Some(webhook) = &deployed.plan.webhook {
                by_path.insert(webhook.path.clone(), Arc::clone(&deployed));
            }
            plans.insert(deployed.plan.name.to_string(), deployed);
        }
        let ((), warnings) = found.or(())?;
        let constants = constants.into_ready();
        Ok(Self { plans, by_path, plugins: plugins.entries, constants, warnings })
    }
}

fn plan(
    project: &Project,
    workflow: &WorkflowSource,
    plugins: &BTreeMap<String, PluginInfo>,
    systems: &BTreeSet<String>,
    damaged: &BTreeSet<String>,
    found: &mut Diagnostics,
) -> Option<Plan> {
    let read_file = |path: &str| files::read(&project.root, path);
    let environment = Environment { plugins, systems, limits: project.config.limits, read_file: &read_file };
    match Plan::try_new(workflow.definition.clone(), &environment) {
        Ok(plan) => Some(plan),
        Err(problems) => {
            // A plugin that does not load is an error of its own, and of nobody who uses it.
            let excused: BTreeSet<String> = (workflow.definition.steps.iter().enumerate())
                .filter(|(_, step)| damaged.contains(&step.plugin))
                .map(|(at, _)| format!("/steps/{at}/use"))
                .collect();
            found.extend(problems.into_iter().filter(|problem| !excused.contains(&problem.pointer)).map(
                |problem| {
                    workflow
                        .source
                        .error(&problem.pointer, problem.message)
                        .help(problem.help.unwrap_or_default())
                },
            ));
            None
        }
    }
}

/// The verifier of a workflow's webhook, each secret with an error of its own.
fn verifier(project: &Project, workflow: &WorkflowSource, found: &mut Diagnostics) -> Option<Verifier> {
    const AT: &str = "/on/webhook/verify";
    let webhook = workflow.definition.on.webhook.as_ref()?;
    if webhook.verify == (Verify::None {}) && !project.config.server.ingress.ip().is_loopback() {
        let message =
            format!("anybody who reaches {} can start runs of {}", webhook.path, workflow.definition.name);
        let help = "name a scheme and a secret, or keep the path away from strangers";
        found.push(workflow.source.error(&format!("{AT}/scheme"), message).help(help).warning());
    }
    let errors = found.errors();
    let keys = ["secret", "previous"];
    for (reference, key) in webhook.verify.secrets().into_iter().zip(keys) {
        let pointer = format!("{AT}/{key}");
        match secrets::resolve(reference, &project.root) {
            Ok(resolved) => found.extend(
                resolved
                    .warning
                    .map(|warning| workflow.source.error(&pointer, warning.to_string()).warning()),
            ),
            Err(error) => found.push(error.diagnostic(&workflow.source, &pointer)),
        }
    }
    if found.errors() > errors {
        return None;
    }
    let resolve = |reference: &_| secrets::resolve(reference, &project.root).map(|found| found.secret);
    Verifier::try_new(&webhook.verify, resolve)
        .map_err(|error| found.push(workflow.source.error(&format!("{AT}/secret"), plugins::chain(&error))))
        .ok()
}

/// Two workflows share neither a name nor a path.
fn check_unique(project: &Project, found: &mut Diagnostics) {
    let mut names: BTreeMap<&str, &WorkflowSource> = BTreeMap::new();
    let mut paths: BTreeMap<&str, &WorkflowSource> = BTreeMap::new();
    for workflow in &project.workflows {
        let definition = &workflow.definition;
        if let Some(first) = names.insert(&definition.name, workflow) {
            names.insert(&definition.name, first);
            found.push(twice(workflow, first, "/name", &format!("the name {}", definition.name)));
        }
        let Some(webhook) = &definition.on.webhook else { continue };
        if let Some(first) = paths.insert(&webhook.path, workflow) {
            paths.insert(&webhook.path, first);
            found.push(twice(workflow, first, "/on/webhook/path", &format!("the path {}", webhook.path)));
        }
    }
}

fn twice(second: &WorkflowSource, first: &WorkflowSource, pointer: &str, what: &str) -> Diagnostic {
    let place = first.source.error(pointer, "");
    let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
    second
        .source
        .error(pointer, format!("{what} belongs to {} already", first.source.name()))
        .help(format!("it stands at {}{line}: change one of the two", first.source.name()))
}

#[cfg(test)]
mod tests;
