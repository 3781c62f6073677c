//! Removes what is over: runs that their workflows keep no longer, and claims, events and values that have expired.

use std::sync::Arc;
use std::time::Duration;

use stepmill_core::duration;
use stepmill_core::journal::{Kept, Retention};
use stepmill_core::workflow::Retain;
use stepmill_core::{Clock, Journal};
use tokio_util::sync::CancellationToken;

use crate::catalog::Live;

/// Pause between two looks for what can be pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(30);
/// Things pruned at once; more are pruned without a pause.
const PRUNE_BATCH: usize = 1_000;

/// What pruning works with.
pub struct Pruning {
    /// Says what each workflow keeps.
    pub live: Live,
    /// Where runs are.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long ended runs are kept of workflows that say nothing of it.
    pub retain: Duration,
}

impl Pruning {
    /// Prunes until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let now_ms = self.clock.now_ms();
            let pause = match self.journal.prune(now_ms, &self.retention(now_ms), PRUNE_BATCH).await {
                Ok(PRUNE_BATCH..) => Duration::ZERO,
                Ok(_) => PRUNE_EVERY,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "failed to prune the journal");
                    PRUNE_EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn retention(&self, now_ms: u64) -> Retention {
        let catalog = self.live.catalog();
        let plans = catalog.plans.values().map(|deployed| &deployed.plan);
        retention(now_ms, self.retain, plans.map(|plan| (&*plan.name, plan.retain)))
    }
}

/// What is kept at `now_ms`, if ended runs usually are for as long as `usual`.
fn retention<'w>(
    now_ms: u64,
    usual: Duration,
    workflows: impl Iterator<Item = (&'w str, Retain)>,
) -> Retention {
    let since = |lasts: Duration| now_ms.saturating_sub(duration::ms(lasts));
    let mut retention = Retention::since(since(usual));
    for (workflow, Retain { lasts, runs, bytes }) in workflows {
        let kept = Kept { since_ms: since(lasts.unwrap_or(usual)), runs, bytes };
        if kept != retention.usual {
            retention.of.insert(workflow.to_owned(), kept);
        }
    }
    retention
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_keeps_its_runs_for_as_long_as_it_says_else_as_the_journal() {
        let hour = Some(Duration::from_secs(3_600));
        let workflows = [
            ("silent", Retain::default()),
            ("young", Retain { lasts: hour, ..Retain::default() }),
            ("few", Retain { runs: Some(7), ..Retain::default() }),
        ];
        let retention = retention(100_000_000, Duration::from_secs(7_200), workflows.into_iter());
        let kept = |workflow| retention.of(workflow);
        assert_eq!(kept("silent"), Kept { since_ms: 92_800_000, runs: None, bytes: None });
        assert_eq!(kept("young/each"), Kept { since_ms: 96_400_000, runs: None, bytes: None });
        assert_eq!(kept("few"), Kept { since_ms: 92_800_000, runs: Some(7), bytes: None });
        assert_eq!(kept("deployed no more"), kept("silent"));
    }
}
