//! Claimed runs on their way to the caller.

use std::sync::Arc;

use stepmill_core::RunId;
use stepmill_core::journal::{Claim, Claims, JournalError};

use crate::shared::Shared;

/// Claims that are given back if the caller goes away before it has them.
pub(crate) struct Claimed {
    shared: Arc<Shared>,
    claims: Claims,
    /// Claimed and not read yet.
    unread: Vec<(RunId, u64)>,
}

impl Claimed {
    /// Claims runs and reads them. A run whose values are damaged stays claimed, so that it stops nobody
    /// else, until a restart; one that cannot be read just now is left for another time.
    pub(crate) fn new(shared: Arc<Shared>, now_ms: u64, limit: usize) -> Result<Self, JournalError> {
        let taken = shared.claims.take(&shared.values, now_ms, limit)?;
        let claims = Claims { runs: Vec::with_capacity(taken.runs.len()), next_due_ms: taken.next_due_ms };
        let mut claimed = Self { shared, claims, unread: taken.runs };
        claimed.unread.reverse();
        while let Some((run, epoch)) = claimed.unread.last().copied() {
            claimed.read(run, epoch);
            claimed.unread.pop();
        }
        Ok(claimed)
    }

    /// The claims, which are the caller's from now on.
    pub(crate) fn hand_over(mut self) -> Claims {
        std::mem::take(&mut self.claims)
    }

    fn read(&mut self, run: RunId, epoch: u64) {
        match self.shared.values.run(run) {
            Ok(Some((state, entries))) => self.claims.runs.push(Claim { epoch, state, entries }),
            Ok(None) => tracing::error!(%run, "a queued run is missing from the journal"),
            Err(error @ JournalError::Damaged { .. }) => {
                tracing::error!(%run, %error, "cannot go on with a run");
            }
            Err(error) => {
                tracing::error!(%run, error = &error as &dyn std::error::Error, "failed to read a run");
                self.shared.claims.release(run, epoch);
            }
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        let read = self.claims.runs.iter().map(|claim| (claim.state.run, claim.epoch));
        for (run, epoch) in read.chain(self.unread.iter().copied()) {
            self.shared.claims.release(run, epoch);
        }
    }
}
