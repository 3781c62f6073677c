//! The plugins that say whom webhooks believe.

use std::collections::HashMap;

use stepmill_core::signature::Verify;
use stepmill_core::workflow::{Names, VerifyPlan};
use stepmill_sandbox::Sandbox;

use super::constant::Constants;
use super::files;
use super::plugins::Plugins;
use super::verify::webhooks;
use crate::config::Project;
use crate::diagnostic::Diagnostics;

/// The names that webhooks give.
pub(super) fn named(project: &Project) -> impl Iterator<Item = &str> {
    webhooks(project).into_iter().filter_map(|(webhook, _)| match &webhook.verify {
        Verify::Plugin(by) => Some(by.plugin.as_str()),
        _ => None,
    })
}

/// What each is asked with, by the webhooks' paths; each config is shown to its plugin.
pub(super) async fn all(
    project: &Project,
    plugins: &Plugins,
    sandbox: &Sandbox,
    constants: &mut Constants,
    found: &mut Diagnostics,
) -> HashMap<String, VerifyPlan> {
    let read_file = |path: &str| files::read(&project.root, path);
    let mut all = HashMap::new();
    for (webhook, at) in webhooks(project) {
        let Verify::Plugin(by) = &webhook.verify else { continue };
        // One that does not load has its error already.
        if plugins.damaged.contains(&by.plugin) {
            continue;
        }
        let pointer = format!("{}/verify", at.pointer);
        match VerifyPlan::try_new(by, &pointer, &plugins.infos, Names::Of(&plugins.unused), &read_file) {
            Ok(plan) => {
                constants.show_webhook((webhook, &at), &plan, sandbox, found).await;
                all.insert(webhook.path.clone(), plan);
            }
            Err(problems) => found.extend(problems.into_iter().map(|problem| {
                at.source.error(&problem.pointer, problem.message).help(problem.help.unwrap_or_default())
            })),
        }
    }
    all
}
