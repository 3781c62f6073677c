//! How an attempt ends, and how a run does.

use std::sync::Arc;

use serde_json::json;
use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::dead::{Category, Redrive, fingerprint};
use stepmill_core::document::Document;
use stepmill_core::invoke::Report;
use stepmill_core::journal::{Acceptance, JournalError, PhaseName};
use stepmill_core::manifest::Kind;
use stepmill_core::run::{self, Verdict, What};
use stepmill_core::workflow::PlannedStep;

use super::commit::Along;
use super::{Flight, Stop, Unsaid};
use crate::cancel;

/// Who ends what a run has begun that is to be undone.
const UNDONE: &str = "the run that began it has failed, and is undone";

impl Flight<'_> {
    /// Takes up what came of an attempt.
    pub(super) async fn attempted(&mut self, index: usize, report: Report) -> Result<(), Stop> {
        let Some(step) = self.plan.steps.get(index) else { return Err(self.lacks("a step of its plan")) };
        self.attempting.remove(&index);
        let output = match &report.outcome {
            Ok(output) => Arc::clone(output),
            Err(_) => return self.failed(step, report.record).await,
        };
        self.done(index, step, Arc::clone(&output));
        if step.is_pure() {
            self.pure.push(report.record);
            self.speak();
            return Ok(());
        }
        // Only an attempt that writes to storage can lose a race for it.
        let contender = (!report.writes.is_empty()).then(|| (report.record.clone(), self.pure.clone()));
        let mut whats = vec![What::StepSucceeded { output: (*output).clone(), record: report.record }];
        let mut along = Along { writes: report.writes, ..Along::default() };
        if self.walk.is_done() && self.doomed.is_none() && self.state.undoing.is_none() {
            match self.ending() {
                Ok((what, spawns)) => {
                    whats.push(what);
                    (along.spawns, along.spawns_if) = (spawns, Some(PhaseName::Succeeded));
                }
                Err(record) => self.doom(*record),
            }
        }
        match self.commit(whats, along).await {
            Err(Stop::Journal(error @ JournalError::StorageConflict { .. })) => {
                let Some((mut record, pure)) = contender else { return Err(error.into()) };
                self.pure = pure;
                self.unsaid.clear();
                self.outputs.remove(&step.id);
                self.walk.begin(index);
                record.failure = Some(Failure::new(Cause::StorageConflict, error.to_string()));
                self.failed(step, record).await
            }
            other => other,
        }
    }

    /// Takes up a failed attempt: another try later, or the end of the run.
    pub(super) async fn failed(&mut self, step: &PlannedStep, record: Record) -> Result<(), Stop> {
        let (Some(failure), Some(plugin)) = (&record.failure, step.plugin()) else {
            return Err(self.lacks("the reason of a failed attempt"));
        };
        let tries = self.state.tries(&step.id);
        let random = self.shared.dispatcher.entropy.share();
        let now_ms = self.now_ms();
        let since_ms = (tries.counted > 0).then_some(tries.since_ms);
        match run::verdict(plugin.kind, &plugin.retry, tries, &record, since_ms, now_ms, random) {
            Verdict::RetryAt(retry_at_ms) => {
                tracing::info!(
                    run = %self.state.run, step = %step.id, attempt = record.number, plugin = %plugin.plugin,
                    cause = failure.cause.name(), reason = %failure.message,
                    retry_in_ms = retry_at_ms.saturating_sub(now_ms),
                    "an attempt failed and will be made again"
                );
                self.commit(vec![What::AttemptFailed { record, retry_at_ms }], Along::default()).await
            }
            Verdict::Die => {
                self.doom(record);
                Ok(())
            }
        }
    }

    /// Commits that the run fails for good.
    pub(super) async fn die(&mut self, record: Record) -> Result<(), Stop> {
        let Some(failure) = &record.failure else { return Err(self.lacks("the reason of its end")) };
        self.stop_others(&record.step).await?;
        let undo = self.has_something_to_undo();
        if undo {
            // Whatever has succeeded by now is told, and undone with the rest.
            let begun = cancel::children(&self.state);
            let dispatcher = &self.shared.dispatcher;
            cancel::trees(&*dispatcher.journal, &*dispatcher.clock, begun, UNDONE, true).await?;
        }
        tracing::warn!(
            run = %self.state.run, workflow = %self.state.workflow, step = %record.step,
            attempt = record.number, plugin = %record.plugin, cause = failure.cause.name(),
            reason = %failure.message,
            "{}", if undo { "a run failed and is undone" } else { "a run became a dead letter" }
        );
        let category = Category::of(self.kind_of(&record.step), &record);
        let status = record.last_status();
        let fingerprint = fingerprint(&self.plan.name, &record.step, failure, status);
        let redrive = self.redrive(category, failure, &record).await;
        let mut along = Along::default();
        if !undo {
            self.say_dead(&record.step, failure, redrive, &mut along);
        }
        self.commit(vec![What::Died { record, category, fingerprint, undo, redrive }], along).await
    }

    /// Has a death told: to a sender that waits, and by hooks. One after which a rule redrives the run is told to
    /// nobody, since nobody need do anything: an alarm for each would teach people to overlook the last.
    pub(super) fn say_dead(
        &mut self,
        step: &str,
        failure: &Failure,
        redrive: Option<Redrive>,
        along: &mut Along,
    ) {
        if redrive.is_some_and(|redrive| self.state.may(redrive)) {
            self.unsaid.push(Unsaid::Ended);
            return;
        }
        self.unsaid.push(Unsaid::Failed(failure.clone()));
        along.spawns = self.hooks(PhaseName::Dead, || json!({ "step": step, "failure": failure }));
        along.spawns_if = Some(PhaseName::Dead);
    }

    /// The kind of the plugin of a step; a step without one reaches out too.
    fn kind_of(&self, step: &str) -> Kind {
        let found = self.plan.steps.iter().find(|planned| *planned.id == *step);
        found.and_then(PlannedStep::plugin).map_or(Kind::Connector, |plugin| plugin.kind)
    }

    /// Commits that all steps are done.
    pub(super) async fn finish(&mut self) -> Result<(), Stop> {
        match self.ending() {
            Ok((what, spawns)) => {
                let spawns_if = Some(PhaseName::Succeeded);
                self.commit(vec![what], Along { spawns, spawns_if, ..Along::default() }).await
            }
            Err(record) => {
                self.doom(*record);
                Ok(())
            }
        }
    }

    /// The last entry of a run whose steps are done, and the runs that begin with it.
    fn ending(&mut self) -> Result<(What, Vec<Acceptance>), Box<Record>> {
        let fed = self.walk.output();
        let output = match &self.plan.output {
            Some(template) => {
                let value = self.evaluate(template, &fed, "output").map_err(|failure| {
                    Box::new(Record {
                        failure: Some(failure),
                        ..self.unmade("output", "-", Cause::Expression, String::new())
                    })
                })?;
                Arc::new(Document::json(&value))
            }
            None => fed,
        };
        self.say(None, &output);
        self.unsaid.push(Unsaid::Ended);
        let members = || json!({ "output": output.to_value() });
        let spawns = self.hooks(PhaseName::Succeeded, members);
        // A sender who comes again asks the journal for it.
        let respond = self.plan.webhook.as_ref().and_then(|webhook| webhook.respond.as_ref());
        let is_answer = respond.is_some_and(|respond| respond.from.is_none());
        let is_asked_for = self.state.parent.is_some() || self.plan.output.is_some() || is_answer;
        Ok((What::Succeeded { output: is_asked_for.then(|| (*output).clone()) }, spawns))
    }
}
