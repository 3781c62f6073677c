//! Where schedules are, and switches.

use stepmill_core::journal::{Cursor, JournalError};

use crate::batch::Draft;
use crate::codec::{CursorRow, encode};
use crate::keys;

/// The cursor of a schedule, which begins at `now_ms` if it was never seen.
pub(crate) fn cursor(draft: &mut Draft<'_, '_>, schedule: &str, now_ms: u64) -> Result<Cursor, JournalError> {
    let key = keys::fire(schedule);
    if let Some(row) = draft.get::<CursorRow>(&key)? {
        return Ok(row.into());
    }
    let row = CursorRow { at_ms: now_ms, last: None };
    draft.put_new(key, encode(&row)?);
    Ok(row.into())
}

/// Moves the cursor of a schedule on, if it is not beyond already.
pub(crate) fn pass_over(
    draft: &mut Draft<'_, '_>,
    schedule: &str,
    until_ms: u64,
) -> Result<(), JournalError> {
    let key = keys::fire(schedule);
    let last = match draft.get::<CursorRow>(&key)? {
        Some(row) if row.at_ms >= until_ms => return Ok(()),
        Some(row) => row.last,
        None => None,
    };
    draft.put(key, encode(&CursorRow { at_ms: until_ms, last })?);
    Ok(())
}

/// Sets a switch, or takes it away.
pub(crate) fn set_switch(
    draft: &mut Draft<'_, '_>,
    name: &str,
    value: Option<String>,
) -> Result<(), JournalError> {
    let key = keys::switch(name);
    match value {
        Some(value) => draft.put(key, encode(&value)?),
        None => draft.remove(key),
    }
    Ok(())
}
