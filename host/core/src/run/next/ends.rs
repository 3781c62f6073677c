//! What an entry does to the whole run: it dies, undoes what it has done, is set going again.

use super::Refused;
use crate::run::{Deadline, Death, OnDead, Phase, Stand, State, Tries, Undoing};

/// What the run waited for is not waited for any more.
pub(super) fn begin_undoing(state: &mut State, failed: Option<Death>) {
    for progress in state.steps.values_mut().filter(|progress| progress.stand.is_held()) {
        progress.stand = Stand::Open;
    }
    state.undoing = Some(Undoing { failed });
}

pub(super) fn die(state: &mut State, death: Death, undone: bool, since_ms: u64) {
    if state.lane.as_ref().is_some_and(|lane| lane.on_dead == OnDead::Pass) {
        state.lane = None;
    }
    let Death { step, failure, category, fingerprint, redrive } = death;
    let snoozed_until_ms = None;
    state.phase =
        Phase::Dead { step, failure, category, fingerprint, undone, redrive, snoozed_until_ms, since_ms };
}

/// Counts a redrive that a rule had in store.
pub(super) fn redriven_by_rule(state: &mut State, at_ms: u64) -> Result<(), Refused> {
    let redrive = state.redrive().ok_or("no rule has a redrive in store for it")?;
    if at_ms < redrive.at_ms {
        return Err("the rule's redrive is not due yet");
    }
    state.rule_redrives = state.rule_redrives.saturating_add(1);
    Ok(())
}

pub(super) fn redriven(
    state: &mut State,
    from_start: bool,
    is_edited: bool,
    version: Option<&str>,
    at_ms: u64,
) -> Result<(), Refused> {
    let Phase::Dead { undone, .. } = state.phase else { return Err("only a dead letter is redriven") };
    if undone && !from_start {
        return Err("what it had done was undone: it can only be redriven from the start");
    }
    if from_start {
        state.undoing = None;
        state.rounds = state.rounds.saturating_add(u32::from(undone));
    }
    if is_edited {
        state.payload = state.seq;
    }
    let is_another = version.is_some_and(|version| *version != *state.version);
    if let Some(version) = version {
        version.clone_into(&mut state.version);
    }
    for progress in state.steps.values_mut() {
        progress.tries = Tries { last: progress.tries.last, ..Default::default() };
        // What a step waits for is its version's; another may not have the step, or have it wait for something else.
        let is_forgotten = from_start
            || matches!(progress.stand, Stand::Retrying { .. })
            || is_another && progress.stand.is_held();
        if is_forgotten {
            progress.stand = Stand::Open;
        }
    }
    state.deadline = state.deadline.map(|deadline| Deadline::from(at_ms, deadline.timeout_ms));
    state.redrives = state.redrives.saturating_add(1);
    state.phase = Phase::Ready { since_ms: at_ms };
    Ok(())
}
