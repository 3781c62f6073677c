//! Claims runs that are due and works on a bounded number of them; the rest waits in the journal.
//!
//! A run that has been begun is carried on to its end, or to its next wait, before a further one
//! takes its place: admitted runs finish, however long the queue is.

mod advance;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use stepmill_core::journal::Claim;
use stepmill_core::{Clock, Invoke, Journal, RunId};
use tokio::sync::Notify;
use tokio::task::JoinSet;
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
    draining: AtomicBool,
}

impl Dispatcher {
    /// Works until `shutdown`, then drains: claims nothing more, lets what is in flight reach its next
    /// commit, and gives up on the rest, which the journal still has.
    pub async fn run(self, shutdown: CancellationToken) {
        let shared = Arc::new(Shared { dispatcher: self, draining: AtomicBool::new(false) });
        let mut in_flight = JoinSet::new();
        while !shutdown.is_cancelled() {
            let pause = shared.claim(&mut in_flight).await;
            metrics::set_in_flight(in_flight.len());
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = shared.dispatcher.wake.notified() => {}
                Some(_ended) = in_flight.join_next() => {}
                () = tokio::time::sleep(pause) => {}
            }
            while in_flight.try_join_next().is_some() {}
        }
        shared.draining.store(true, Ordering::Release);
        let drained = tokio::time::timeout(shared.dispatcher.drain, async {
            while in_flight.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!(
                runs = in_flight.len(),
                "gave up waiting for runs in flight: they go on after the next start"
            );
            in_flight.shutdown().await;
        }
    }
}

impl Shared {
    /// Claims as many runs as there is room for. Answers how long to sleep if nothing else happens.
    async fn claim(self: &Arc<Self>, in_flight: &mut JoinSet<()>) -> Duration {
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
            in_flight.spawn(Arc::clone(self).guarded(claim));
        }
        match claims.next_due_ms {
            // What is due waits for room, and the end of a run in flight wakes us.
            Some(due_ms) if due_ms <= now_ms && is_full => LOOK_AGAIN,
            Some(due_ms) => Duration::from_millis(due_ms.saturating_sub(now_ms)).clamp(LOOK_SOON, LOOK_AGAIN),
            None => LOOK_AGAIN,
        }
    }

    /// Works on a run; a panic on the way costs this run a rest and nothing else.
    async fn guarded(self: Arc<Self>, claim: Claim) {
        let (run, epoch) = (claim.state.run, claim.epoch);
        if AssertUnwindSafe(Arc::clone(&self).advance(claim)).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(%run, "the host panicked over a run: it rests and is then tried again");
        self.rest(run, epoch, PANIC_REST);
    }

    /// Gives a run back after a while. Until then nobody claims it.
    fn rest(self: Arc<Self>, run: RunId, epoch: u64, rest: Duration) {
        tokio::spawn(async move {
            tokio::time::sleep(rest).await;
            if let Err(error) = self.dispatcher.journal.release(run, epoch).await {
                tracing::warn!(%run, error = &error as &dyn std::error::Error, "failed to release a run");
            }
            self.dispatcher.wake.notify_one();
        });
    }
}
