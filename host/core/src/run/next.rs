//! The transition function.

mod ends;
mod steps;

use std::collections::BTreeMap;

use super::{Accepted, Deadline, Death, Entry, Gather, Phase, Stand, State, Undoing, What};
use ends::{begin_undoing, die, redriven, redriven_by_rule};
use steps::{began, child, children, failed, is_next_attempt, open_stand, told};

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
    /// Whether it is refused because the run has ended, which nobody need have known.
    pub has_ended: bool,
}

/// Why an entry is refused.
type Refused = &'static str;

const ENDED: Refused = "the run has ended";
const NOT_BEGUN: Refused = "the run has not begun";

/// The state after `entry`. `None` is a run that does not exist yet.
///
/// Total: every pair has an answer.
///
/// Invariant: a succeeded or cancelled run takes no entry. A dead one takes what others have to tell it, and
/// stays dead until it is redriven or cancelled.
///
/// Invariant: a rule redrives only a dead letter that it had a redrive in store for, not before its time, and not more
/// often than it may.
///
/// Invariant: a run that rests has a step that waits for something, so that no run is forgotten.
pub fn next(state: Option<State>, entry: &Entry) -> Result<State, IllegalTransition> {
    let Some(mut state) = state else {
        return match &entry.what {
            What::Accepted(accepted) => Ok(first(entry.at_ms, accepted)),
            other => Err(IllegalTransition {
                from: "not yet accepted",
                entry: other.name(),
                why: "the first entry of a run accepts it",
                has_ended: false,
            }),
        };
    };
    let (from, has_ended) = (state.phase.name().as_str(), state.phase.has_ended());
    let refused = |why| IllegalTransition { from, entry: entry.what.name(), why, has_ended };
    if has_ended {
        return Err(refused(ENDED));
    }
    apply(&mut state, entry).map_err(refused)?;
    state.seq = state.seq.saturating_add(1);
    state.changed_ms = entry.at_ms;
    if let Some(seen) = entry.rests {
        rest(&mut state, seen).map_err(refused)?;
    }
    Ok(state)
}

/// The state that a whole journal leads to; none for an empty one.
pub fn replay<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Option<State>, IllegalTransition> {
    entries.into_iter().try_fold(None, |state, entry| next(state, entry).map(Some))
}

fn first(at_ms: u64, accepted: &Accepted) -> State {
    let phase = if accepted.is_held {
        Phase::Held { since_ms: at_ms, gather: accepted.gather.clone() }
    } else {
        beginning(at_ms, accepted.gather.as_ref(), accepted.lane.is_some())
    };
    State {
        run: accepted.run,
        workflow: accepted.workflow.clone(),
        version: accepted.version.clone(),
        accepted_ms: at_ms,
        changed_ms: at_ms,
        seq: 1,
        steps: BTreeMap::new(),
        redrives: 0,
        rule_redrives: 0,
        rounds: 0,
        payload: 0,
        deadline: accepted.timeout_ms.map(|timeout_ms| Deadline::from(at_ms, timeout_ms)),
        parent: accepted.parent.clone(),
        key: accepted.key.clone(),
        lane: accepted.lane.clone(),
        undoing: None,
        phase,
    }
}

/// What a run does first, once nobody holds it.
fn beginning(at_ms: u64, gather: Option<&Gather>, has_lane: bool) -> Phase {
    match gather {
        Some(gather) => Phase::Gathering {
            key: gather.key.clone(),
            until_ms: at_ms.saturating_add(gather.for_ms),
            count: 1,
            max: gather.max,
            quiet: gather.quiet(at_ms),
        },
        None if has_lane => Phase::Queued { since_ms: at_ms },
        None => Phase::Ready { since_ms: at_ms },
    }
}

