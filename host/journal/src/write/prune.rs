//! Removing what is over.

use stepmill_core::RunId;
use stepmill_core::journal::{JournalError, PhaseName};
use stepmill_core::run::State;

use crate::batch::Draft;
use crate::codec::{ClaimRow, StoredRow};
use crate::keys;

/// What may be removed, found before the committer takes it up and checked again by it.
#[derive(Debug)]
pub(crate) enum Prunable {
    /// A run that ended before this time.
    Run(RunId, u64),
    /// A claim or a stored value, and when it expires.
    Expired(Vec<u8>, u64),
}

/// Removes a thing if it is still to go. Answers whether it went.
pub(crate) fn prune(draft: &mut Draft<'_, '_>, prunable: Prunable) -> Result<bool, JournalError> {
    match prunable {
        Prunable::Run(run, before_ms) => {
            let Some(state) = draft.get::<State>(&keys::state(run))? else { return Ok(false) };
            let has_ended = match state.phase.name() {
                PhaseName::Succeeded | PhaseName::Cancelled => true,
                PhaseName::Ready | PhaseName::Retrying | PhaseName::Dead => false,
            };
            if !has_ended || state.changed_ms >= before_ms {
                return Ok(false);
            }
            for seq in 0..state.seq {
                draft.remove(keys::entry(run, seq));
            }
            draft.remove(keys::state(run));
            draft.place(Some(&state), None);
            Ok(true)
        }
        Prunable::Expired(key, expires_ms) => {
            let now = if keys::is_claim(&key) {
                draft.get::<ClaimRow>(&key)?.map(|row| row.expires_ms)
            } else {
                draft.get::<StoredRow>(&key)?.and_then(|row| row.expires_ms)
            };
            draft.remove(keys::expiry(expires_ms, &key));
            if now == Some(expires_ms) && expires_ms <= draft.now_ms() {
                draft.remove(key);
                return Ok(true);
            }
            Ok(false)
        }
    }
}
