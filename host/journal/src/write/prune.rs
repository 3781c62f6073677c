//! Removing what is over.

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;

use super::version;
use crate::batch::Draft;
use crate::codec::{ClaimRow, KeptRow, StoredRow};
use crate::index::Standing;
use crate::keys;
use crate::record::{Place, Record};
use crate::tree::Order;

/// What may be removed, found before the committer takes it up and checked again by it.
#[derive(Debug)]
pub(crate) enum Prunable {
    /// A run and when it ended.
    Run(RunId, u64),
    /// A claim, a stored value or an event, and when it expired.
    Expired(Vec<u8>, u64),
    /// A version that is not deployed, by its id.
    Version(String),
    /// A component, by its digest.
    Component(String),
}

/// Removes a thing if it is still to go. Answers whether it went.
pub(crate) fn prune(draft: &mut Draft<'_, '_>, prunable: Prunable) -> Result<bool, JournalError> {
    match prunable {
        Prunable::Run(run, at_ms) => {
            let Some(content) = draft.content(&keys::state(run))? else { return Ok(false) };
            let record = Record::parse(run, &content)?;
            let state = record.state(run)?;
            if !state.phase.has_ended() || state.changed_ms != at_ms {
                return Ok(false);
            }
            for (seq, place) in (0..).zip(record.places()) {
                match place {
                    Place::Here(_) => {}
                    Place::OwnKey => draft.remove(keys::entry(run, seq)),
                }
            }
            draft.remove(keys::state(run));
            if let Some(claim) = record.claim() {
                release(draft, claim, run)?;
            }
            draft.place(run, Some(Standing::of(&state, record.bytes())), None, None);
            version::count(draft, Some(&state.version), None)?;
            Ok(true)
        }
        Prunable::Expired(key, expires_ms) => {
            let now = if keys::is_claim(&key) {
                draft.get::<ClaimRow>(&key)?.map(|row| row.expires_ms)
            } else if keys::is_kept(&key) {
                draft.get::<KeptRow>(&key)?.map(|row| row.until_ms)
            } else {
                draft.get::<StoredRow>(&key)?.and_then(|row| row.expires_ms)
            };
            draft.remove(keys::expiry(expires_ms, &key));
            if now == Some(expires_ms) {
                if keys::is_kept(&key) {
                    for (taken, _) in draft.scan(&keys::takers(&key), Order::Ascending, usize::MAX)? {
                        draft.remove(taken);
                    }
                }
                draft.remove(key);
                return Ok(true);
            }
            Ok(false)
        }
        Prunable::Version(id) => version::prune_version(draft, &id),
        Prunable::Component(digest) => version::prune_component(draft, &digest),
    }
}

/// Removes the deduplication claim of a run that goes, or has it removed when it expires.
fn release(draft: &mut Draft<'_, '_>, claim: &[u8], run: RunId) -> Result<(), JournalError> {
    match draft.get::<ClaimRow>(claim)? {
        Some(row) if row.run != run => {}
        Some(row) if row.expires_ms > draft.now_ms() => draft.expire(claim, None, Some(row.expires_ms)),
        Some(_) => draft.remove(claim.to_vec()),
        None => {}
    }
    Ok(())
}
