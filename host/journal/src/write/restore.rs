//! Writing values back as they were exported.

use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, State};

use crate::batch::Draft;
use crate::codec::{ClaimRow, FireRow, StoredRow, encode};
use crate::keys;
use crate::record::Record;

/// One value of an export.
#[derive(Debug)]
pub(crate) enum Restored {
    /// A run, whose entries have been replayed to its state.
    Run(State, Vec<Entry>),
    /// A deduplication claim: scope, digest of the key, claim.
    Claim(String, Vec<u8>, ClaimRow),
    /// A schedule's cursor.
    Fire(String, FireRow),
    /// A stored value: namespace, key, value.
    Stored(String, String, StoredRow),
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
            let mut record = Record::new(encode(&state)?, None);
            for (seq, entry) in (0..).zip(&entries) {
                if let Some(entry) = record.push(encode(entry)?) {
                    draft.put(keys::entry(state.run, seq), entry);
                }
            }
            draft.put(keys::state(state.run), record.to_value());
            draft.place(None, Some(&state));
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
        Restored::Version(version) => draft.raise_version(version)?,
        Restored::Importing(true) => draft.put(keys::IMPORTING.to_vec(), encode(&true)?),
        Restored::Importing(false) => draft.remove(keys::IMPORTING.to_vec()),
    }
    Ok(())
}
