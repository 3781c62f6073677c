//! The transition function.

use std::collections::BTreeMap;

use super::{Entry, Phase, State, Tries, What};
use crate::attempt::{Class, Record};

/// An entry that cannot follow the state it was given for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {from} cannot take the entry {entry}: {why}")]
pub struct IllegalTransition {
    /// What the run is.
    pub from: &'static str,
    /// What the entry says.
    pub entry: &'static str,
    /// Which rule it breaks.
    pub why: &'static str,
}

/// The state after `entry`. `None` is a run that does not exist yet.
///
/// Total: every pair has an answer. Invariant: a succeeded or cancelled run takes no entry; a dead one
/// only a redrive or a cancellation.
pub fn next(state: Option<State>, entry: &Entry) -> Result<State, IllegalTransition> {
    let refuse = |state: Option<&State>, why| {
        Err(IllegalTransition { from: phase_name(state), entry: what_name(&entry.what), why })
    };
    let Some(mut state) = state else {
        return match &entry.what {
            What::Accepted { run, workflow, version, .. } => Ok(State {
                run: *run,
                workflow: workflow.clone(),
                version: version.clone(),
                accepted_ms: entry.at_ms,
                changed_ms: entry.at_ms,
                seq: 1,
                results: BTreeMap::new(),
                tries: BTreeMap::new(),
                redrives: 0,
                payload: 0,
                phase: Phase::Ready { since_ms: entry.at_ms },
            }),
            What::StepSucceeded { .. }
            | What::AttemptFailed { .. }
            | What::Died { .. }
            | What::Succeeded
            | What::Redriven { .. }
            | What::Cancelled { .. } => refuse(None, "the first entry of a run accepts it"),
        };
    };
    let is_open = match state.phase {
        Phase::Ready { .. } | Phase::Retrying { .. } => true,
        Phase::Succeeded | Phase::Dead { .. } | Phase::Cancelled => false,
    };
    match &entry.what {
        What::Accepted { .. } => return refuse(Some(&state), "a run is accepted once"),
        What::StepSucceeded { .. } | What::AttemptFailed { .. } | What::Died { .. } | What::Succeeded
            if !is_open =>
        {
            return refuse(Some(&state), "the run has ended");
        }
        What::StepSucceeded { record, .. } => {
            if let Some(why) = misnumbered(&state, record) {
                return refuse(Some(&state), why);
            }
            if record.failure.is_some() {
                return refuse(Some(&state), "a step that succeeded has no failure");
            }
            state.tries.insert(record.step.clone(), Tries { last: record.number, ..Tries::default() });
            state.results.insert(record.step.clone(), state.seq);
            state.phase = Phase::Ready { since_ms: entry.at_ms };
        }
        What::AttemptFailed { record, retry_at_ms } => {
            if let Some(why) = misnumbered(&state, record) {
                return refuse(Some(&state), why);
            }
            let Some(failure) = &record.failure else {
                return refuse(Some(&state), "a failed attempt has a failure");
            };
            count(state.tries.entry(record.step.clone()).or_default(), record, failure.cause.class());
            state.phase = Phase::Retrying { step: record.step.clone(), at_ms: *retry_at_ms };
        }
        What::Died { record } => {
            if let Some(why) = misnumbered(&state, record) {
                return refuse(Some(&state), why);
            }
            let Some(failure) = &record.failure else {
                return refuse(Some(&state), "a failed attempt has a failure");
            };
            count(state.tries.entry(record.step.clone()).or_default(), record, failure.cause.class());
            state.phase = Phase::Dead { step: record.step.clone(), failure: failure.clone() };
        }
        What::Succeeded => state.phase = Phase::Succeeded,
        What::Redriven { from_start, document, .. } => {
            match state.phase {
                Phase::Dead { .. } => {}
                Phase::Ready { .. } | Phase::Retrying { .. } | Phase::Succeeded | Phase::Cancelled => {
                    return refuse(Some(&state), "only a dead letter is redriven");
                }
            }
            if *from_start {
                state.results.clear();
            }
            if document.is_some() {
                state.payload = state.seq;
            }
            for tries in state.tries.values_mut() {
                (tries.counted, tries.host_faults) = (0, 0);
            }
            state.redrives = state.redrives.saturating_add(1);
            state.phase = Phase::Ready { since_ms: entry.at_ms };
        }
        What::Cancelled { .. } => match state.phase {
            Phase::Ready { .. } | Phase::Retrying { .. } | Phase::Dead { .. } => {
                state.phase = Phase::Cancelled
            }
            Phase::Succeeded | Phase::Cancelled => return refuse(Some(&state), "the run has ended"),
        },
    }
    state.seq = state.seq.saturating_add(1);
    state.changed_ms = entry.at_ms;
    Ok(state)
}

/// The state that a whole journal leads to; none for an empty one.
pub fn replay<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Option<State>, IllegalTransition> {
    entries.into_iter().try_fold(None, |state, entry| next(state, entry).map(Some))
}

fn misnumbered(state: &State, record: &Record) -> Option<&'static str> {
    if state.results.contains_key(&record.step) {
        Some("the step has already succeeded")
    } else if record.number != state.next_attempt(&record.step) {
        Some("the attempt's number does not follow the last one's")
    } else {
        None
    }
}

fn count(tries: &mut Tries, record: &Record, class: Class) {
    tries.last = record.number;
    match class {
        Class::Host => tries.host_faults = tries.host_faults.saturating_add(1),
        Class::Rejected | Class::Retryable | Class::Faulted => {
            tries.counted = tries.counted.saturating_add(1);
            tries.host_faults = 0;
        }
    }
}

fn phase_name(state: Option<&State>) -> &'static str {
    match state.map(|state| &state.phase) {
        None => "not yet accepted",
        Some(Phase::Ready { .. }) => "ready",
        Some(Phase::Retrying { .. }) => "retrying",
        Some(Phase::Succeeded) => "succeeded",
        Some(Phase::Dead { .. }) => "dead",
        Some(Phase::Cancelled) => "cancelled",
    }
}

fn what_name(what: &What) -> &'static str {
    match what {
        What::Accepted { .. } => "accepted",
        What::StepSucceeded { .. } => "step-succeeded",
        What::AttemptFailed { .. } => "attempt-failed",
        What::Died { .. } => "died",
        What::Succeeded => "succeeded",
        What::Redriven { .. } => "redriven",
        What::Cancelled { .. } => "cancelled",
    }
}

#[cfg(test)]
mod tests;
