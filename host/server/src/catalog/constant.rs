//! Configs without expressions: shown to their plugins when a workflow is loaded, since what is wrong with
//! one is wrong for every document.

use std::collections::HashMap;
use std::sync::Arc;

use stepmill_core::workflow::{Plan, VerifyPlan, Webhook};
use stepmill_sandbox::{Preparation, Sandbox};

use super::verify::Place;
use crate::config::WorkflowSource;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};

/// A plugin with a config that it can be prepared for.
#[derive(Clone, Debug)]
pub struct Constant {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// The plugin's digest.
    pub digest: Arc<str>,
    /// The config, as attempts are given it.
    pub config: Arc<str>,
    /// What uses the two first: a step as `workflow/step`, or a webhook by its path.
    pub user: String,
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
            let user = format!("{}/{}", plan.name, step.id);
            let said = self.said(sandbox, &plugin.plugin, &plugin.digest, config, user).await;
            let at = format!("{}/with", step.pointer);
            found.extend(problem(&workflow.source, &at, step.work.name(), ["run", "attempt"], said));
        }
    }

    /// Shows its config to a webhook's plugin, and tells what is wrong with it.
    pub(super) async fn show_webhook(
        &mut self,
        (webhook, at): (&Webhook, &Place<'_>),
        plan: &VerifyPlan,
        sandbox: &Sandbox,
        found: &mut Diagnostics,
    ) {
        let VerifyPlan { plugin, digest, config, .. } = plan;
        let said = self.said(sandbox, plugin, digest, config, webhook.path.clone()).await;
        let pointer = format!("{}/verify/with", at.pointer);
        found.extend(problem(at.source, &pointer, plugin, ["request", "request"], said));
    }

    async fn said(
        &mut self,
        sandbox: &Sandbox,
        plugin: &Arc<str>,
        digest: &Arc<str>,
        config: &Arc<str>,
        user: String,
    ) -> Preparation {
        let key = (Arc::clone(digest), Arc::clone(config));
        if let Some(said) = self.said.get(&key) {
            return said.clone();
        }
        let said = sandbox.try_config(digest, config).await;
        if said == Preparation::Ready {
            let (plugin, digest, config) = (Arc::clone(plugin), Arc::clone(digest), Arc::clone(config));
            self.ready.push(Constant { plugin, digest, config, user });
        }
        self.said.insert(key, said.clone());
        said
    }

    /// What can be prepared, in the order of the workflows.
    pub(super) fn into_ready(self) -> Vec<Constant> {
        self.ready
    }
}

/// What there is to tell about the config at `pointer`, of which there is something new with each `whole` and `part`.
fn problem(
    source: &Source,
    pointer: &str,
    plugin: &str,
    [whole, part]: [&str; 2],
    said: Preparation,
) -> Option<Diagnostic> {
    let place = |message: String| source.error(pointer, one_line(&message));
    match said {
        Preparation::Absent | Preparation::Ready => None,
        Preparation::Rejected { code, message } => Some(
            place(format!("the plugin {plugin:?} refuses this config: {message}"))
                .help(format!("every {whole} would end with this, as {code}")),
        ),
        Preparation::Unusable(why) => Some(
            place(format!("the plugin {plugin:?} cannot be prepared for this config: {why}"))
                .help(format!("each {part} does that work again; the plugin's author can mend it"))
                .warning(),
        ),
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
