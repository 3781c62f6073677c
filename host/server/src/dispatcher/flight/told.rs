//! What the run's journal says of steps that are done.

use std::sync::Arc;

use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::document::Document;
use stepmill_core::run::{Decision, Stand, What};
use stepmill_core::workflow::{Feed, PlannedStep, Settled, Work};

use super::{Flight, Stop, Unsaid};

impl Flight<'_> {
    /// Lets steps that wait hear of the entries that others have added from this number on.
    pub(super) fn hear(&mut self, since: u32) {
        if !self.told.range(since..).any(|(_, entry)| is_news(&entry.what)) {
            return;
        }
        // Those that are done now are looked at again, as if they had not been begun.
        for (index, step) in self.plan.steps.iter().enumerate() {
            let is_told =
                matches!(self.state.stand(&step.id), Stand::Done { seq } if self.told.contains_key(seq));
            if is_told && !self.walk.is_settled(index) {
                self.walk.reopen(index);
            }
        }
    }

    /// Takes up what others have told steps that wait, while an attempt of another branch keeps the run from its next
    /// commit. That it has ended, or is to be undone, that commit finds out.
    pub(super) async fn catch_up(&mut self) {
        let (run, seen) = (self.state.run, self.state.seq);
        if !self.state.steps.values().any(|progress| progress.stand.is_held()) {
            return;
        }
        let journal = &self.shared.dispatcher.journal;
        // The state alone tells whether there is anything to read.
        match journal.state(run).await {
            Ok(state) if state.seq > seen => {}
            Ok(_) | Err(_) => return,
        }
        let Ok((state, entries)) = journal.read(run).await else { return };
        if state.undoing.is_none() && state.phase.is_open() {
            self.told.extend((0..).zip(entries).filter(|(seq, _)| *seq >= seen));
            self.state = state;
            self.hear(seen);
        }
    }

    /// Settles a step by the entry that it was done with.
    pub(super) fn settle_told(&mut self, index: usize, step: &PlannedStep, seq: u32) -> Result<(), Stop> {
        let Some(entry) = self.told.get_mut(&seq) else {
            return Err(self.lacks("the entry of a step that is done"));
        };
        match &mut entry.what {
            What::StepSucceeded { output, .. } => {
                let output = std::mem::replace(output, Document::from_bytes("", Vec::new()));
                self.done(index, step, Arc::new(output));
            }
            What::Heard { event, .. } => {
                let document = event.document.clone();
                self.done(index, step, Arc::new(document));
            }
            What::Decided { decision, .. } => {
                let decision = decision.clone();
                self.decided(index, step, &decision);
            }
            What::Elapsed { .. } => self.elapsed(index, step),
            What::Began { .. } | What::Child { .. } => self.joined(index, step, seq)?,
            What::Accepted(_)
            | What::Gathered { .. }
            | What::Turn
            | What::AttemptFailed { .. }
            | What::Parked { .. }
            | What::Spawned { .. }
            | What::Rests
            | What::Died { .. }
            | What::Undone
            | What::Succeeded { .. }
            | What::Redriven { .. }
            | What::Snoozed { .. }
            | What::Released { .. }
            | What::Cancelled { .. } => return Err(self.lacks("what a step was done with")),
        }
        Ok(())
    }

    /// Notes that a step is done.
    pub(super) fn done(&mut self, index: usize, step: &PlannedStep, output: Arc<Document>) {
        self.outputs.insert(Arc::clone(&step.id), Arc::clone(&output));
        self.say(Some(&step.id), &output);
        self.walk.settle(index, Settled::Done(output));
    }

    /// Keeps an answer for a sender that waits until it is committed.
    pub(super) fn say(&mut self, from: Option<&Arc<str>>, output: &Arc<Document>) {
        if self.plan.webhook.is_some() && self.shared.dispatcher.answers.are_waited_for() {
            self.unsaid.push(Unsaid::Output(from.cloned(), Arc::clone(output)));
        }
    }

    fn decided(&mut self, index: usize, step: &PlannedStep, decision: &Decision) {
        let Decision { approved, by, comment } = decision;
        if *approved {
            return self.done(index, step, Arc::new(decision.output()));
        }
        let comment = comment.as_ref().map(|comment| format!(": {comment}")).unwrap_or_default();
        self.not_taken(index, step, Cause::Declined, format!("{by} declined it{comment}"));
    }

    /// The time of a step is over: it is what a sleep waits for, and too late for the others.
    pub(super) fn elapsed(&mut self, index: usize, step: &PlannedStep) {
        match &step.work {
            Work::Sleep(_) | Work::Until(_) => match self.walk.feed(index) {
                Feed::Document(fed) => self.done(index, step, fed),
                Feed::PassOver => self.walk.settle(index, Settled::NotTaken),
            },
            Work::Wait { event, .. } => {
                self.not_taken(index, step, Cause::TimedOut, format!("no event {event:?} came in time"));
            }
            Work::Approve { .. } => {
                self.not_taken(index, step, Cause::TimedOut, "nobody decided in time".into());
            }
            Work::Plugin(_) | Work::Call { .. } | Work::ForEach(_) => {
                self.not_taken(index, step, Cause::TimedOut, "its time is over".into());
            }
        }
    }

    /// A step that waited in vain: the alternative to it is taken, or the run fails.
    fn not_taken(&mut self, index: usize, step: &PlannedStep, cause: Cause, message: String) {
        if step.has_alternative {
            self.walk.settle(index, Settled::NotTaken);
        } else {
            self.walk.begin(index);
            let record = self.unmade_step(step, Failure::new(cause, message));
            self.doom(record);
        }
    }
}

/// Whether an entry by others may settle a step.
fn is_news(what: &What) -> bool {
    match what {
        What::Heard { .. } | What::Decided { .. } | What::Child { .. } => true,
        What::Accepted(_)
        | What::Gathered { .. }
        | What::Turn
        | What::StepSucceeded { .. }
        | What::AttemptFailed { .. }
        | What::Parked { .. }
        | What::Began { .. }
        | What::Spawned { .. }
        | What::Elapsed { .. }
        | What::Rests
        | What::Died { .. }
        | What::Undone
        | What::Succeeded { .. }
        | What::Redriven { .. }
        | What::Snoozed { .. }
        | What::Released { .. }
        | What::Cancelled { .. } => false,
    }
}
