//! The keys that follow from a run's state: what changes with it in one commit.

use stepmill_core::run::{Lane, Phase, Place, State, Turn, root};

use crate::keys;
use crate::totals::Deltas;
use crate::tree::Pair;

/// Value of a place whose run is ready.
const READY: &[u8] = &[];
/// Value of a place of a run that waits.
const WAITS: &[u8] = &[1];

/// Whether the value of a place says that the run is ready.
pub(crate) fn is_ready(value: &[u8]) -> bool {
    value == READY
}

/// The bytes of a run that the value of its end says.
pub(crate) fn bytes_of(value: &[u8]) -> u64 {
    value.try_into().map_or(0, u64::from_be_bytes)
}

/// What follows from a state: all that is kept of it elsewhere than with the run.
pub(crate) struct Standing {
    /// Its places in the queues.
    pub(crate) places: Vec<Place>,
    /// Its keys, with their values, in no order.
    pub(crate) keys: Vec<Pair>,
    /// Its lane and what it takes up of that.
    pub(crate) turn: Option<(Lane, Turn)>,
    /// Whether it is counted as unfinished.
    pub(crate) is_open: bool,
    /// Whether it is counted as a dead letter.
    pub(crate) is_dead: bool,
    /// If it has ended: the workflow whose ended runs it counts with, and its bytes.
    pub(crate) ended: Option<(String, u64)>,
}

impl Standing {
    /// What follows from the state of a run whose state and entries have so many bytes.
    pub(crate) fn of(state: &State, bytes: u64) -> Self {
        let places = state.places();
        let mut keys = keys_of(state, &places);
        let ended = state.phase.has_ended().then(|| root(&state.workflow).to_owned());
        if let Some(workflow) = &ended {
            keys.push((keys::end(workflow, state.changed_ms, state.run), bytes.to_be_bytes().to_vec()));
        }
        Self {
            keys,
            places,
            turn: state.lane.clone().zip(state.turn()),
            is_open: state.phase.is_open(),
            is_dead: state.phase.is_dead(),
            ended: ended.map(|workflow| (workflow, bytes)),
        }
    }

    /// Adds what it counts for, or takes that away again.
    pub(crate) fn count(&self, sign: i64, totals: &mut Deltas) {
        if let Some((workflow, bytes)) = &self.ended {
            let bytes = sign.saturating_mul(i64::try_from(*bytes).unwrap_or(i64::MAX));
            let (runs_by, bytes_by) = totals.entry(workflow.clone()).or_default();
            *runs_by = runs_by.saturating_add(sign);
            *bytes_by = bytes_by.saturating_add(bytes);
        }
    }
}

fn keys_of(state: &State, places: &[Place]) -> Vec<Pair> {
    let run = state.run;
    let value = if matches!(state.phase, Phase::Ready { .. }) { READY } else { WAITS };
    let mut keys: Vec<Pair> = places.iter().map(|place| (keys::place(place, run), value.to_vec())).collect();
    let mut note = |key| keys.push((key, Vec::new()));
    let phase = state.phase.name();
    if keys::INDEXED_PHASES.contains(&phase) {
        note(keys::phase(&state.workflow, phase, run));
    }
    for subscription in state.subscriptions() {
        note(keys::subscription(&subscription, root(&state.workflow), run));
    }
    if let Phase::Dead { snoozed_until_ms: Some(until_ms), .. } = &state.phase {
        note(keys::snoozed(*until_ms, run));
    }
    if let Some(key) = state.gathers() {
        note(keys::gatherer(&state.workflow, key, run));
    }
    if let (Some(lane), Some(Turn::Waits)) = (&state.lane, state.turn()) {
        note(keys::ticket(&lane.key, lane.ticket, run));
    }
    keys
}
