//! Undoing what a run has done: the steps that are done and say how they are undone, the last one first.

use std::sync::Arc;

use serde_json::Value;
use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::document::Document;
use stepmill_core::run::{Became, Stand, What};
use stepmill_core::workflow::{Plan, PlannedStep, Work};

use super::begin::Fed;
use super::commit::Along;
use super::{Flight, Stop, Unsaid};

impl<'a> Flight<'a> {
    /// Whether a step is done that can be undone and is not.
    pub(super) fn has_something_to_undo(&self) -> bool {
        self.state.undoing.is_none() && self.to_undo().is_some()
    }

    /// Undoes one step, or commits that all are undone.
    pub(super) async fn undo(&mut self) -> Result<(), Stop> {
        let Some((done, seq, step)) = self.to_undo() else { return self.undone().await };
        let Some(output) = self.output_of(done, seq) else {
            return Err(self.lacks("what a step gave that is to be undone"));
        };
        if let Stand::Retrying { at_ms } = self.state.stand(&step.id)
            && *at_ms > self.now_ms()
        {
            return Err(Stop::Idle);
        }
        let Some(plugin) = step.plugin() else { return Err(self.lacks("how a step is undone")) };
        let fed = self.is_wanted(step, &output).and_then(|is_wanted| {
            let input = self.input(step, &output)?;
            let config = self.config(plugin, &input)?;
            Ok(is_wanted.then_some(Fed { input, config }))
        });
        let (record, outcome) = match fed {
            Err(failure) => {
                let record = self.unmade_step(step, failure);
                return self.undo_failed(step, record).await;
            }
            Ok(None) => {
                let mut record = self.unmade_step(step, Failure::new(Cause::Rejected, ""));
                record.failure = None;
                let nothing = Document::json(&Value::Null);
                let what = What::StepSucceeded { output: nothing, record };
                return self.commit(vec![what], Along::default()).await;
            }
            Ok(Some(fed)) => {
                let held = match self.pass(step, plugin) {
                    Ok(held) => held,
                    Err(system) => {
                        self.park(step, system).await?;
                        return self.wait_on().await;
                    }
                };
                let attempt = self.attempt(step, plugin, fed);
                let report = self.shared.dispatcher.sandbox.invoke(attempt).await;
                if let Some(held) = held {
                    held.ended(&report.record);
                }
                (report.record, report.outcome.map(|output| (output, report.writes)))
            }
        };
        match outcome {
            Ok((output, writes)) => {
                let what = What::StepSucceeded { output: (*output).clone(), record };
                self.commit(vec![what], Along { writes, ..Along::default() }).await
            }
            Err(_) => self.undo_failed(step, record).await,
        }
    }

    async fn undo_failed(&mut self, step: &PlannedStep, record: Record) -> Result<(), Stop> {
        self.failed(step, record).await?;
        // It waits for its next attempt, unless it is doomed, or told otherwise.
        if self.doomed.is_none() { self.wait_on().await } else { Ok(()) }
    }

    /// Commits that all is undone that was to be.
    async fn undone(&mut self) -> Result<(), Stop> {
        let mut along = Along::default();
        match self.state.undoing.as_ref().and_then(|undoing| undoing.failed.clone()) {
            Some(death) => self.say_dead(&death.step, &death.failure, death.redrive, &mut along),
            None => self.unsaid.push(Unsaid::Ended),
        }
        self.commit(vec![What::Undone], along).await
    }

    /// The step that was done last of those that are to be undone: it, the number of its entry, and its undo.
    fn to_undo(&self) -> Option<(&'a PlannedStep, u32, &'a PlannedStep)> {
        let plan: &'a Plan = self.plan;
        let done = plan.steps.iter().filter_map(|step| {
            let undo = step.undo.as_deref()?;
            let seq = self.state.done(&step.id).filter(|seq| self.has_done(step, *seq))?;
            let is_undone = self.state.done(&undo.id).is_some();
            (!is_undone).then_some((step, seq, undo))
        });
        done.max_by_key(|(_, seq, _)| *seq)
    }

    /// Whether what a step was done with, in the entry of this number, is something that its undo makes up for. Under
    /// another version it may have been a wait.
    fn has_done(&self, step: &PlannedStep, seq: u32) -> bool {
        match (&step.work, self.told.get(&seq).map(|entry| &entry.what)) {
            (Work::Plugin(_), Some(What::StepSucceeded { .. })) => true,
            (Work::Call { .. }, Some(What::Child { became: Became::Succeeded { .. }, .. })) => true,
            (_, Some(_)) => false,
            // It was done in this flight.
            (_, None) => true,
        }
    }

    /// What a step gave, as its entry has it.
    fn output_of(&self, step: &PlannedStep, seq: u32) -> Option<Arc<Document>> {
        if let Some(output) = self.outputs.get(&step.id) {
            return Some(Arc::clone(output));
        }
        match &self.told.get(&seq)?.what {
            What::StepSucceeded { output, .. } => Some(Arc::new(output.clone())),
            What::Child { since, .. } => Some(self.output_of_call(&step.id, *since, seq)),
            _ => None,
        }
    }
}
