//! From a verified event to what is on disk: a run of a workflow, or an event for runs that wait.

use std::sync::Arc;

use stepmill_core::RunId;
use stepmill_core::body::Record;
use stepmill_core::duration;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::expression::Template;
use stepmill_core::journal::{
    Acceptance, BATCH_BYTES, Dedupe, JournalError, Outcome, Publication, Published,
};
use stepmill_core::workflow::{AnswerPlan, NoKey, Plan, Respond, Webhook, value_key};

use super::answer::{Answered, Configured};
use super::event::{Arrival, Arrived};
use super::{Ingress, Refusal, Taken};
use crate::answers::{Answer, Recorded, recorded};
use crate::catalog::{Catalog, Deployed, DeployedEvent};
use crate::metrics;

impl Ingress {
    /// Starts a run.
    pub(super) async fn start(
        &self,
        deployed: &Arc<Deployed>,
        webhook: &Webhook,
        arrival: Arrival,
        taken: Taken<'_>,
    ) -> Result<Answered, Refusal> {
        let plan = &deployed.plan;
        let now_ms = self.clock.now_ms();
        let told = Told::new(plan.answer.as_ref(), &arrival.event, &plan.name, now_ms);
        let mut acceptance = self.acceptance(plan, webhook, arrival, now_ms)?;
        let run = acceptance.accepted.run;
        // What is said of the source now holds until the event is on disk.
        let source = self.sources.enter(&webhook.path).await;
        acceptance.accepted.is_held = source.mode.holds();
        if source.mode.holds() {
            let outcome = self.accept_one(&plan.name, acceptance).await?;
            return Ok(told.or(outcome.run(), Answered::Held(outcome)));
        }
        let respond = webhook.respond.as_ref();
        let waiting = respond.map(|respond| (respond, self.answers.wait(run, respond.from.as_deref())));
        let outcome = self.accept_one(&plan.name, acceptance).await?;
        drop(source);
        let usual = || told.or(outcome.run(), Answered::Accepted(outcome));
        let Some((respond, waiting)) = waiting else { return Ok(usual()) };
        // One that waits takes no place of those that are being accepted, and those that wait have bounds too.
        drop(taken);
        let Ok(_place) = self.waiting.try_acquire() else { return Ok(usual()) };
        let answer = match outcome {
            Outcome::New(_) => waiting.within(respond.within).await,
            Outcome::Duplicate(first) => self.again(first, respond).await,
            // One that is gathered is answered by no step.
            Outcome::Gathered(_) => None,
        };
        Ok(answer.and_then(|answer| Answered::told(outcome.run(), answer)).unwrap_or_else(usual))
    }

    /// What the first sender of an event that is sent again was answered, or will be in time; none if nobody knows.
    async fn again(&self, first: RunId, respond: &Respond) -> Option<Answer> {
        // From before the journal is read, so that nothing is missed between the two.
        let waiting = self.answers.wait(first, respond.from.as_deref());
        let recorded = self.recorded(first, respond).await;
        if recorded != Recorded::Pending {
            return recorded.answer();
        }
        match waiting.within(respond.within).await {
            Some(answer @ (Answer::Output(_) | Answer::Failed(_))) => Some(answer),
            // A step that was done while nobody waited says nothing when it is committed.
            Some(Answer::Nothing) | None => self.recorded(first, respond).await.answer(),
        }
    }

    async fn recorded(&self, run: RunId, respond: &Respond) -> Recorded {
        match self.journal.read(run).await {
            Ok((state, entries)) => recorded(&state, &entries, respond.from.as_deref()),
            Err(error) => {
                // The event is on disk, whatever its sender is told.
                tracing::warn!(%run, error = &error as &dyn std::error::Error, "an answer is not given again");
                Recorded::Nothing
            }
        }
    }

    /// Starts a run of each record of a body: all of them, or none.
    pub(super) async fn start_each(
        &self,
        deployed: &Arc<Deployed>,
        webhook: &Webhook,
        request: Arrived,
        records: Vec<Record>,
    ) -> Result<Answered, Refusal> {
        let plan = &deployed.plan;
        let told = request.bytes().saturating_mul(records.len());
        if records.iter().map(Record::bytes).sum::<usize>().saturating_add(told) > BATCH_BYTES {
            return Err(Refusal::BatchTooLarge);
        }
        let now_ms = self.clock.now_ms();
        let acceptances = (1..).zip(records).map(|(number, record)| {
            let arrival = request.of_record(number).with(record);
            self.acceptance(plan, webhook, arrival, now_ms).map_err(|refusal| refusal.of_record(number))
        });
        let mut acceptances = acceptances.collect::<Result<Vec<_>, _>>()?;
        let Some(event) = acceptances.first().map(|acceptance| &acceptance.accepted.event) else {
            return Ok(Answered::Split { outcomes: Vec::new(), held: false });
        };
        // It has no expressions, so that it is the same for each record.
        let told = Told::new(plan.answer.as_ref(), event, &plan.name, now_ms);
        let source = self.sources.enter(&webhook.path).await;
        let held = source.mode.holds();
        acceptances.iter_mut().for_each(|acceptance| acceptance.accepted.is_held = held);
        let outcomes = self.journal.accept(acceptances).await;
        let outcomes = outcomes.map_err(|error| unavailable(&plan.name, &error))?;
        for outcome in &outcomes {
            self.count(&plan.name, *outcome);
        }
        let first = outcomes.first().map(|outcome| outcome.run());
        let usual = Answered::Split { outcomes, held };
        Ok(match first {
            Some(first) => told.or(first, usual),
            None => usual,
        })
    }

