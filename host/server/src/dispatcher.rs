//! Claims runs that are due and works on a bounded number of them; the rest waits in the journal.
//!
//! A run that has been begun is carried on to its end, or to its next wait, before a further one
//! takes its place: admitted runs finish, however long the queue is.

mod advance;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use stepmill_core::journal::{Claim, JournalError};
use stepmill_core::{Clock, Invoke, Journal, RunId};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::metrics;

/// Longest sleep between two looks at the queue: bounds what a jump of the clock can delay.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Shortest sleep: the journal may hold back for a moment what is due.
const LOOK_SOON: Duration = Duration::from_millis(1);
/// Wait after a failed look at the queue.
const JOURNAL_TROUBLE: Duration = Duration::from_secs(1);
/// A run that made the host panic is not touched again for this long.
const PANIC_REST: Duration = Duration::from_secs(60);

/// What the dispatcher works with.
pub struct Dispatcher {
    /// What is deployed.
    pub catalog: Arc<Catalog>,
    /// Where runs are.
    pub journal: Arc<dyn Journal>,
    /// Makes attempts.
    pub sandbox: Arc<dyn Invoke>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Told when runs may have become due.
    pub wake: Arc<Notify>,
    /// Runs worked on at once.
    pub concurrency: usize,
    /// How long runs in flight may take to reach a commit once a drain has begun.
    pub drain: Duration,
}

struct Shared {
    dispatcher: Dispatcher,
    /// A drain has begun.
    draining: CancellationToken,
    /// The drain has taken too long.
    given_up: CancellationToken,
}

/// A run that is to be given back, after a while in which nobody can claim it.
struct Rest {
    run: RunId,
    epoch: u64,
    pause: Duration,
}

impl Dispatcher {
    /// Works until `shutdown`, then drains: claims nothing more, lets what is in flight reach its next
    /// commit, and gives up on the rest, which the journal still has.
    ///
    /// Invariant: when this returns, no run is claimed by it and nothing of it holds the journal.
    pub async fn run(self, shutdown: CancellationToken) {
        let shared =
            Arc::new(Shared { dispatcher: self, draining: shutdown, given_up: CancellationToken::new() });
        // Runs that rest take no place: others go on.
        let (mut in_flight, mut resting) = (JoinSet::new(), JoinSet::new());
        while !shared.draining.is_cancelled() {
            let pause = shared.claim(&mut in_flight).await;
            metrics::set_in_flight(in_flight.len());
            tokio::select! {
                () = shared.draining.cancelled() => {}
                () = shared.dispatcher.wake.notified() => {}
                Some(ended) = in_flight.join_next() => shared.let_rest(ended, &mut resting),
                () = tokio::time::sleep(pause) => {}
            }
            while let Some(ended) = in_flight.try_join_next() {
                shared.let_rest(ended, &mut resting);
            }
            while resting.try_join_next().is_some() {}
        }
        shared.drain(in_flight, resting).await;
    }
}

impl Shared {
    /// Claims as many runs as there is room for. Answers how long to sleep if nothing else happens.
    async fn claim(self: &Arc<Self>, in_flight: &mut JoinSet<Option<Rest>>) -> Duration {
        let dispatcher = &self.dispatcher;
        let room = dispatcher.concurrency.saturating_sub(in_flight.len());
        if room == 0 {
            return LOOK_AGAIN;
        }
        let now_ms = dispatcher.clock.now_ms();
        let claims = match dispatcher.journal.claim(now_ms, room).await {
            Ok(claims) => claims,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "failed to claim runs");
                return JOURNAL_TROUBLE;
            }
        };
        let is_full = claims.runs.len() >= room;
        for claim in claims.runs {
            in_flight.spawn(Arc::clone(self).carry(claim));
        }
        match claims.next_due_ms {
            // What is due waits for room, and the end of a run in flight wakes us.
            Some(due_ms) if due_ms <= now_ms && is_full => LOOK_AGAIN,
            Some(due_ms) => Duration::from_millis(due_ms.saturating_sub(now_ms)).clamp(LOOK_SOON, LOOK_AGAIN),
            None => LOOK_AGAIN,
        }
    }

    /// Works on a run until its claim has ended, or it is to be given back; a panic on the way costs this
    /// run a rest and nothing else.
    async fn carry(self: Arc<Self>, claim: Claim) -> Option<Rest> {
        let (run, epoch) = (claim.state.run, claim.epoch);
        let rest = |pause| Rest { run, epoch, pause };
        tokio::select! {
            advanced = AssertUnwindSafe(self.advance(claim)).catch_unwind() => match advanced {
                Ok(pause) => pause.map(rest),
                Err(_) => {
                    tracing::error!(%run, "the host panicked over a run: it rests and is then tried again");
                    Some(rest(PANIC_REST))
                }
            },
            () = self.given_up.cancelled() => Some(rest(Duration::ZERO)),
        }
    }

    /// Gives a run back after its rest; at once in a drain.
    fn let_rest(self: &Arc<Self>, ended: Result<Option<Rest>, JoinError>, resting: &mut JoinSet<()>) {
        // A task is not aborted while this is called, and its panics are caught inside.
        let Ok(Some(Rest { run, epoch, pause })) = ended else { return };
        let shared = Arc::clone(self);
        resting.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shared.draining.cancelled() => {}
            }
            match shared.dispatcher.journal.release(run, epoch).await {
                // Fenced: the claim had ended before, so that there is nothing to give back.
                Ok(()) | Err(JournalError::Fenced { .. }) => {}
                Err(error) => {
                    tracing::warn!(%run, error = &error as &dyn std::error::Error, "failed to release a run");
                }
            }
            shared.dispatcher.wake.notify_one();
        });
    }

    async fn drain(self: Arc<Self>, mut in_flight: JoinSet<Option<Rest>>, mut resting: JoinSet<()>) {
        let has_failed = self.dispatcher.journal.failure().is_some();
        // A journal that takes no commit any more is not waited for.
        let patience = if has_failed { Duration::ZERO } else { self.dispatcher.drain };
        let drained = tokio::time::timeout(patience, async {
            while let Some(ended) = in_flight.join_next().await {
                self.let_rest(ended, &mut resting);
            }
        });
        if drained.await.is_err() {
            tracing::warn!(
                runs = in_flight.len(),
                "gave up waiting for runs in flight: they go on after the next start"
            );
            self.given_up.cancel();
            while let Some(ended) = in_flight.join_next().await {
                self.let_rest(ended, &mut resting);
            }
        }
        while resting.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests;
