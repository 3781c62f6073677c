//! Claimed runs on their way to the caller.

use std::sync::Arc;

use stepmill_core::RunId;
use stepmill_core::journal::{Claim, Claims, JournalError};

use crate::shared::Shared;

/// Claims that are given back if the caller goes away before it has them.
pub(crate) struct Claimed {
    shared: Arc<Shared>,
    claims: Claims,
}

impl Claimed {
    /// Claims runs and reads them. A run whose values are damaged stays claimed, so that it stops nobody
    /// else, until a restart.
    pub(crate) fn new(shared: Arc<Shared>, now_ms: u64, limit: usize) -> Result<Self, JournalError> {
        let taken = shared.claims.take(&shared.values, now_ms, limit)?;
        let claims = Claims { runs: Vec::with_capacity(taken.runs.len()), next_due_ms: taken.next_due_ms };
        let mut claimed = Self { shared, claims };
        let mut runs = taken.runs.into_iter();
        for (run, epoch) in runs.by_ref() {
            if let Err(error) = claimed.read(run, epoch) {
                for (run, epoch) in std::iter::once((run, epoch)).chain(runs) {
                    claimed.shared.claims.release(run, epoch);
                }
                return Err(error);
            }
        }
        Ok(claimed)
    }

    /// The claims, which are the caller's from now on.
    pub(crate) fn hand_over(mut self) -> Claims {
        std::mem::take(&mut self.claims)
    }

    fn read(&mut self, run: RunId, epoch: u64) -> Result<(), JournalError> {
        match self.shared.values.run(run) {
            Ok(Some((state, entries))) => self.claims.runs.push(Claim { epoch, state, entries }),
            Ok(None) => tracing::error!(%run, "a queued run is missing from the journal"),
            Err(error @ JournalError::Damaged { .. }) => {
                tracing::error!(%run, %error, "cannot go on with a run")
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        for claim in &self.claims.runs {
            self.shared.claims.release(claim.state.run, claim.epoch);
        }
    }
}
