//! Fires schedules. Each fire is accepted as an event under the key (schedule, instant), so that it
//! happens once however often the service is started around it.
//!
//! After a time without service the latest missed fire is made up for, and those before it are not. A
//! schedule counts from when it was first deployed, or from its last fire; the journal remembers both.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Acceptance, Accepted, Fire, JournalError};
use stepmill_core::schedule::Schedule;
use stepmill_core::{Clock, Journal, RunId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Deployed};
use crate::metrics;

/// Longest sleep between two looks at the clock: bounds what a jump of the clock can delay.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Missed instants that are passed over at once.
const YIELD_EVERY: u32 = 1_024;

/// What schedules work with.
pub struct Schedules {
    /// What is deployed.
    pub catalog: Arc<Catalog>,
    /// Where events go.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Tells the dispatcher of new runs.
    pub wake: Arc<Notify>,
}

impl Schedules {
    /// Fires until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            let mut pause = LOOK_AGAIN;
            for deployed in self.catalog.plans.values() {
                let Some(schedule) = &deployed.plan.schedule else { continue };
                match self.fire_if_due(deployed, schedule).await {
                    Ok(Some(next)) => pause = pause.min(next),
                    Ok(None) => {}
                    Err(error) => tracing::error!(
                        workflow = %deployed.plan.name, error = &error as &dyn std::error::Error,
                        "failed to fire a schedule"
                    ),
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Fires the latest instant that is due; answers the time to the next one.
    async fn fire_if_due(
        &self,
        deployed: &Deployed,
        schedule: &Schedule,
    ) -> Result<Option<Duration>, JournalError> {
        let name = deployed.plan.name.to_string();
        let now_ms = self.clock.now_ms();
        let mut cursor_ms = self.journal.cursor(&name, now_ms).await?;
        let mut due_ms = None;
        let mut passed = 0_u32;
        let next_ms = loop {
            match schedule.next_after(cursor_ms) {
                Some(instant) if instant <= now_ms => {
                    due_ms = Some(instant);
                    cursor_ms = instant;
                    passed = passed.wrapping_add(1);
                    // A short interval after a long time without service: others have their turn meanwhile.
                    if passed.is_multiple_of(YIELD_EVERY) {
                        tokio::task::yield_now().await;
                    }
                }
                next => break next,
            }
        };
        if let Some(fire_ms) = due_ms {
            self.accept(deployed, name, fire_ms, now_ms).await?;
        }
        Ok(next_ms.map(|next| Duration::from_millis(next.saturating_sub(now_ms))))
    }

    async fn accept(
        &self,
        deployed: &Deployed,
        name: String,
        fire_ms: u64,
        now_ms: u64,
    ) -> Result<(), JournalError> {
        let acceptance = Acceptance {
            run: RunId::new(now_ms, rand::random()),
            workflow: name.clone(),
            version: deployed.plan.version.to_string(),
            at_ms: now_ms,
            event: Event {
                trigger: Trigger::Schedule { fire_ms },
                headers: Default::default(),
                query: Default::default(),
                document: Document::json(&json!({ "schedule": name, "fire_ms": fire_ms })),
            },
            dedupe: None,
            fire: Some(Fire { schedule: name.clone(), fire_ms }),
        };
        for accepted in self.journal.accept(vec![acceptance]).await? {
            match accepted {
                Accepted::New(run) => {
                    tracing::info!(%run, workflow = %name, fire_ms, "a schedule fired");
                    metrics::event_accepted(&name);
                    self.wake.notify_one();
                }
                Accepted::Duplicate(_) => metrics::event_duplicate(&name),
            }
        }
        Ok(())
    }
}
