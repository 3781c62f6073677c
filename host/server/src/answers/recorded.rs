//! What a run's journal says of the answer that a sender waits for: the sender of an event that is sent again reads what the
//! first one read.

use std::sync::Arc;

use stepmill_core::document::Document;
use stepmill_core::run::{Entry, Phase, State, What};

use super::Answer;

/// What the journal has of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    /// This.
    Answer(Answer),
    /// The answer is still to come.
    Pending,
    /// There is none, or it is not kept: what a pure step gives is recomputed, never read back.
    Nothing,
}

impl Recorded {
    /// The answer, if there is one yet.
    pub fn answer(self) -> Option<Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Pending | Self::Nothing => None,
        }
    }
}

/// The answer by a step of the run, or by its output for none.
pub fn recorded(state: &State, entries: &[Entry], from: Option<&str>) -> Recorded {
    if let Some(document) = output(state, entries, from) {
        return Recorded::Answer(Answer::Output(document));
    }
    // What the run came to after the step is no answer.
    if from.is_some_and(|step| state.done(step).is_some() || has_run(entries, step)) {
        return Recorded::Nothing;
    }
    match &state.phase {
        // Nothing was said of a death that a rule redrives.
        Phase::Dead { .. } if state.redrive().is_some() => Recorded::Nothing,
        Phase::Dead { failure, .. } => Recorded::Answer(Answer::Failed(failure.clone())),
        Phase::Succeeded | Phase::Cancelled | Phase::Held { .. } => Recorded::Nothing,
        Phase::Gathering { .. }
        | Phase::Queued { .. }
        | Phase::Ready { .. }
        | Phase::Retrying { .. }
        | Phase::Parked { .. }
        | Phase::Waiting { .. } => Recorded::Pending,
    }
}

fn output(state: &State, entries: &[Entry], from: Option<&str>) -> Option<Arc<Document>> {
    let what = match from {
        Some(step) => &entries.get(usize::try_from(state.done(step)?).ok()?)?.what,
        None => &entries.last()?.what,
    };
    match what {
        What::StepSucceeded { output, .. } => Some(Arc::new(output.clone())),
        What::Succeeded { output } => output.clone().map(Arc::new),
        What::Heard { event, .. } => Some(Arc::new(event.document.clone())),
        What::Decided { decision, .. } if decision.approved => Some(Arc::new(decision.output())),
        What::Accepted(_)
        | What::Gathered { .. }
        | What::Turn
        | What::AttemptFailed { .. }
        | What::Parked { .. }
        | What::Began { .. }
        | What::Spawned { .. }
        | What::Child { .. }
        | What::Decided { .. }
        | What::Elapsed { .. }
        | What::Rests
        | What::Died { .. }
        | What::Undone
        | What::Redriven { .. }
        | What::Snoozed { .. }
        | What::Released { .. }
        | What::Cancelled { .. } => None,
    }
}

/// Whether a pure step has been done, of which the journal has the record alone.
fn has_run(entries: &[Entry], step: &str) -> bool {
    let mut records = entries.iter().flat_map(|entry| &entry.pure);
    records.any(|record| record.step == step && record.failure.is_none())
}
