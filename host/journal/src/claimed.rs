//! Claimed runs on their way to the caller.

use std::sync::Arc;

use stepmill_core::journal::{Claim, JournalError, Want};

use crate::claims::Taken;
use crate::shared::Shared;

/// Claims that are given back if the caller goes away before it has them.
pub(crate) struct Claimed {
    shared: Arc<Shared>,
    taken: Vec<Taken>,
    /// Queues of which more must be read to have all that was asked for.
    short: Vec<Want>,
}

impl Claimed {
    /// Claims runs that are known in memory.
    pub(crate) fn take(shared: Arc<Shared>, now_ms: u64, wants: &[Want]) -> Self {
        let mut claimed = Self { shared, taken: Vec::new(), short: Vec::new() };
        wants.iter().for_each(|want| claimed.take_more(now_ms, want));
        claimed
    }

    /// Whether the journal must be read to have all that was asked for.
    pub(crate) fn needs_reading(&self) -> bool {
        !self.short.is_empty() || self.taken.iter().any(|taken| taken.content.is_none())
    }

    /// Reads what is not at hand, and more of the queues that are short. A run whose values are damaged
    /// stays claimed, so that it stops nobody else, until a restart; one that cannot be read just now
    /// is left for another time.
    pub(crate) fn read(mut self, now_ms: u64) -> Result<Self, JournalError> {
        self.read_taken();
        while let Some(want) = self.short.pop() {
            self.shared.claims.refill(&self.shared.values, &want.queue)?;
            self.take_more(now_ms, &want);
            self.read_taken();
        }
        Ok(self)
    }

    /// The claims, which are the caller's from now on.
    pub(crate) fn hand_over(mut self) -> Vec<Claim> {
        let taken = std::mem::take(&mut self.taken);
        let claims = taken.into_iter().filter_map(|Taken { epoch, content, .. }| {
            let (state, entries) = *content?;
            Some(Claim { epoch, state, entries })
        });
        claims.collect()
    }

    fn take_more(&mut self, now_ms: u64, want: &Want) {
        let (taken, is_short) = self.shared.claims.take(now_ms, &want.queue, want.most);
        if is_short {
            self.short.push(Want { queue: want.queue.clone(), most: want.most - taken.len() });
        }
        self.taken.extend(taken);
    }

    fn read_taken(&mut self) {
        let Self { shared, taken, .. } = self;
        taken.retain_mut(|taken| {
            if taken.content.is_some() {
                return true;
            }
            let (run, epoch) = (taken.run, taken.epoch);
            match shared.values.run(run) {
                Ok(Some(read)) => {
                    shared.claims.know(run, epoch, read.0.places());
                    taken.content = Some(Box::new(read));
                    return true;
                }
                Ok(None) => tracing::error!(%run, "a queued run is missing from the journal"),
                Err(error @ JournalError::Damaged { .. }) => {
                    tracing::error!(%run, %error, "cannot go on with a run");
                }
                Err(error) => {
                    tracing::error!(%run, error = &error as &dyn std::error::Error, "failed to read a run");
                    shared.claims.release(run, epoch);
                }
            }
            false
        });
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        for Taken { run, epoch, .. } in &self.taken {
            self.shared.claims.release(*run, *epoch);
        }
    }
}
