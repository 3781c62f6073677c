//! From a verified event to what is on disk: a run of a workflow, or an event for runs that wait.

use std::sync::Arc;

use stepmill_core::RunId;
use stepmill_core::duration;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::expression::Template;
use stepmill_core::journal::{Acceptance, Dedupe, JournalError, Outcome, Publication, Published};
use stepmill_core::workflow::{NoKey, Webhook, value_key};
use tokio::sync::SemaphorePermit;

use super::answer::Answered;
use super::event::Received;
use super::{Ingress, Refusal};
use crate::catalog::{Catalog, Deployed, DeployedEvent};
use crate::metrics;

impl Ingress {
    /// Starts a run.
    pub(super) async fn start(
        &self,
        deployed: &Arc<Deployed>,
        webhook: &Webhook,
        received: Received,
        permit: SemaphorePermit<'_>,
    ) -> Result<Answered, Refusal> {
        let plan = &deployed.plan;
        let now_ms = self.clock.now_ms();
        let run = RunId::new(now_ms, self.entropy.id());
        let repeats = Repeats { template: plan.dedupe.as_ref(), webhook, name: &plan.name, run, now_ms };
        let dedupe = repeats.dedupe(&plan.name, &received)?;
        let accepted = plan.accept(run, now_ms, received.event, None).map_err(no_key)?;
        let mut acceptance = Acceptance { dedupe, ..accepted };
        // What is said of the source now holds until the event is on disk.
        let source = self.sources.enter(&webhook.path).await;
        acceptance.accepted.is_held = source.mode.holds();
        if source.mode.holds() {
            let outcome = self.accept_one(&plan.name, acceptance).await?;
            return Ok(Answered::Held(outcome));
        }
        let waiting = webhook
            .respond
            .as_ref()
            .map(|respond| (self.answers.wait(run, respond.from.as_deref()), respond.within));
        let outcome = self.accept_one(&plan.name, acceptance).await?;
        drop(source);
        let (Outcome::New(run), Some((waiting, within))) = (outcome, waiting) else {
            return Ok(Answered::Accepted(outcome));
        };
        // One that waits takes no place of those that are being accepted, and those that wait have bounds too.
        drop(permit);
        let Ok(_place) = self.waiting.try_acquire() else { return Ok(Answered::Accepted(outcome)) };
        match waiting.within(within).await {
            Some(answer) => Ok(Answered::Now(run, answer)),
            None => Ok(Answered::Accepted(outcome)),
        }
    }

    /// Gives an event to runs that wait for it, and starts those that begin with it.
    ///
    /// Each of these is known by the event's dedupe key, so that an event which is sent again after a crash
    /// between two of them does what was left to do, and nothing twice.
    pub(super) async fn publish(
        &self,
        catalog: &Catalog,
        deployed: &DeployedEvent,
        webhook: &Webhook,
        received: Received,
    ) -> Result<Answered, Refusal> {
        let plan = &deployed.plan;
        let now_ms = self.clock.now_ms();
        let id = RunId::new(now_ms, self.entropy.id());
        let key = value_key("key", &plan.key, &received.event, id, &plan.name, now_ms).map_err(no_key)?;
        let scope = format!("event/{}", plan.name);
        let repeats = Repeats { template: plan.dedupe.as_ref(), webhook, name: &plan.name, run: id, now_ms };
        for started in catalog.begun_by(&plan.name) {
            let trigger = Trigger::Event { name: plan.name.to_string() };
            let event = Event { trigger, ..received.event.clone() };
            let run = RunId::new(now_ms, self.entropy.id());
            let accepted = match started.plan.accept(run, now_ms, event, None) {
                Ok(accepted) => accepted,
                // One workflow that cannot take it keeps it from nobody else.
                Err(error) => {
                    tracing::error!(event = %plan.name, workflow = %started.plan.name, %error, "an event cannot become a run");
                    metrics::event_refused("no-key");
                    continue;
                }
            };
            let dedupe = repeats.dedupe(&format!("{scope}/{}", started.plan.name), &received)?;
            self.accept_one(&started.plan.name, Acceptance { dedupe, ..accepted }).await?;
        }
        let publication = Publication {
            id,
            name: plan.name.to_string(),
            key,
            at_ms: now_ms,
            dedupe: repeats.dedupe(&scope, &received)?,
            event: received.event,
            keep_until_ms: now_ms.saturating_add(plan.keep_ms),
        };
        let published =
            self.journal.publish(publication).await.map_err(|error| unavailable(&plan.name, &error))?;
        match &published {
            Published::New(_) => {
                metrics::event_accepted(&plan.name);
                self.wake.notify_one();
            }
            Published::Duplicate(_) => metrics::event_duplicate(&plan.name),
        }
        Ok(Answered::Published(id, published))
    }

    async fn accept_one(&self, workflow: &str, acceptance: Acceptance) -> Result<Outcome, Refusal> {
        let accepted = self.journal.accept(vec![acceptance]).await;
        let accepted = accepted
            .map_err(|error| unavailable(workflow, &error))?
            .pop()
            .ok_or(Refusal::JournalUnavailable)?;
        match accepted {
            Outcome::New(_) | Outcome::Gathered(_) => {
                metrics::event_accepted(workflow);
                self.wake.notify_one();
            }
            Outcome::Duplicate(_) => metrics::event_duplicate(workflow),
        }
        Ok(accepted)
    }
}

fn unavailable(name: &str, error: &JournalError) -> Refusal {
    tracing::error!(name, error = error as &dyn std::error::Error, "failed to accept an event");
    Refusal::JournalUnavailable
}

fn no_key(error: NoKey) -> Refusal {
    Refusal::Key(error.to_string())
}

/// How events that are sent again are recognised.
struct Repeats<'a> {
    template: Option<&'a Template>,
    webhook: &'a Webhook,
    name: &'a str,
    run: RunId,
    now_ms: u64,
}

impl Repeats<'_> {
    /// By the webhook's expression, or else by what the sender's scheme knows it by.
    fn dedupe(&self, scope: &str, received: &Received) -> Result<Option<Dedupe>, Refusal> {
        let key = match self.template {
            Some(template) => {
                let key = value_key("dedupe", template, &received.event, self.run, self.name, self.now_ms);
                Some(key.map_err(|error| Refusal::DedupeKey(error.to_string()))?)
            }
            None if self.webhook.dedupe.is_none() => received.verified.id.clone(),
            None => None,
        };
        let expires_ms = self.now_ms.saturating_add(duration::ms(self.webhook.dedupe_for));
        Ok(key.map(|key| Dedupe { scope: scope.to_owned(), key, expires_ms }))
    }
}
