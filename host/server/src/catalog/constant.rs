//! Configs without expressions: shown to their plugins when a workflow is loaded, since what is wrong with
//! one is wrong for every document.

use std::collections::HashMap;
use std::sync::Arc;

use stepmill_core::workflow::{Plan, PlannedStep};
use stepmill_sandbox::{Preparation, Sandbox};

use crate::config::WorkflowSource;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// A plugin with a config that it can be prepared for.
#[derive(Clone, Debug)]
pub struct Constant {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// The plugin's digest.
    pub digest: Arc<str>,
    /// The config, as attempts are given it.
    pub config: Arc<str>,
    /// The first step that uses the two, as `workflow/step`.
    pub step: String,
}

/// What the plugins say to the configs, each asked once.
#[derive(Debug, Default)]
pub(super) struct Constants {
    said: HashMap<(Arc<str>, Arc<str>), Preparation>,
    ready: Vec<Constant>,
}

impl Constants {
    /// Shows a workflow's constant configs to its plugins, and tells what is wrong with them.
    pub(super) async fn show(
        &mut self,
        workflow: &WorkflowSource,
        plan: &Plan,
        sandbox: &Sandbox,
        found: &mut Diagnostics,
    ) {
        for (step, plugin) in plan.plugin_steps() {
            let Some(config) = &plugin.constant_config else { continue };
            let key = (Arc::clone(&plugin.digest), Arc::clone(config));
            let said = match self.said.get(&key) {
                Some(said) => said.clone(),
                None => {
                    let said = sandbox.try_config(&plugin.digest, config).await;
                    if said == Preparation::Ready {
                        self.ready.push(Constant {
                            plugin: Arc::clone(&plugin.plugin),
                            digest: Arc::clone(&plugin.digest),
                            config: Arc::clone(config),
                            step: format!("{}/{}", plan.name, step.id),
                        });
                    }
                    self.said.insert(key, said.clone());
                    said
                }
            };
            found.extend(problem(workflow, step, said));
        }
    }

    /// What can be prepared, in the order of the workflows.
    pub(super) fn into_ready(self) -> Vec<Constant> {
        self.ready
    }
}

/// What there is to tell about a step.
fn problem(workflow: &WorkflowSource, step: &PlannedStep, said: Preparation) -> Option<Diagnostic> {
    let place =
        |message: String| workflow.source.error(&format!("{}/with", step.pointer), one_line(&message));
    match said {
        Preparation::Absent | Preparation::Ready => None,
        Preparation::Rejected { code, message } => Some(
            place(format!("the plugin {:?} refuses this config: {message}", step.work.name()))
                .help(format!("every run would end with this, as {code}")),
        ),
        Preparation::Unusable(why) => Some(
            place(format!("the plugin {:?} cannot be prepared for this config: {why}", step.work.name()))
                .help("each attempt does that work again; the plugin's author can mend it")
                .warning(),
        ),
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
