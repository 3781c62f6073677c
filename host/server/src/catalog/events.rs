//! Events: those of `stepmill.yaml`, compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepmill_core::signature::Verifier;
use stepmill_core::workflow::EventPlan;

use super::verify::{Place, verifier};
use crate::config::{Project, pointer};
use crate::diagnostic::Diagnostics;
use crate::ingress::Senders;

/// An event that runs can wait for.
#[derive(Debug)]
pub struct DeployedEvent {
    /// The compiled event.
    pub plan: EventPlan,
    /// Checks the signatures of its webhook; none without a webhook.
    pub verifier: Option<Verifier>,
    /// Who may call its webhook.
    pub senders: Senders,
}

/// Compiles all events.
pub(super) fn compile(project: &Project, found: &mut Diagnostics) -> BTreeMap<String, Arc<DeployedEvent>> {
    let mut events = BTreeMap::new();
    let mut paths: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, definition) in &project.config.events {
        let at = pointer(&["events", name]);
        let mut verifies = None;
        if let Some(webhook) = &definition.webhook {
            let pointer = format!("{at}/webhook");
            verifies = verifier(
                project,
                webhook,
                &Place { source: &project.source, pointer: pointer.as_str().into() },
                found,
            );
            if let Some(other) = paths.insert(&webhook.path, name) {
                let message = format!("the path {} belongs to the event {other} already", webhook.path);
                found.push(
                    project.source.error(&format!("{pointer}/path"), message).help("change one of the two"),
                );
            }
        }
        let senders = definition.webhook.as_ref().map(Senders::of).unwrap_or_default();
        match EventPlan::try_new(name, definition.clone()) {
            Ok(plan) => {
                events.insert(name.clone(), Arc::new(DeployedEvent { plan, verifier: verifies, senders }));
            }
            Err(problems) => found.extend(problems.into_iter().map(|problem| {
                let error = project.source.error(&format!("{at}{}", problem.pointer), problem.message);
                error.help(problem.help.unwrap_or_default())
            })),
        }
    }
    events
}
