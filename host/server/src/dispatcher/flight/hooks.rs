//! Runs that begin when a run has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Acceptance, PhaseName};
use stepmill_core::run::{child_id, root};
use stepmill_core::workflow::{End, Plan};

use super::Flight;

impl Flight<'_> {
    /// The runs that begin when this one ends so: the workflow's own hook, and other workflows that its end
    /// starts.
    pub(super) fn hooks(&self, phase: PhaseName, members: impl Fn() -> Value) -> Vec<Acceptance> {
        let catalog = self.shared.dispatcher.live.catalog();
        let workflow = root(&self.plan.name);
        let (part, end) = match phase {
            PhaseName::Succeeded => ("on-success", End::Succeeded),
            _ => ("on-failure", End::Dead),
        };
        let is_whole = *self.plan.name == *workflow;
        // Or a part of one.
        let is_hook = matches!(self.plan.name.split('/').nth(1), Some("on-failure" | "on-success"));
        // An item that fails is a failure of the workflow; one that succeeds is not its success.
        let own = Some(&self.whole)
            .filter(|_| !is_hook && (is_whole || end == End::Dead))
            .and_then(|whole| whole.parts.get(part));
        let listeners = catalog.plans.values().map(|deployed| &deployed.plan).filter(|plan| {
            is_whole
                && plan.on_run.as_ref().is_some_and(|on| on.workflow == workflow && on.ends.contains(&end))
        });
        let plans: Vec<&Arc<Plan>> = own.into_iter().chain(listeners).collect();
        if plans.is_empty() {
            return Vec::new();
        }
        let mut document = json!({
            "run": self.state.run,
            "workflow": self.state.workflow,
            "phase": phase,
            "body": self.event.document.to_value(),
        });
        if let (Some(document), Value::Object(members)) = (document.as_object_mut(), members()) {
            document.extend(members);
        }
        let document = Document::json(&document);
        let at_ms = self.now_ms();
        let spawn = |plan: &Arc<Plan>| {
            let run = child_id(self.state.run, &plan.name, self.state.seq, 0, at_ms);
            let event = Event {
                trigger: Trigger::Run { run: self.state.run, workflow: self.state.workflow.clone(), phase },
                headers: BTreeMap::new(),
                query: BTreeMap::new(),
                document: document.clone(),
                raw: None,
            };
            plan.accept(run, at_ms, event, None)
                .inspect_err(|error| {
                    tracing::error!(run = %self.state.run, workflow = %plan.name, %error, "a run's end cannot start another");
                })
                .ok()
        };
        plans.into_iter().filter_map(spawn).collect()
    }
}