    fn acceptance(
        &self,
        plan: &Plan,
        webhook: &Webhook,
        arrival: Arrival,
        now_ms: u64,
    ) -> Result<Acceptance, Refusal> {
        let run = RunId::new(now_ms, self.entropy.id());
        let dedupe = dedupe(plan.dedupe.as_ref(), webhook, &plan.name, &plan.name, &arrival, run, now_ms)?;
        let accepted = plan.accept(run, now_ms, arrival.event, None).map_err(no_key)?;
        Ok(Acceptance { dedupe, ..accepted })
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
        arrival: Arrival,
    ) -> Result<Answered, Refusal> {
        let plan = &deployed.plan;
        let event = &arrival.event;
        let now_ms = self.clock.now_ms();
        let id = RunId::new(now_ms, self.entropy.id());
        let key = value_key("key", &plan.key, event, id, &plan.name, now_ms).map_err(no_key)?;
        let told = Told::new(plan.answer.as_ref(), event, &plan.name, now_ms);
        let scope = format!("event/{}", plan.name);
        let dedupe_of =
            |scope: &str| dedupe(plan.dedupe.as_ref(), webhook, scope, &plan.name, &arrival, id, now_ms);
        for started in catalog.begun_by(&plan.name) {
            let trigger = Trigger::Event { name: plan.name.to_string() };
            let event = Event { trigger, ..event.clone() };
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
            let dedupe = dedupe_of(&format!("{scope}/{}", started.plan.name))?;
            self.accept_one(&started.plan.name, Acceptance { dedupe, ..accepted }).await?;
        }
        let publication = Publication {
            id,
            name: plan.name.to_string(),
            key,
            at_ms: now_ms,
            dedupe: dedupe_of(&scope)?,
            event: arrival.event,
            keep_until_ms: now_ms.saturating_add(plan.keep_ms),
        };
        let published =
            self.journal.publish(publication).await.map_err(|error| unavailable(&plan.name, &error))?;
        let first = match &published {
            Published::New(_) => {
                metrics::event_accepted(&plan.name);
                self.wake.notify_one();
                id
            }
            Published::Duplicate(first) => {
                metrics::event_duplicate(&plan.name);
                *first
            }
        };
        Ok(told.or(first, Answered::Published(id, published)))
    }

    async fn accept_one(&self, workflow: &str, acceptance: Acceptance) -> Result<Outcome, Refusal> {
        let accepted = self.journal.accept(vec![acceptance]).await;
        let accepted = accepted
            .map_err(|error| unavailable(workflow, &error))?
            .pop()
            .ok_or(Refusal::JournalUnavailable)?;
        self.count(workflow, accepted);
        Ok(accepted)
    }

    fn count(&self, workflow: &str, outcome: Outcome) {
        match outcome {
            Outcome::New(_) | Outcome::Gathered(_) => {
                metrics::event_accepted(workflow);
                self.wake.notify_one();
            }
            Outcome::Duplicate(_) => metrics::event_duplicate(workflow),
        }
    }
}

/// What the webhook answers, where config says so.
struct Told<'a> {
    answer: Option<(&'a AnswerPlan, Event)>,
    name: &'a str,
    at_ms: u64,
}

impl<'a> Told<'a> {
    /// For an event that is about to be accepted.
    fn new(answer: Option<&'a AnswerPlan>, event: &Event, name: &'a str, at_ms: u64) -> Self {
        Self { answer: answer.map(|answer| (answer, event.clone())), name, at_ms }
    }

    /// With the run that has the event; else the usual.
    fn or(&self, run: RunId, usual: Answered) -> Answered {
        let Some((answer, event)) = &self.answer else { return usual };
        match answer.body(event, run, self.name, self.at_ms) {
            Ok(body) => Answered::Configured(Configured::new(answer, body)),
            Err(error) => {
                // The event is on disk, whatever its sender is told.
                tracing::error!(webhook = self.name, %error, "the answer of a webhook cannot be told from an event");
                usual
            }
        }
    }
}

fn unavailable(name: &str, error: &JournalError) -> Refusal {
    tracing::error!(name, error = error as &dyn std::error::Error, "failed to accept an event");
    Refusal::JournalUnavailable
}

fn no_key(error: NoKey) -> Refusal {
    Refusal::Key(error.to_string())
}

fn dedupe(
    template: Option<&Template>,
    webhook: &Webhook,
    scope: &str,
    name: &str,
    arrival: &Arrival,
    run: RunId,
    now_ms: u64,
) -> Result<Option<Dedupe>, Refusal> {
    let key = match (template, &arrival.key) {
        (Some(template), _) => value_key("dedupe", template, &arrival.event, run, name, now_ms)
            .map_err(|error| Refusal::DedupeKey(error.to_string()))?,
        // `none` is no template, and asks for no key either.
        (None, Some(key)) if webhook.dedupe.is_none() => key.clone(),
        (None, _) => return Ok(None),
    };
    let lasts_ms = duration::ms(webhook.dedupe_for);
    Ok(Some(Dedupe { scope: scope.to_owned(), key, expires_ms: now_ms.saturating_add(lasts_ms) }))
}
