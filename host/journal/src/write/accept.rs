//! Accepting events.

use stepmill_core::RunId;
use stepmill_core::journal::{Acceptance, Accepted, Dedupe, Fire, JournalError};
use stepmill_core::run::{Entry, State, What, next};

use crate::batch::Draft;
use crate::codec::{ClaimRow, FireRow, encode};
use crate::keys;
use crate::record::Record;

/// An acceptance with what can be computed before the committer takes it up.
pub(crate) struct Opening {
    state: State,
    entry: Entry,
    state_value: Vec<u8>,
    entry_value: Vec<u8>,
    dedupe: Option<Dedupe>,
    fire: Option<Fire>,
}

impl Opening {
    /// Computes the first entry and the state after it.
    pub(crate) fn prepare(acceptance: Acceptance) -> Result<Self, JournalError> {
        let Acceptance { run, workflow, version, at_ms, event, dedupe, fire } = acceptance;
        let entry = Entry { at_ms, what: What::Accepted { run, workflow, version, event }, pure: Vec::new() };
        let state =
            next(None, &entry).map_err(|error| JournalError::Illegal { run, reason: error.to_string() })?;
        let (state_value, entry_value) = (encode(&state)?, encode(&entry)?);
        Ok(Self { state, entry, state_value, entry_value, dedupe, fire })
    }

    /// The run.
    pub(crate) fn run(&self) -> RunId {
        self.state.run
    }
}

/// Accepts one event, unless its run, its dedupe key or its fire was accepted before.
pub(crate) fn accept(draft: &mut Draft<'_, '_>, opening: Opening) -> Result<Accepted, JournalError> {
    let Opening { state, entry, state_value, entry_value, dedupe, fire } = opening;
    let run = state.run;
    let state_key = keys::state(run);
    if draft.contains(&state_key)? {
        return Ok(Accepted::Duplicate(run));
    }
    let fire_key = fire.as_ref().map(|fire| keys::fire(&fire.schedule));
    if let (Some(fire), Some(key)) = (&fire, &fire_key)
        && let Some(last) = draft.get::<FireRow>(key)?
        && last.fire_ms >= fire.fire_ms
        && let Some(run) = last.run
    {
        return Ok(Accepted::Duplicate(run));
    }
    let mut claim = None;
    if let Some(Dedupe { scope, key, expires_ms }) = dedupe {
        let key = keys::claim(&scope, &key);
        let row = encode(&ClaimRow { run, expires_ms })?;
        match draft.get::<ClaimRow>(&key)? {
            Some(old) if old.expires_ms > draft.now_ms() => return Ok(Accepted::Duplicate(old.run)),
            Some(_) => draft.put(key.clone(), row),
            None => draft.put_new(key.clone(), row),
        }
        claim = Some(key);
    }
    if let (Some(fire), Some(key)) = (fire, fire_key) {
        draft.put(key, encode(&FireRow { fire_ms: fire.fire_ms, run: Some(run) })?);
    }
    let bytes = entry_value.len().saturating_add(state_value.len());
    let mut record = Record::new(state_value, claim.as_deref());
    if let Some(entry) = record.push(entry_value) {
        draft.put_new(keys::entry(run, 0), entry);
    }
    draft.put_new(state_key, record.to_value());
    let content = Some((Box::new((state.clone(), vec![entry])), bytes));
    draft.place_with(None, Some(&state), content);
    Ok(Accepted::New(run))
}

/// The cursor of a schedule, which begins at `now_ms` if it was never seen.
pub(crate) fn cursor(draft: &mut Draft<'_, '_>, schedule: &str, now_ms: u64) -> Result<u64, JournalError> {
    let key = keys::fire(schedule);
    if let Some(row) = draft.get::<FireRow>(&key)? {
        return Ok(row.fire_ms);
    }
    draft.put(key, encode(&FireRow { fire_ms: now_ms, run: None })?);
    Ok(now_ms)
}
