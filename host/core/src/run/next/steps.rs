//! What an entry does to one step: it is begun, tried, told of, done.

use super::Refused;
use crate::attempt::{Class, Failure, Record};
use crate::run::{Became, Carried, Children, Pending, Phase, Stand, State};

/// The stand of a step that can be begun or tried.
pub(super) fn open_stand<'s>(state: &'s mut State, step: &str) -> Result<&'s mut Stand, Refused> {
    let stand = &mut state.steps.entry(step.to_owned()).or_default().stand;
    match stand {
        Stand::Open | Stand::Retrying { .. } | Stand::Parked { .. } => Ok(stand),
        Stand::Done { .. } => Err("the step is done"),
        Stand::Sleeping { .. } | Stand::Listening { .. } | Stand::Undecided { .. } | Stand::Children(_) => {
            Err("the step has begun")
        }
    }
}

pub(super) fn began(pending: &Pending, seq: u32, at_ms: u64) -> Stand {
    match pending {
        Pending::Time { until_ms } => Stand::Sleeping { until_ms: *until_ms },
        Pending::Event { event, key, until_ms } => {
            Stand::Listening { event: event.clone(), key: key.clone(), since_ms: at_ms, until_ms: *until_ms }
        }
        Pending::Decision { until_ms, .. } => Stand::Undecided { until_ms: *until_ms },
        Pending::Children { total, failures, since, at_ms, carried } => {
            let children = Children {
                total: *total,
                begun: 0,
                succeeded: carried.as_ref().map_or(0, Carried::count).min(*total),
                dead: 0,
                cancelled: 0,
                failures: *failures,
                since: *since,
                at_ms: *at_ms,
                bytes: carried.as_ref().map_or(0, |carried| carried.bytes),
            };
            if children.are_settled() { Stand::Done { seq } } else { Stand::Children(children) }
        }
    }
}

pub(super) fn children<'s>(state: &'s mut State, step: &str) -> Option<&'s mut Children> {
    match &mut state.steps.get_mut(step)?.stand {
        Stand::Children(children) => Some(children),
        Stand::Open
        | Stand::Retrying { .. }
        | Stand::Parked { .. }
        | Stand::Sleeping { .. }
        | Stand::Listening { .. }
        | Stand::Undecided { .. }
        | Stand::Done { .. } => None,
    }
}

/// A child of a step that is done, or of an earlier round of it, changes nothing.
pub(super) fn child(state: &mut State, step: &str, since: u32, became: &Became, at_ms: u64) {
    let Some(children) = children(state, step).filter(|children| children.since == since) else { return };
    match became {
        Became::Succeeded { output, .. } => {
            children.succeeded = children.succeeded.saturating_add(1);
            let bytes = output.as_ref().and_then(|output| u64::try_from(output.len()).ok());
            children.bytes = children.bytes.saturating_add(bytes.unwrap_or_default());
        }
        Became::Dead { .. } => children.dead = children.dead.saturating_add(1),
        Became::Revived => children.dead = children.dead.saturating_sub(1),
        Became::Cancelled { was_dead } => {
            children.cancelled = children.cancelled.saturating_add(1);
            children.dead = children.dead.saturating_sub(u32::from(*was_dead));
        }
    }
    if children.are_settled() {
        settle(state, step, at_ms);
    }
}

pub(super) fn told(state: &mut State, step: &str, at_ms: u64) -> Result<(), Refused> {
    settle(state, step, at_ms);
    Ok(())
}

/// A step that waited is done. A dead run stays dead.
pub(super) fn settle(state: &mut State, step: &str, at_ms: u64) {
    let seq = state.seq;
    state.steps.entry(step.to_owned()).or_default().stand = Stand::Done { seq };
    if state.phase.is_open() {
        state.phase = Phase::Ready { since_ms: at_ms };
    }
}

pub(super) fn is_next_attempt(state: &State, record: &Record) -> Result<(), Refused> {
    match state.stand(&record.step) {
        Stand::Open | Stand::Retrying { .. } | Stand::Parked { .. } => {}
        Stand::Done { .. } => return Err("the step has already succeeded"),
        Stand::Sleeping { .. } | Stand::Listening { .. } | Stand::Undecided { .. } | Stand::Children(_) => {
            // Only its failure ends such a step.
            if record.failure.is_none() {
                return Err("the step waits for something other than an attempt");
            }
        }
    }
    if record.number == state.next_attempt(&record.step) {
        Ok(())
    } else {
        Err("the attempt's number does not follow the last one's")
    }
}

/// Counts a failed attempt. Gives its failure.
pub(super) fn failed(state: &mut State, record: &Record, at_ms: u64) -> Result<Failure, Refused> {
    // A step whose runs have failed is done, and then fails.
    let is_done = matches!(state.stand(&record.step), Stand::Done { .. });
    if !is_done || record.number != state.next_attempt(&record.step) {
        is_next_attempt(state, record)?;
    }
    let failure = record.failure.clone().ok_or("a failed attempt has a failure")?;
    let tries = &mut state.steps.entry(record.step.clone()).or_default().tries;
    tries.last = record.number;
    match failure.cause.class() {
        Class::Host => tries.host_faults = tries.host_faults.saturating_add(1),
        Class::Rejected | Class::Retryable | Class::Faulted => {
            if tries.counted == 0 {
                tries.since_ms = at_ms;
            }
            tries.counted = tries.counted.saturating_add(1);
            tries.host_faults = 0;
        }
    }
    Ok(failure)
}