fn apply(state: &mut State, entry: &Entry) -> Result<(), Refused> {
    let at_ms = entry.at_ms;
    match &entry.what {
        What::Accepted(_) => Err("a run is accepted once"),
        What::Gathered { .. } => gathered(state, at_ms),
        What::Released { ticket, .. } => {
            let Phase::Held { gather, .. } = &state.phase else { return Err("it is not held") };
            if let Some(lane) = &mut state.lane {
                lane.ticket = *ticket;
            }
            state.phase = beginning(at_ms, gather.as_ref(), state.lane.is_some());
            // The time that it was held for is none of its own.
            state.deadline = state.deadline.map(|end| Deadline::from(at_ms, end.timeout_ms));
            Ok(())
        }
        What::Turn => match state.phase {
            Phase::Queued { .. } => {
                state.phase = Phase::Ready { since_ms: at_ms };
                Ok(())
            }
            _ => Err("it does not wait for its turn"),
        },
        What::StepSucceeded { record, .. } => {
            works(state)?;
            is_next_attempt(state, record)?;
            if record.failure.is_some() {
                return Err("a step that succeeded has no failure");
            }
            let seq = state.seq;
            let progress = state.steps.entry(record.step.clone()).or_default();
            progress.tries = super::Tries { last: record.number, ..Default::default() };
            progress.stand = Stand::Done { seq };
            state.phase = Phase::Ready { since_ms: at_ms };
            Ok(())
        }
        What::AttemptFailed { record, retry_at_ms } => {
            works(state)?;
            open_stand(state, &record.step)?;
            failed(state, record, at_ms)?;
            if is_going_on(state, &record.step) {
                let progress = state.steps.entry(record.step.clone()).or_default();
                progress.stand = Stand::Retrying { at_ms: *retry_at_ms };
            }
            state.phase = Phase::Ready { since_ms: at_ms };
            Ok(())
        }
        What::Died { record, category, fingerprint, undo, redrive } => {
            works(state)?;
            let failure = failed(state, record, at_ms)?;
            state.steps.entry(record.step.clone()).or_default().stand = Stand::Open;
            let step = record.step.clone();
            let is_late = !is_going_on(state, &step);
            let (category, fingerprint, redrive) = (*category, *fingerprint, *redrive);
            let death = Death { step, failure, category, fingerprint, redrive };
            if is_late {
                // What it has done is being undone: its end is no other.
                state.phase = Phase::Ready { since_ms: at_ms };
            } else if *undo && state.undoing.is_none() {
                begin_undoing(state, Some(death));
                state.phase = Phase::Ready { since_ms: at_ms };
            } else {
                die(state, death, false, at_ms);
            }
            Ok(())
        }
        What::Undone => {
            works(state)?;
            let undoing = state.undoing.take().ok_or("nothing is being undone")?;
            match undoing.failed {
                Some(death) => die(state, death, true, at_ms),
                None => state.phase = Phase::Cancelled,
            }
            Ok(())
        }
        What::Succeeded { .. } => {
            works(state)?;
            // A person has cancelled it meanwhile, and what it has done is being undone.
            let is_late = state.undoing.is_some();
            state.phase = if is_late { Phase::Ready { since_ms: at_ms } } else { Phase::Succeeded };
            Ok(())
        }
        What::Parked { step, system } => {
            works(state)?;
            let is_going_on = is_going_on(state, step);
            let stand = open_stand(state, step)?;
            if is_going_on {
                *stand = Stand::Parked { system: system.clone(), since_ms: at_ms };
            }
            state.phase = Phase::Ready { since_ms: at_ms };
            Ok(())
        }
        What::Began { step, pending } => {
            works(state)?;
            let (seq, is_going_on) = (state.seq, is_going_on(state, step));
            let stand = open_stand(state, step)?;
            if is_going_on {
                *stand = began(pending, seq, at_ms);
            }
            state.phase = Phase::Ready { since_ms: at_ms };
            Ok(())
        }
        What::Spawned { step, count } => {
            works(state)?;
            let children = children(state, step).ok_or("the step begins no runs")?;
            let begun = children.begun.checked_add(*count).filter(|begun| *begun <= children.total);
            children.begun = begun.ok_or("the step does not have so many runs")?;
            Ok(())
        }
        What::Child { step, since, became, .. } => {
            child(state, step, *since, became, at_ms);
            Ok(())
        }
        What::Heard { step, .. } => match state.stand(step) {
            Stand::Listening { .. } => told(state, step, at_ms),
            _ => Err("the step waits for no event"),
        },
        What::Decided { step, .. } => match state.stand(step) {
            Stand::Undecided { .. } => told(state, step, at_ms),
            _ => Err("the step waits for no decision"),
        },
        What::Elapsed { step } => {
            works(state)?;
            match state.stand(step) {
                Stand::Sleeping { .. }
                | Stand::Listening { until_ms: Some(_), .. }
                | Stand::Undecided { until_ms: Some(_) } => told(state, step, at_ms),
                _ => Err("the step waits for no time"),
            }
        }
        What::Rests => {
            works(state)?;
            if entry.rests.is_none() {
                return Err("it does not say what was seen");
            }
            state.phase = Phase::Ready { since_ms: at_ms };
            Ok(())
        }
        What::Redriven { from_start, document, version, by_rule, .. } => {
            if *by_rule {
                redriven_by_rule(state, at_ms)?;
            }
            redriven(state, *from_start, document.is_some(), version.as_deref(), at_ms)
        }
        What::Snoozed { until_ms, .. } => match &mut state.phase {
            Phase::Dead { snoozed_until_ms, .. } => {
                *snoozed_until_ms = Some(*until_ms).filter(|until_ms| *until_ms > at_ms);
                Ok(())
            }
            _ => Err("only a dead letter is snoozed"),
        },
        What::Cancelled { undo, .. } => {
            let is_undone = matches!(state.phase, Phase::Dead { undone: true, .. });
            if *undo && has_begun(state) && !is_undone {
                // Undoing that is under way goes on, and ends with the run cancelled.
                if state.undoing.is_none() {
                    begin_undoing(state, None);
                }
                state.undoing = Some(Undoing { failed: None });
                state.phase = Phase::Ready { since_ms: at_ms };
            } else {
                state.phase = Phase::Cancelled;
            }
            Ok(())
        }
    }
}

