//! Events that runs wait for.

use std::sync::Arc;
use std::time::Duration;

use super::{AnswerPlan, PlanError, Problems, answer, trigger, webhook};
use crate::duration;
use crate::expression::Template;
use crate::workflow::definition::{EventDefinition, Webhook};

/// Longest time that an event is kept for runs that do not wait for it yet.
const KEEP_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// An event that runs can wait for.
#[derive(Clone, Debug)]
pub struct EventPlan {
    /// Its name.
    pub name: Arc<str>,
    /// Its webhook.
    pub webhook: Option<Webhook>,
    /// The webhook's dedupe key.
    pub dedupe: Option<Template>,
    /// What a sender is answered whose event was accepted, unless it is the usual.
    pub answer: Option<AnswerPlan>,
    /// What it has in common with the run that waits for it; refers to the event alone.
    pub key: Template,
    /// For how long it is kept, in milliseconds.
    pub keep_ms: u64,
}

impl EventPlan {
    /// Checks and compiles a definition.
    ///
    /// # Errors
    /// Everything that is wrong with it. Never empty.
    pub fn try_new(name: &str, definition: EventDefinition) -> Result<Self, Vec<PlanError>> {
        let mut problems = Problems::default();
        let dedupe = definition.webhook.as_ref().and_then(|webhook| webhook::event(webhook, &mut problems));
        let answer = definition
            .webhook
            .as_ref()
            .and_then(|webhook| answer::answer("/webhook", webhook, &mut problems));
        let key = trigger::event_key(&definition.key, &mut problems);
        if definition.keep > KEEP_MAX {
            problems.add("/keep", "keep is over a year: give a time such as 30d");
        }
        match key.filter(|_| problems.0.is_empty()) {
            Some(key) => Ok(Self {
                name: name.into(),
                webhook: definition.webhook,
                dedupe,
                answer,
                key,
                keep_ms: duration::ms(definition.keep),
            }),
            None => Err(problems.0),
        }
    }
}
