//! Fires schedules. Each fire is accepted as an event under the key (schedule, instant), so that it
//! happens once however often the service is started around it.
//!
//! A schedule counts from when it was first deployed, or from its last fire; the journal remembers both. What
//! becomes of instants that were missed, and of a fire whose predecessor's run has not ended, is the schedule's
//! `catch-up` and `overlap`. One that is paused fires nothing, and passes over what comes meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Acceptance, Cursor, Fire, JournalError, Outcome};
use stepmill_core::run::{Lane, OnDead};
use stepmill_core::schedule::{Due, Overlap, Schedule};
use stepmill_core::{Clock, Entropy, Journal, RunId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cancel;
use crate::catalog::{Deployed, Live};
use crate::metrics;

/// Longest sleep between two looks at the clock: bounds what a jump of the clock can delay.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Who ends a run that the next fire replaces.
const REPLACED: &str = "schedule: the next fire takes its place";

/// The journal's switch that pauses a schedule.
pub fn pause_switch(workflow: &str) -> String {
    format!("pause/schedule/{workflow}")
}

/// What schedules work with.
pub struct Schedules {
    /// What is deployed.
    pub live: Live,
    /// Where events go.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of runs.
    pub entropy: Arc<dyn Entropy>,
    /// Tells the dispatcher of new runs.
    pub wake: Arc<Notify>,
}

impl Schedules {
    /// Fires until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut changes = self.live.changes();
        loop {
            let mut pause = LOOK_AGAIN;
            let catalog = self.live.catalog();
            let switches = self.switches().await;
            for deployed in catalog.plans.values() {
                let Some(schedule) = &deployed.plan.schedule else { continue };
                let is_paused = switches.contains_key(&pause_switch(&deployed.plan.name));
                match self.fire_if_due(deployed, schedule, is_paused).await {
                    Ok(Some(next)) => pause = pause.min(next),
                    Ok(None) => {}
                    Err(error) => tracing::error!(
                        workflow = %deployed.plan.name, error = &error as &dyn std::error::Error,
                        "failed to fire a schedule"
                    ),
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Ok(()) = changes.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// The operator's switches; none if they cannot be read, which the fires then cannot either.
    async fn switches(&self) -> BTreeMap<String, String> {
        self.journal.switches().await.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "failed to read the switches");
            BTreeMap::new()
        })
    }

    /// Fires what is due; answers the time until there is more to see to.
    async fn fire_if_due(
        &self,
        deployed: &Deployed,
        schedule: &Schedule,
        is_paused: bool,
    ) -> Result<Option<Duration>, JournalError> {
        let name = &*deployed.plan.name;
        let now_ms = self.clock.now_ms();
        let Cursor { at_ms: cursor_ms, mut last } = self.journal.cursor(name, now_ms).await?;
        let Due { fires, cursor_ms: decided_ms, next_ms, skipped } = schedule.due(name, cursor_ms, now_ms);
        if skipped > 0 {
            tracing::info!(schedule = name, skipped, "passed over instants that were missed");
        }
        for fire in fires.iter().filter(|_| !is_paused) {
            last = self.fire(deployed, schedule.overlap(), fire.instant_ms, last, now_ms).await?;
        }
        if decided_ms > cursor_ms {
            // Also over those of which nothing was accepted.
            self.journal.pass_over(name, decided_ms).await?;
        }
        Ok(next_ms.map(|next| Duration::from_millis(next.saturating_sub(now_ms))))
    }

    /// Accepts a fire, as the overlap with the run of the one before lets it. Answers the run of the last fire.
    async fn fire(
        &self,
        deployed: &Deployed,
        overlap: Overlap,
        fire_ms: u64,
        last: Option<RunId>,
        now_ms: u64,
    ) -> Result<Option<RunId>, JournalError> {
        let name = &*deployed.plan.name;
        let unfinished = match (overlap, last) {
            (Overlap::Allow | Overlap::Queue, _) | (_, None) => None,
            (Overlap::Skip | Overlap::Cancel, Some(last)) => self.unfinished(last).await?,
        };
        if let Some(before) = unfinished {
            if overlap == Overlap::Skip {
                tracing::info!(schedule = name, fire_ms, run = %before, "a fire was passed over: the run before goes on");
                return Ok(last);
            }
            match cancel::tree(&*self.journal, &*self.clock, before, REPLACED, false).await {
                Ok(_) | Err(JournalError::Ended { .. } | JournalError::NoSuchRun(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.accept(deployed, overlap, fire_ms, now_ms).await.map(|run| run.or(last))
    }

    /// The run, unless it has ended or waits for a person.
    async fn unfinished(&self, run: RunId) -> Result<Option<RunId>, JournalError> {
        match self.journal.state(run).await {
            Ok(state) => Ok(state.phase.is_open().then_some(run)),
            Err(JournalError::NoSuchRun(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn accept(
        &self,
        deployed: &Deployed,
        overlap: Overlap,
        fire_ms: u64,
        now_ms: u64,
    ) -> Result<Option<RunId>, JournalError> {
        let name = deployed.plan.name.to_string();
        let event = Event {
            trigger: Trigger::Schedule { fire_ms },
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            document: Document::json(&json!({ "schedule": name, "fire_ms": fire_ms })),
            raw: None,
        };
        let run = RunId::new(now_ms, self.entropy.id());
        let mut acceptance = match deployed.plan.accept(run, now_ms, event, None) {
            Ok(acceptance) => acceptance,
            Err(error) => {
                tracing::error!(workflow = %name, %error, "a schedule's fire cannot become a run");
                return Ok(None);
            }
        };
        if overlap == Overlap::Queue && acceptance.accepted.lane.is_none() {
            let key = format!("schedule/{name}");
            acceptance.accepted.lane = Some(Lane { key, width: 1, on_dead: OnDead::Pass, ticket: 0 });
        }
        let fire = Some(Fire { schedule: name.clone(), fire_ms });
        let outcomes = self.journal.accept(vec![Acceptance { fire, ..acceptance }]).await?;
        match outcomes.first() {
            Some(Outcome::New(run) | Outcome::Gathered(run)) => {
                tracing::info!(%run, workflow = %name, fire_ms, "a schedule fired");
                metrics::event_accepted(&name);
                self.wake.notify_one();
            }
            Some(Outcome::Duplicate(_)) => metrics::event_duplicate(&name),
            None => {}
        }
        Ok(outcomes.first().map(|outcome| outcome.run()))
    }
}