/// Whether the entry is one of those that whoever works on the run writes, and may.
fn works(state: &State) -> Result<(), Refused> {
    match state.phase {
        Phase::Gathering { .. }
        | Phase::Ready { .. }
        | Phase::Retrying { .. }
        | Phase::Parked { .. }
        | Phase::Waiting { .. } => Ok(()),
        Phase::Held { .. } | Phase::Queued { .. } => Err(NOT_BEGUN),
        Phase::Dead { .. } => Err("it is a dead letter"),
        Phase::Succeeded | Phase::Cancelled => Err(ENDED),
    }
}

/// Whether a step is still gone on with: of a run that undoes what it has done, only those that undo are.
fn is_going_on(state: &State, step: &str) -> bool {
    state.undoing.is_none() || super::is_undo(step)
}

fn has_begun(state: &State) -> bool {
    !matches!(state.phase, Phase::Held { .. } | Phase::Gathering { .. } | Phase::Queued { .. })
}

fn gathered(state: &mut State, at_ms: u64) -> Result<(), Refused> {
    let Phase::Gathering { until_ms, count, max, quiet, .. } = &mut state.phase else {
        return Err("it gathers no events");
    };
    *count = count.saturating_add(1);
    if let Some(quiet) = quiet {
        quiet.until_ms = at_ms.saturating_add(quiet.for_ms).min(*until_ms);
    }
    if *count >= *max {
        state.phase = Phase::Ready { since_ms: at_ms };
    }
    Ok(())
}

/// The run waits for what its steps wait for, unless somebody has told it something that whoever says so has
/// not seen.
fn rest(state: &mut State, seen: u32) -> Result<(), Refused> {
    if seen > state.seq {
        return Err("nobody can have seen so many entries");
    }
    if seen < state.seq || !matches!(state.phase, Phase::Ready { .. }) {
        return Ok(());
    }
    state.phase = super::derive::resting(&state.steps).ok_or("none of its steps waits for anything")?;
    Ok(())
}

#[cfg(test)]
mod tests;
