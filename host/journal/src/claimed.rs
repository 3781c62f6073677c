//! Claimed runs on their way to the caller.

use std::sync::Arc;

use stepmill_core::journal::{Claim, Claims, JournalError};

use crate::claims::{Found, Taken};
use crate::shared::Shared;

/// Claims that are given back if the caller goes away before it has them.
pub(crate) struct Claimed {
    shared: Arc<Shared>,
    claims: Claims,
    /// Claimed and not read yet, the first one last.
    unread: Vec<Taken>,
    is_short: bool,
}

impl Claimed {
    /// Claims runs that are known in memory.
    pub(crate) fn take(shared: Arc<Shared>, now_ms: u64, limit: usize) -> Self {
        let mut claimed = Self { shared, claims: Claims::default(), unread: Vec::new(), is_short: false };
        claimed.take_more(now_ms, limit);
        claimed
    }

    /// Whether the journal must be read to have all that was asked for.
    pub(crate) fn needs_reading(&self) -> bool {
        self.is_short || !self.unread.is_empty()
    }

    /// Reads what is not at hand, and more of the queue if that is short. A run whose values are damaged
    /// stays claimed, so that it stops nobody else, until a restart; one that cannot be read just now
    /// is left for another time.
    pub(crate) fn read(mut self, now_ms: u64, limit: usize) -> Result<Self, JournalError> {
        self.read_unread();
        while self.is_short {
            self.shared.claims.refill(&self.shared.values)?;
            let wanted = limit.saturating_sub(self.claims.runs.len());
            self.take_more(now_ms, wanted);
            self.read_unread();
        }
        Ok(self)
    }

    /// The claims, which are the caller's from now on.
    pub(crate) fn hand_over(mut self) -> Claims {
        std::mem::take(&mut self.claims)
    }

    /// Claims at most `limit` runs. All that were claimed before have been read.
    fn take_more(&mut self, now_ms: u64, limit: usize) {
        let Found { taken, next_due_ms, is_short } = self.shared.claims.take(now_ms, limit);
        self.unread = taken;
        self.unread.reverse();
        self.claims.next_due_ms = next_due_ms;
        self.is_short = is_short;
        self.hand_on();
    }

    /// Claims what is at hand, up to the first that is not.
    fn hand_on(&mut self) {
        while let Some(Taken { epoch, content: Some(run), .. }) =
            self.unread.pop_if(|taken| taken.content.is_some())
        {
            let (state, entries) = *run;
            self.claims.runs.push(Claim { epoch, state, entries });
        }
    }

    fn read_unread(&mut self) {
        while let Some(Taken { run, epoch, .. }) = self.unread.last() {
            let (run, epoch) = (*run, *epoch);
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
            self.unread.pop();
            self.hand_on();
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        let read = self.claims.runs.iter().map(|claim| (claim.state.run, claim.epoch));
        for (run, epoch) in read.chain(self.unread.iter().map(|taken| (taken.run, taken.epoch))) {
            self.shared.claims.release(run, epoch);
        }
    }
}
