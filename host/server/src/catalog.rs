//! What is deployed: the plugins, loaded, and the workflows, compiled against them.

mod check;
mod circles;
mod constant;
mod events;
mod files;
mod former;
mod handshakes;
mod links;
mod live;
mod no_plugin;
mod plugins;
mod public_url;
mod shadows;
mod systems;
mod verify;
mod verifying;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use stepmill_core::approval::Links;
use stepmill_core::flow::gate;
use stepmill_core::handshake::Handshaker;
use stepmill_core::journal::Deployment;
use stepmill_core::limits::Limits;
use stepmill_core::signature::Verifier;
use stepmill_core::workflow::{Environment, Names, Plan, VerifyPlan, Version};
use stepmill_sandbox::{Loaded, Sandbox};

use crate::config::{Project, WorkflowSource};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::distribution::Fetching;
use crate::ingress::Senders;
use plugins::Plugins;
use verify::{Place, verifier};

pub use check::{CheckOptions, Report, check};
pub use constant::Constant;
pub use events::DeployedEvent;
pub(crate) use files::read as read_file;
pub use former::{Former, NoPlan};
pub use live::Live;
pub use no_plugin::NoPlugin;
pub(crate) use plugins::chain;
pub use plugins::{PluginEntry, PluginSource};
pub use shadows::Shadow;
pub use systems::systems;
pub(crate) use systems::systems_without_secrets;
pub(crate) use systems::{base_url, system};

/// Everything that is deployed.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The workflows by name.
    pub plans: BTreeMap<String, Arc<Deployed>>,
    /// The events by name.
    pub events: BTreeMap<String, Arc<DeployedEvent>>,
    /// What stands in front of the systems, by their names.
    pub gates: BTreeMap<String, gate::Policy>,
    /// Where webhooks lead, by their paths.
    pub by_path: HashMap<String, Route>,
    /// Who asks, before it sends anything, whose a webhook is, by the webhooks' paths.
    pub handshakers: HashMap<String, Handshaker>,
    /// What plugins are asked with that say whom webhooks believe, by the webhooks' paths.
    pub verifying: HashMap<String, VerifyPlan>,
    /// The plugins by the name that steps and webhooks use: those of config, and the stock ones that one does use.
    pub plugins: BTreeMap<String, PluginEntry>,
    /// Candidates that are tried beside plugins, by the plugins' names.
    pub shadows: BTreeMap<String, Shadow>,
    /// What steps and webhooks can be prepared for.
    pub constants: Vec<Constant>,
    /// What one attempt may use up, unless its step says otherwise.
    pub limits: Limits,
    /// Plans that runs go by which began before this was deployed.
    pub former: Former,
    /// The URL below which senders call, without a slash at its end.
    pub public_url: Option<String>,
    /// Makes the links by which people decide; none unless `approvals` is configured.
    pub links: Option<Arc<Links>>,
    /// What is suspicious and no error, and what is worth knowing.
    pub warnings: Diagnostics,
}

/// Where a webhook leads.
#[derive(Clone, Debug)]
pub enum Route {
    /// To a workflow.
    Workflow(Arc<Deployed>),
    /// To whoever waits for an event.
    Event(Arc<DeployedEvent>),
}

/// A workflow that can run.
#[derive(Debug)]
pub struct Deployed {
    /// The compiled workflow.
    pub plan: Arc<Plan>,
    /// Checks the signatures of its webhook; none without a webhook.
    pub verifier: Option<Verifier>,
    /// Who may call its webhook.
    pub senders: Senders,
    /// Its file, relative to the project's root.
    pub file: PathBuf,
}

impl Catalog {
    /// Fetches the plugins that are not in the cache, loads all, compiles the workflows, shows their constant configs to
    /// the plugins and resolves the webhooks' secrets. Answers too what the journal is to keep of it before runs begin.
    ///
    /// # Errors
    /// Everything that is wrong, over all files.
    pub async fn build(project: &Project, sandbox: &Sandbox) -> Result<(Self, Deployment), Diagnostics> {
        Self::build_fetching(project, sandbox, Fetching::Keep).await
    }

