//! Writing values back as they were exported.

use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, State};

use super::follow::Follows;
use super::lane;
use super::mark::set_switch;
use super::version;
use crate::batch::Draft;
use crate::codec::{ClaimRow, CursorRow, KeptRow, StoredRow, encode};
use crate::index::Standing;
use crate::keys;
use crate::record::Record;

/// One value of an export.
#[derive(Debug)]
pub(crate) enum Restored {
    /// A run, whose entries have been replayed to its state.
    Run(Box<State>, Vec<Entry>),
    /// A deduplication claim: scope, digest of the key, claim.
    Claim(String, Vec<u8>, ClaimRow),
    /// A schedule's cursor.
    Fire(String, CursorRow),
    /// A stored value: namespace, key, value.
    Stored(String, String, StoredRow),
    /// An event that is kept, and the workflows that have taken it.
    Kept(KeptRow, Vec<String>),
    /// A switch and its value.
    Switch(String, String),
    /// The last version that a storage write was given.
    Version(u64),
    /// The import begins or ends.
    Importing(bool),
}

/// Adds the value to the draft.
pub(crate) fn restore(draft: &mut Draft<'_, '_>, restored: Restored) -> Result<(), JournalError> {
    match restored {
        Restored::Run(state, entries) => {
            // Its claim is a value of its own in an export, and goes when it expires.
            let mut record = Record::new(encode(&*state)?, None);
            for (seq, entry) in (0..).zip(&entries) {
                if let Some(entry) = record.push(encode(entry)?) {
                    draft.put(keys::entry(state.run, seq), entry);
                }
            }
            draft.put(keys::state(state.run), record.to_value());
            // Whoever has room in its lane has its turn already, and nobody has anything left to hear.
            let standing = Standing::of(&state, record.bytes());
            lane::change(draft, &mut Follows::default(), None, Some(&standing))?;
            version::count(draft, None, Some(&state.version))?;
            draft.place(state.run, None, Some(standing), None);
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
        Restored::Switch(name, value) => set_switch(draft, &name, Some(value))?,
        Restored::Version(version) => draft.raise_version(version)?,
        Restored::Importing(true) => draft.put(keys::IMPORTING.to_vec(), encode(&true)?),
        Restored::Importing(false) => draft.remove(keys::IMPORTING.to_vec()),
    }
    Ok(())
}
