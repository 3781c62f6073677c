//! Adding to a run what whoever works on it, or somebody else, has to say.

use stepmill_core::RunId;
use stepmill_core::journal::{Committed, JournalError, PhaseName, Transition};
use stepmill_core::run::{Entry, Parent, Phase, Stand, State, What};
use stepmill_core::storage::StorageWrite;

use super::accept::{self, Opening};
use super::change::{Encoded, Found};
use super::follow::Follows;
use super::lane;
use super::storage::write;
use crate::batch::Draft;

/// A transition with what can be computed before the committer takes it up.
pub(crate) struct Step {
    run: RunId,
    seen: u32,
    entries: Vec<Encoded>,
    writes: Vec<StorageWrite>,
    spawns: Vec<Opening>,
    spawns_if: Option<PhaseName>,
}

impl Step {
    /// Encodes what is to be written. What state it leads to depends on what is there by then.
    pub(crate) fn prepare(run: RunId, transition: Transition) -> Result<Self, JournalError> {
        let Transition { seen, entries, writes, spawns, spawns_if } = transition;
        let entries = entries.into_iter().map(Encoded::new).collect::<Result<_, _>>()?;
        let spawns = spawns.into_iter().map(Opening::prepare).collect::<Result<_, _>>()?;
        Ok(Self { run, seen, entries, writes, spawns, spawns_if })
    }

    /// The run.
    pub(crate) fn run(&self) -> RunId {
        self.run
    }
}

/// Adds a transition to the draft, after what others have added since. The claim ends unless the run is
/// ready then.
pub(crate) fn commit(draft: &mut Draft<'_, '_>, step: Step, epoch: u64) -> Result<Committed, JournalError> {
    let Step { run, seen, entries, writes, spawns, spawns_if } = step;
    if !draft.take_up_claimed(run, epoch) {
        return Err(JournalError::Fenced { run, epoch });
    }
    // One that is gone was claimed, so it has been there: it has ended, and was pruned.
    let Some(found) = Found::read(draft, run)? else { return Err(JournalError::Ended { run }) };
    if found.state.phase.has_ended() {
        // Before anything else that may be wrong with it.
        return Err(JournalError::Ended { run });
    }
    let count = found.state.seq;
    if seen > count {
        let reason = format!("there are {count} entries, and {seen} are said to have been seen");
        return Err(JournalError::Illegal { run, reason });
    }
    let before = if seen < count { found.entries(draft, seen)? } else { Vec::new() };
    // What others have written may be what the entries cannot follow.
    let overtaken = |error| match error {
        JournalError::Illegal { .. } if seen < count => JournalError::Overtaken { run },
        other => other,
    };
    let mut follows = Follows::default();
    let mut state = found.extend(draft, &mut follows, entries).map_err(overtaken)?;
    let is_so = spawns_if.is_none_or(|phase| phase == state.phase.name());
    let spawns = if is_so { spawns } else { Vec::new() };
    for storage_write in writes {
        write(draft, storage_write)?;
    }
    for opening in spawns {
        // Entries that others wrote may have moved the one that began the step.
        let is_awaited = |parent: &Parent| {
            let of = state.stand(&parent.step);
            matches!(of, Stand::Children(children) if children.since == parent.since)
        };
        if opening.parent().is_some_and(|parent| parent.run == run && !is_awaited(parent)) {
            let reason = "a run that it begins names another entry than the one that began the step";
            return Err(overtaken(JournalError::Illegal { run, reason: reason.to_owned() }));
        }
        accept::open(draft, &mut follows, opening)?;
    }
    let added = follows.finish(draft)?;
    let after: Vec<Entry> = added.into_iter().filter(|(of, _)| *of == run).map(|(_, entry)| entry).collect();
    if !after.is_empty() {
        state = Found::read(draft, run)?.ok_or(JournalError::NoSuchRun(run))?.state;
    }
    if !matches!(state.phase, Phase::Ready { .. }) {
        draft.end(run);
    }
    Ok(Committed { state, before, after })
}

/// An entry that somebody adds to a run, whoever works on it.
pub(crate) struct Appended {
    run: RunId,
    entry: Encoded,
}

impl Appended {
    /// Encodes what is to be written.
    pub(crate) fn prepare(run: RunId, entry: Entry) -> Result<Self, JournalError> {
        Ok(Self { run, entry: Encoded::new(entry)? })
    }
}

/// Adds the entry to the draft.
pub(crate) fn append(draft: &mut Draft<'_, '_>, appended: Appended) -> Result<State, JournalError> {
    let Appended { run, mut entry } = appended;
    draft.take_up(run);
    let Some(found) = Found::read(draft, run)? else { return Err(JournalError::NoSuchRun(run)) };
    if let (What::Released { ticket, .. }, Some(lane)) = (&mut entry.entry.what, &found.state.lane) {
        (*ticket, _) = lane::enter(draft, lane)?;
        entry = Encoded::new(entry.entry)?;
    }
    let mut follows = Follows::default();
    let state = found.extend(draft, &mut follows, vec![entry])?;
    let added = follows.finish(draft)?;
    if added.iter().any(|(of, _)| *of == run) {
        return Ok(Found::read(draft, run)?.ok_or(JournalError::NoSuchRun(run))?.state);
    }
    Ok(state)
}