    /// The same, with plugins that are not in the cache fetched, or not.
    ///
    /// # Errors
    /// Everything that is wrong, over all files.
    pub async fn build_fetching(
        project: &Project,
        sandbox: &Sandbox,
        fetching: Fetching,
    ) -> Result<(Self, Deployment), Diagnostics> {
        let mut found = project.warnings.clone();
        found.extend(systems::secret_warnings(project));
        let plugins = plugins::load(project, sandbox, fetching, &mut found).await;
        let shadows = shadows::load(project, sandbox, &plugins, &mut found).await;
        let known = Known::of(project);
        let gates = systems::gates(project, &mut found);
        check_unique(project, &mut found);
        let links = links::links(project, &mut found).map(Arc::new);
        let (mut plans, mut by_path) = (BTreeMap::new(), HashMap::new());
        let events = events::compile(project, &mut found);
        for event in events.values() {
            if let Some(webhook) = &event.plan.webhook {
                by_path.insert(webhook.path.clone(), Route::Event(Arc::clone(event)));
            }
        }
        let mut constants = constant::Constants::default();
        let mut deployment = Deployment::default();
        for workflow in &project.workflows {
            let plan = plan(project, workflow, &plugins, &known, &mut found);
            let webhook = workflow.definition.on.webhook.as_ref();
            let at = &Place { source: &workflow.source, pointer: "/on/webhook".into() };
            let verifier = webhook.and_then(|webhook| verifier(project, webhook, at, &mut found));
            let Some((plan, version)) = plan else { continue };
            let plan = Arc::new(plan);
            let bytes =
                |digest: &Arc<str>| Some((Arc::clone(digest), Arc::clone(plugins.bytes.get(digest)?)));
            deployment.components.extend(version.digests().filter_map(bytes));
            deployment.versions.push(version);
            constants.show(workflow, &plan, sandbox, &mut found).await;
            let deployed = Arc::new(Deployed {
                senders: webhook.map(Senders::of).unwrap_or_default(),
                plan,
                verifier,
                file: workflow.file.clone(),
            });
            if let Some(webhook) = &deployed.plan.webhook {
                by_path.insert(webhook.path.clone(), Route::Workflow(Arc::clone(&deployed)));
            }
            plans.insert(deployed.plan.name.to_string(), deployed);
        }
        circles::find(project, &plans, &mut found);
        let handshakers = handshakes::all(project, &mut found);
        let verifying = verifying::all(project, &plugins, sandbox, &mut constants, &mut found).await;
        let public_url = public_url::base(project);
        let ((), warnings) = found.or(())?;
        let catalog = Self {
            plans,
            events,
            gates,
            by_path,
            handshakers,
            verifying,
            plugins: plugins.entries,
            shadows,
            constants: constants.into_ready(),
            public_url,
            links,
            limits: project.config.limits,
            former: Former::default(),
            warnings,
        };
        Ok((catalog, deployment))
    }
}

impl Catalog {
    /// What it takes to look at runs of the past without a service: nothing is deployed, and each run goes by the
    /// version that the journal keeps of its workflow.
    pub(crate) fn of_past(project: &Project) -> Self {
        // Without the secrets there are no links, and steps that have some cannot be looked at.
        let links = links::links(project, &mut Diagnostics::default()).map(Arc::new);
        Self { limits: project.config.limits, links, ..Self::default() }
    }

    /// The components that are to stay loaded.
    pub fn installed(&self) -> impl Iterator<Item = &Loaded> {
        let plugins = self.plugins.values().map(|plugin| &plugin.loaded);
        plugins.chain(self.shadows.values().map(|shadow| &shadow.loaded))
    }

    /// The workflows that an event begins.
    pub fn begun_by<'c>(&'c self, event: &'c str) -> impl Iterator<Item = &'c Arc<Deployed>> {
        self.plans.values().filter(move |deployed| {
            deployed.plan.event.as_ref().is_some_and(|trigger| *trigger.name == *event)
        })
    }
}

fn plan(
    project: &Project,
    workflow: &WorkflowSource,
    plugins: &Plugins,
    known: &Known,
    found: &mut Diagnostics,
) -> Option<(Plan, Version)> {
    let named = RefCell::new(BTreeMap::new());
    let read_file = |path: &str| {
        let content = files::read(&project.root, path)?;
        named.borrow_mut().insert(path.to_owned(), content.clone());
        Ok(content)
    };
    let environment = Environment {
        plugins: &plugins.infos,
        unused_plugins: Names::Of(&plugins.unused),
        systems: Names::Of(&known.systems),
        events: Names::Of(&known.events),
        workflows: Names::Of(&known.workflows),
        has_links: project.config.approvals.is_some(),
        limits: project.config.limits,
        read_file: &read_file,
    };
    match Plan::try_new(workflow.definition.clone(), &environment) {
        Ok(plan) => {
            let version = Version::of(&plan, workflow.definition.clone(), named.into_inner(), &plugins.infos);
            Some((plan, version))
        }
        Err(problems) => {
            // A plugin that does not load is an error of its own, and of nobody who uses it.
            let definition = serde_json::to_value(&workflow.definition).unwrap_or_default();
            let is_excused = |pointer: &str| {
                let used = definition.pointer(pointer).and_then(serde_json::Value::as_str);
                pointer.ends_with("/use") && used.is_some_and(|plugin| plugins.damaged.contains(plugin))
            };
            found.extend(problems.into_iter().filter(|problem| !is_excused(&problem.pointer)).map(
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

/// The names that workflows may refer to.
struct Known {
    systems: BTreeSet<String>,
    events: BTreeSet<String>,
    workflows: BTreeSet<String>,
}

impl Known {
    fn of(project: &Project) -> Self {
        Self {
            systems: project.config.systems.keys().cloned().collect(),
            events: project.config.events.keys().cloned().collect(),
            workflows: project.workflows.iter().map(|workflow| workflow.definition.name.clone()).collect(),
        }
    }
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
        let of_event =
            project.config.events.iter().find(|(_, event)| {
                event.webhook.as_ref().is_some_and(|of_event| of_event.path == webhook.path)
            });
        if let Some((event, _)) = of_event {
            let message = format!("the path {} belongs to the event {event} already", webhook.path);
            let help =
                format!("let the workflow start with `on: {{ event: {event} }}`, or change one of the two");
            found.push(workflow.source.error("/on/webhook/path", message).help(help));
        }
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
