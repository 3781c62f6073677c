//! Changing a run's state.

use stepmill_core::RunId;
use stepmill_core::journal::{JournalError, PhaseName, Transition};
use stepmill_core::run::{Entry, State, next};
use stepmill_core::storage::StorageWrite;

use super::storage::write;
use crate::batch::Draft;
use crate::codec::encode;
use crate::keys;
use crate::record::Record;

/// A transition with what can be computed before the committer takes it up.
pub(crate) struct Step {
    run: RunId,
    entries: Vec<Entry>,
    values: Vec<Vec<u8>>,
    state: State,
    state_value: Vec<u8>,
    writes: Vec<StorageWrite>,
}

/// What a transition is made under.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Under {
    /// A claim with this epoch.
    Claim(u64),
    /// Nobody's claim, on the state with this many entries.
    Seq(u32),
}

impl Step {
    /// Encodes what is to be written.
    pub(crate) fn prepare(run: RunId, transition: Transition) -> Result<Self, JournalError> {
        let Transition { entries, state, writes } = transition;
        let values = entries.iter().map(encode).collect::<Result<_, _>>()?;
        let state_value = encode(&state)?;
        Ok(Self { run, entries, values, state, state_value, writes })
    }

    /// The run.
    pub(crate) fn run(&self) -> RunId {
        self.run
    }
}

/// Adds the transition to the draft. The claim has been checked.
///
/// Invariant: what is committed is what `next` makes of what was committed before.
pub(crate) fn transition(draft: &mut Draft<'_, '_>, step: Step, under: Under) -> Result<(), JournalError> {
    let Step { run, entries, values, state, state_value, writes } = step;
    let epoch = match under {
        Under::Claim(epoch) => epoch,
        Under::Seq(_) => 0,
    };
    let fenced = JournalError::Fenced { run, epoch };
    let state_key = keys::state(run);
    let Some(content) = draft.content(&state_key)? else { return Err(JournalError::NoSuchRun(run)) };
    let mut record = Record::parse(run, &content)?;
    let old = record.state(run)?;
    if let Under::Seq(seq) = under
        && seq != old.seq
    {
        return Err(fenced);
    }
    let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    if draft.has_ended(run) || old.seq.checked_add(count) != Some(state.seq) {
        return Err(fenced);
    }
    let replayed = entries.iter().try_fold(old.clone(), |state, entry| next(Some(state), entry));
    match replayed {
        Ok(replayed) if replayed == state => {}
        Ok(_) => {
            let reason = "the state given is not the one that the entries lead to".to_owned();
            return Err(JournalError::Illegal { run, reason });
        }
        Err(error) => return Err(JournalError::Illegal { run, reason: error.to_string() }),
    }
    for storage_write in writes {
        write(draft, storage_write)?;
    }
    record.set_state(state_value);
    for (seq, value) in (old.seq..).zip(values) {
        if let Some(value) = record.push(value) {
            draft.put_new(keys::entry(run, seq), value);
        }
    }
    draft.put(state_key, record.to_value());
    draft.place(Some(&old), Some(&state));
    match (under, state.phase.name()) {
        (Under::Claim(_), PhaseName::Ready) | (Under::Seq(_), _) => {}
        (
            Under::Claim(_),
            PhaseName::Retrying | PhaseName::Succeeded | PhaseName::Dead | PhaseName::Cancelled,
        ) => draft.end(run),
    }
    Ok(())
}
