//! Writing plugin storage.

use stepmill_core::journal::JournalError;
use stepmill_core::storage::{Condition, StorageOp, StorageWrite, Stored, StoredValue};

use crate::batch::Draft;
use crate::codec::{StoredRow, encode};
use crate::keys;

/// Adds one write of a transition to the draft.
///
/// A version is compared with what was committed before the transition, also where the transition has
/// written the key already: that is the version that a guest reads of its own writes. Whether the key
/// is absent is judged with the transition's own writes, so that it may delete and then put.
pub(super) fn write(draft: &mut Draft<'_, '_>, write: StorageWrite) -> Result<(), JournalError> {
    let StorageWrite { namespace, key, op } = write;
    let at = keys::stored(&namespace, &key);
    // Whatever is there, so that its expiry goes with it.
    let row = draft.get::<StoredRow>(&at)?.map(Stored::from);
    let row_expires = row.as_ref().and_then(|stored| stored.expires_ms);
    let now_ms = draft.now_ms();
    let current = row.filter(|stored| is_live(stored, now_ms));
    let conflict = || JournalError::StorageConflict { namespace: namespace.clone(), key: key.clone() };
    let (value, expires_ms) = match op {
        StorageOp::Delete => {
            draft.expire(&at, row_expires, None);
            draft.remove(at);
            return Ok(());
        }
        StorageOp::Put { value, condition, ttl_ms } => {
            let holds = match condition {
                Condition::Always => true,
                Condition::IfAbsent => current.is_none(),
                Condition::IfVersion(version) => {
                    let committed = if draft.has_touched(&at) {
                        draft
                            .get_before::<StoredRow>(&at)?
                            .map(Stored::from)
                            .filter(|stored| is_live(stored, now_ms))
                    } else {
                        current.clone()
                    };
                    committed.map_or(0, |stored| stored.version) == version
                }
            };
            let is_counter = current.is_some_and(|stored| matches!(stored.value, StoredValue::Counter(_)));
            if !holds || is_counter {
                return Err(conflict());
            }
            (StoredValue::Bytes(value), ttl_ms.map(|ttl| now_ms.saturating_add(ttl)))
        }
        StorageOp::Add(delta) => match current.map(|stored| (stored.value, stored.expires_ms)) {
            None => (StoredValue::Counter(delta), None),
            Some((StoredValue::Counter(count), expires)) => {
                (StoredValue::Counter(count.saturating_add(delta)), expires)
            }
            Some((StoredValue::Bytes(_), _)) => return Err(conflict()),
        },
    };
    let version = draft.next_version()?;
    draft.expire(&at, row_expires, expires_ms);
    draft.put(at, encode(&StoredRow::from(Stored { value, version, expires_ms }))?);
    Ok(())
}

/// Whether a value has not expired.
pub(crate) fn is_live(stored: &Stored, now_ms: u64) -> bool {
    stored.expires_ms.is_none_or(|expires| expires > now_ms)
}
