//! Writing values back as they were exported.

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, State};

use super::follow::Follows;
use super::lane;
use super::version;
use crate::batch::Draft;
use crate::codec::{ClaimRow, CursorRow, KeptRow, StoredRow, encode};
use crate::error::damaged;
use crate::index::Standing;
use crate::keys;
use crate::record::{Place, Record};
use crate::tree::Order;

/// One value of an export.
#[derive(Debug)]
pub(crate) enum Restored {
    /// A run, whose entries have been replayed to its state. What follows from it is for [`Restored::Placed`].
    Run(Box<State>, Vec<Entry>),
    /// What follows from a run that is what it was.
    Placed(RunId),
    /// A deduplication claim: scope, digest of the key, claim.
    Claim(String, Vec<u8>, ClaimRow),
    /// A schedule's cursor.
    Fire(String, CursorRow),
    /// A stored value: namespace, key, value.
    Stored(String, String, StoredRow),
    /// An event that is kept, and the workflows that have taken it.
    Kept(KeptRow, Vec<String>),
    /// A value of another table, encoded, at its key.
    Row(Vec<u8>, Vec<u8>),
    /// Nothing, at a key.
    Gone(Vec<u8>),
    /// The last version that a storage write was given.
    Version(u64),
    /// The import begins or ends.
    Importing(bool),
}

/// Adds the value to the draft.
pub(crate) fn restore(draft: &mut Draft<'_, '_>, restored: Restored) -> Result<(), JournalError> {
    match restored {
        Restored::Run(state, entries) => {
            remove_entries(draft, state.run)?;
            // Its claim is a value of its own in an export, and goes when it expires.
            let mut record = Record::new(encode(&*state)?, None);
            for (seq, entry) in (0..).zip(&entries) {
                if let Some(entry) = record.push(encode(entry)?) {
                    draft.put(keys::entry(state.run, seq), entry);
                }
            }
            draft.put(keys::state(state.run), record.to_value());
        }
        Restored::Placed(run) => {
            let key = keys::state(run);
            let content = draft.content(&key)?.ok_or_else(|| damaged(&key, "the run is missing"))?;
            let record = Record::parse(run, &content)?;
            let state = record.state(run)?;
            // Whoever has room in its lane has its turn already, and nobody has anything left to hear.
            let standing = Standing::of(&state, record.bytes());
            lane::change(draft, &mut Follows::default(), None, Some(&standing))?;
            version::count(draft, None, Some(&state.version))?;
            draft.place(run, None, Some(standing), None);
        }
        Restored::Claim(scope, digest, row) => {
            let key = keys::claim_of_digest(&scope, &digest);
            draft.expire(&key, None, Some(row.expires_ms));
            draft.put(key, encode(&row)?);
        }
        Restored::Fire(schedule, row) => draft.put(keys::fire(&schedule), encode(&row)?),
        Restored::Stored(namespace, key, row) => {
            let key = keys::stored(&namespace, &key);
            draft.expire(&key, None, row.expires_ms);
            draft.put(key, encode(&row)?);
        }
        Restored::Kept(row, taken) => {
            let at = keys::kept_event(&row.name, &row.key, row.at_ms, row.id);
            draft.expire(&at, None, Some(row.until_ms));
            taken.iter().for_each(|workflow| draft.put(keys::taken(&at, workflow), Vec::new()));
            draft.put(at, encode(&row)?);
        }
        Restored::Row(key, content) => draft.put(key, content),
        Restored::Gone(key) => {
            if let Some(run) = keys::parse_state(&key) {
                remove_entries(draft, run)?;
            }
            if keys::is_kept(&key) {
                for (taken, _) in draft.scan(&keys::takers(&key), Order::Ascending, usize::MAX)? {
                    draft.remove(taken);
                }
            }
            // Its expiry, if it has one, finds nothing and goes.
            draft.remove(key);
        }
        Restored::Version(version) => draft.raise_version(version)?,
        Restored::Importing(true) => draft.put(keys::IMPORTING.to_vec(), encode(&true)?),
        Restored::Importing(false) => draft.remove(keys::IMPORTING.to_vec()),
    }
    Ok(())
}

/// Removes the entries of a run, if it is there already, that have keys of their own: it may be kept in another way
/// from here on.
fn remove_entries(draft: &mut Draft<'_, '_>, run: RunId) -> Result<(), JournalError> {
    let Some(content) = draft.content(&keys::state(run))? else { return Ok(()) };
    let record = Record::parse(run, &content)?;
    for (seq, place) in (0..).zip(record.places()) {
        match place {
            Place::Here(_) => {}
            Place::OwnKey => draft.remove(keys::entry(run, seq)),
        }
    }
    Ok(())
}
