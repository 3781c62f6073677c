//! Adding entries to a run, whoever does so: the state, the entries and what follows from the state.

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, IllegalTransition, State, next};

use super::follow::{Follows, Heir, Listening};
use super::{lane, version};
use crate::batch::Draft;
use crate::codec::{self, encode};
use crate::error::damaged;
use crate::index::Standing;
use crate::keys;
use crate::record::{Place, Record};

/// An entry and its encoding.
pub(crate) struct Encoded {
    pub(crate) entry: Entry,
    pub(crate) value: Vec<u8>,
}

impl Encoded {
    /// Encodes an entry.
    pub(crate) fn new(entry: Entry) -> Result<Self, JournalError> {
        let value = encode(&entry)?;
        Ok(Self { entry, value })
    }
}

/// A run as a draft has it.
pub(super) struct Found {
    record: Record,
    pub(super) state: State,
}

impl Found {
    /// Reads a run; none if there is none.
    pub(super) fn read(draft: &Draft<'_, '_>, run: RunId) -> Result<Option<Self>, JournalError> {
        let Some(content) = draft.content(&keys::state(run))? else { return Ok(None) };
        let record = Record::parse(run, &content)?;
        let state = record.state(run)?;
        Ok(Some(Self { record, state }))
    }

    /// The same; one that is damaged is as good as none, so that it stops no other run.
    pub(super) fn read_other(draft: &Draft<'_, '_>, run: RunId) -> Result<Option<Self>, JournalError> {
        match Self::read(draft, run) {
            Err(error @ JournalError::Damaged { .. }) => {
                tracing::error!(%run, %error, "passed over a damaged run");
                Ok(None)
            }
            other => other,
        }
    }

    /// Its entries from number `from` on.
    pub(super) fn entries(&self, draft: &Draft<'_, '_>, from: u32) -> Result<Vec<Entry>, JournalError> {
        let mut entries = Vec::new();
        for (seq, place) in (0..).zip(self.record.places()).skip_while(|(seq, _)| *seq < from) {
            let key = keys::entry(self.state.run, seq);
            entries.push(match place {
                Place::Here(entry) => codec::decode(&key, entry)?,
                Place::OwnKey => draft.get(&key)?.ok_or_else(|| damaged(&key, "the entry is missing"))?,
            });
        }
        Ok(entries)
    }

    /// Adds entries, and notes what follows from them. Either all are added or nothing is changed.
    ///
    /// Invariant: what is committed is what `next` makes of what was committed before.
    pub(super) fn extend(
        self,
        draft: &mut Draft<'_, '_>,
        follows: &mut Follows,
        entries: Vec<Encoded>,
    ) -> Result<State, JournalError> {
        let Self { mut record, state: old } = self;
        let run = old.run;
        // Not what `next` says of it: entries that follow an end of their own are a fault of whoever wrote them.
        if old.phase.has_ended() {
            return Err(JournalError::Ended { run });
        }
        let (heir, before) = (Heir::of(&old), Standing::of(&old, record.bytes()));
        let (seq, listening) = (old.seq, Listening::of(&old));
        // Of which version a run is changes with a redrive only.
        let was_of = old.phase.is_dead().then(|| old.version.clone());
        let mut state = old;
        let mut told = Vec::new();
        for Encoded { entry, .. } in &entries {
            let was = heir.as_ref().map(|_| state.phase.clone());
            state = next(Some(state), entry).map_err(|error| refused(run, &error))?;
            if let (Some(heir), Some(was)) = (&heir, was) {
                told.extend(heir.hears(&was, &state.phase, &entry.what));
            }
        }
        let state_value = encode(&state)?;
        record.set_state(state_value);
        for (seq, Encoded { value, .. }) in (seq..).zip(entries) {
            if let Some(value) = record.push(value) {
                draft.put_new(keys::entry(run, seq), value);
            }
        }
        let after = Standing::of(&state, record.bytes());
        lane::change(draft, follows, Some(&before), Some(&after))?;
        if let Some(was_of) = was_of {
            version::count(draft, Some(&was_of), Some(&state.version))?;
        }
        follows.add(told);
        follows.add(listening.begun(&state));
        draft.put(keys::state(run), record.to_value());
        draft.place(run, Some(before), Some(after), None);
        Ok(state)
    }
}

/// What an entry that may not follow is refused with.
pub(super) fn refused(run: RunId, error: &IllegalTransition) -> JournalError {
    JournalError::Illegal { run, reason: error.to_string() }
}
