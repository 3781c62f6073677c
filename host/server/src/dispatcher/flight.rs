//! Carries one run on: from what its journal holds to its end or its next wait.
//!
//! Outputs of pure steps are recomputed, never read back. A connector's output is committed before
//! anything that depends on it starts. Branches that do not depend on each other go on at the same time.

mod begin;
mod commit;
mod end;
mod hooks;
mod join;
mod record;
mod redrive;
mod runs;
mod told;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use stepmill_core::RunId;
use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::document::Document;
use stepmill_core::event::Event;
use stepmill_core::invoke::Report;
use stepmill_core::journal::{Claim, JournalError};
use stepmill_core::run::{self, Entry, Phase, Queue, Stand, State, is_undo, root};
use stepmill_core::workflow::{Plan, Walk};

use super::{JOURNAL_TROUBLE, LOOK_AGAIN, PANIC_REST, Shared};
use crate::catalog::NoPlan;
use crate::gates::Held;

/// How long a run rests that has nothing to go by, before that is looked for again.
const NO_WORKFLOW: Duration = Duration::from_secs(60);

/// How long a run rests whose system has let another through.
const GATE_REST: Duration = Duration::from_millis(50);
/// Who ends a run that nobody waits for any more.
const ORPHANED: &str = "the run that began it does not wait for it any more";

/// Why a run is left.
enum Stop {
    /// It ended or waits: committed, and the claim is over.
    Committed,
    /// Others have told it something that changes what is to be done: it is looked at again.
    Overtaken,
    /// There is nothing to do for it, and nothing to commit.
    Idle,
    /// A drain has begun; everything is committed.
    Draining,
    /// The journal refused or failed; the journal's word counts.
    Journal(JournalError),
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Overtaken { .. } => Self::Overtaken,
            other => Self::Journal(other),
        }
    }
}

/// An attempt that is being made: of which step, and what came of it.
type Running = Pin<Box<dyn Future<Output = (usize, Report, Option<Held>)> + Send>>;

/// A run in flight: what is committed and what has been computed from it.
struct Flight<'a> {
    shared: &'a Shared,
    /// The workflow's plan, of the version that the run began with.
    whole: Arc<Plan>,
    /// That, or the part of it that the run is of.
    plan: &'a Plan,
    epoch: u64,
    state: State,
    /// What the run works on.
    event: Event,
    walk: Walk<'a>,
    /// Outputs of the steps that are done.
    outputs: BTreeMap<Arc<str>, Arc<Document>>,
    /// The entries that were there when the run was claimed, and those that others have added, by their numbers.
    told: BTreeMap<u32, Entry>,
    /// Records of pure steps since the last commit.
    pure: Vec<Record>,
    /// Lists of `for-each` steps that begin more runs than go into one commit.
    lists: BTreeMap<usize, Arc<Vec<Value>>>,
    /// Answers for a sender that waits, to be given once what they follow from is committed.
    unsaid: Vec<Unsaid>,
    running: FuturesUnordered<Running>,
    /// The steps of which attempts are being made.
    attempting: BTreeSet<usize>,
    /// The attempt for which the run dies once no other is being made.
    doomed: Option<Record>,
}

/// An answer for a sender that waits.
enum Unsaid {
    /// What a step gave; the run's output for none.
    Output(Option<Arc<str>>, Arc<Document>),
    /// That the run has failed for good.
    Failed(Failure),
    /// That the run has ended, whatever was waited for.
    Ended,
}

impl Shared {
    /// Carries a run on. Answers how long it rests before its claim is given back; nothing if the claim
    /// has ended.
    pub(super) async fn advance(&self, claim: Claim) -> Option<Duration> {
        let Claim { epoch, state, entries } = claim;
        let run = state.run;
        let whole = match self.plan(&state).await {
            Ok(whole) => whole,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%run, workflow = %state.workflow, error, "the run waits: there is nothing to go by");
                return Some(NO_WORKFLOW);
            }
        };
        let Some(plan) = whole.part(&state.workflow) else {
            tracing::warn!(%run, part = %state.workflow, "the workflow has no such part any more: the run waits");
            return Some(NO_WORKFLOW);
        };
        let Some(event) = run::payload(&state, &entries) else {
            tracing::error!(%run, "the run's journal lacks its payload");
            return Some(PANIC_REST);
        };
        if let Some(undo) = self.is_orphan(&state).await {
            return self.leave(run, undo).await;
        }
        if state.phase.is_dead() {
            return self.redrive(&state, epoch).await;
        }
        let mut flight = Flight {
            shared: self,
            whole: Arc::clone(&whole),
            plan,
            epoch,
            state,
            walk: Walk::new(plan, Arc::new(event.document.clone())),
            event,
            outputs: BTreeMap::new(),
            told: (0..).zip(entries).collect(),
            pure: Vec::new(),
            lists: BTreeMap::new(),
            unsaid: Vec::new(),
            running: FuturesUnordered::new(),
            attempting: BTreeSet::new(),
            doomed: None,
        };
        match flight.fly().await {
            Stop::Committed => None,
            Stop::Overtaken | Stop::Draining => Some(Duration::ZERO),
            Stop::Idle => Some(flight.idles()),
            Stop::Journal(error) => rest_after(run, &error),
        }
    }

    /// The plan of the workflow that a run is of, or of a part of.
    async fn plan(&self, state: &State) -> Result<Arc<Plan>, NoPlan> {
        let catalog = self.dispatcher.live.catalog();
        catalog.plan(&*self.dispatcher.journal, root(&state.workflow), &state.version).await
    }

    /// Whether the run was begun by another that does not wait for it any more: whether what it has done is to be
    /// undone then.
    async fn is_orphan(&self, state: &State) -> Option<bool> {
        // One that undoes what it has done is on its way.
        let parent = state.parent.as_ref().filter(|_| state.undoing.is_none())?;
        match self.dispatcher.journal.state(parent.run).await {
            Ok(of) if of.phase == Phase::Cancelled => Some(false),
            Ok(of) if of.undoing.is_some() || matches!(of.phase, Phase::Dead { undone: true, .. }) => {
                Some(true)
            }
            Ok(of) => match of.stand(&parent.step) {
                Stand::Children(children) if children.since == parent.since => None,
                // One that its step has given up, and that a person has set going again.
                Stand::Done { .. } => None,
                _ => Some(false),
            },
            // It was pruned, or cannot be read now: the run goes on.
            Err(_) => None,
        }
    }

    /// Ends a run that nobody waits for any more.
    async fn leave(&self, run: RunId, undo: bool) -> Option<Duration> {
        let now_ms = self.dispatcher.clock.now_ms();
        let what = run::What::Cancelled { by: ORPHANED.into(), undo };
        match self.dispatcher.journal.append(run, Entry::new(now_ms, what)).await {
            Ok(_) | Err(JournalError::Ended { .. }) => Some(Duration::ZERO),
            Err(error) => rest_after(run, &error),
        }
    }
}

/// How long a run rests over which the journal has refused or failed.
fn rest_after(run: RunId, error: &JournalError) -> Option<Duration> {
    match error {
        // A person has cancelled it meanwhile.
        JournalError::Ended { .. } => return Some(Duration::ZERO),
        JournalError::NoSuchRun(_)
        | JournalError::Closed
        | JournalError::Fenced { .. }
        | JournalError::Io { .. }
        | JournalError::StorageConflict { .. }
        | JournalError::Overtaken { .. }
        | JournalError::Damaged { .. }
        | JournalError::Illegal { .. } => {}
    }
    tracing::error!(%run, error = error as &dyn std::error::Error, "failed to commit a run");
    match error {
        // Nobody will ever have it again.
        JournalError::NoSuchRun(_) | JournalError::Closed => None,
        // If the claim was lost, giving it back does nothing. If the run has moved on under it,
        // it would be held for ever otherwise.
        JournalError::Fenced { .. } | JournalError::Io { .. } | JournalError::StorageConflict { .. } => {
            Some(JOURNAL_TROUBLE)
        }
        JournalError::Damaged { .. } | JournalError::Illegal { .. } => Some(PANIC_REST),
        JournalError::Ended { .. } | JournalError::Overtaken { .. } => Some(Duration::ZERO),
    }
}

impl Flight<'_> {
    /// Goes on until there is a reason to stop.
    async fn fly(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.go_on().await {
                return stop;
            }
        }
    }

    /// Begins all that can be begun, then waits for one attempt to end, or sees what is left to do.
    async fn go_on(&mut self) -> Result<(), Stop> {
        if self.is_late() {
            self.doom(self.unmade("-", "-", Cause::TimedOut, "the workflow's timeout is over".into()));
        }
        while self.doomed.is_none()
            && !self.is_leaving()
            && let Some(index) = self.walk.next()
        {
            self.begin(index).await?;
        }
        if self.running.is_empty() {
            // An end that is known is committed, also in a drain: it need not be found out again.
            let has_end = self.doomed.is_some() || self.walk.is_done() && self.state.undoing.is_none();
            return if self.is_leaving() && !has_end { Err(Stop::Draining) } else { self.settle_up().await };
        }
        let due = self.next_due();
        tokio::select! {
            biased;
            Some((index, report, held)) = self.running.next() => {
                if let Some(held) = held {
                    held.ended(&report.record);
                }
                self.attempted(index, report).await
            }
            // Another branch goes on while this one is being tried.
            () = tokio::time::sleep(due) => {
                self.catch_up().await;
                self.look_again();
                Ok(())
            }
        }
    }

    /// Whether a drain has begun: what is being tried reaches its commit, and nothing more is begun.
    fn is_leaving(&self) -> bool {
        self.shared.draining.is_cancelled()
    }

    /// How long it is until a step that waits goes on by itself.
    fn next_due(&self) -> Duration {
        let now_ms = self.now_ms();
        let stands = self.state.steps.values().map(|progress| progress.stand.due_ms());
        let deadline = self.state.deadline.filter(|_| self.doomed.is_none()).map(|deadline| deadline.at_ms);
        let due_ms = stands.flatten().chain(deadline).filter(|due_ms| *due_ms > now_ms).min();
        let ms = due_ms.map_or(u64::MAX, |due_ms| due_ms.saturating_sub(now_ms));
        Duration::from_millis(ms).min(LOOK_AGAIN)
    }

    /// Has steps looked at again whose time has come.
    fn look_again(&mut self) {
        let now_ms = self.now_ms();
        for (index, step) in self.plan.steps.iter().enumerate() {
            let is_due = self.state.stand(&step.id).due_ms().is_some_and(|due_ms| due_ms <= now_ms);
            if is_due && !self.walk.is_settled(index) && !self.attempting.contains(&index) {
                self.walk.reopen(index);
            }
        }
    }

    /// No attempt is being made and no step can be begun.
    async fn settle_up(&mut self) -> Result<(), Stop> {
        if let Some(record) = self.doomed.take() {
            return self.die(record).await;
        }
        if self.state.undoing.is_some() {
            return self.undo().await;
        }
        if self.walk.is_done() {
            return self.finish().await;
        }
        self.wait_on().await
    }

    /// Has the run wait, unless it does already and nothing of what it waits for has come.
    async fn wait_on(&mut self) -> Result<(), Stop> {
        match self.state.phase {
            Phase::Ready { .. } => self.rest().await,
            _ => Err(Stop::Idle),
        }
    }

    /// How long a run rests for which there was nothing to do. It was claimed because one of its steps seemed due;
    /// if that is none that its workflow has, it would be claimed again at once, and so for ever.
    fn idles(&self) -> Duration {
        let now_ms = self.now_ms();
        let places = self.state.places();
        let is_due = |queue: fn(&Queue) -> bool| {
            places.iter().any(|place| queue(&place.queue) && place.due_ms <= now_ms)
        };
        if is_due(|queue| matches!(queue, Queue::Workflow(_))) {
            tracing::warn!(
                run = %self.state.run, workflow = %self.state.workflow,
                "a run is due for a step that its workflow does not go on with: it rests"
            );
            PANIC_REST
        } else if is_due(|queue| matches!(queue, Queue::System { .. })) {
            // Its system has let somebody else through.
            GATE_REST
        } else {
            Duration::ZERO
        }
    }

    /// Whether the run has taken longer than it may.
    fn is_late(&self) -> bool {
        self.doomed.is_none()
            && self.state.undoing.is_none()
            && self.state.deadline.is_some_and(|deadline| deadline.at_ms <= self.now_ms())
    }

    /// Lets the run die once no attempt is being made any more.
    fn doom(&mut self, record: Record) {
        // Steps that are only recomputed, for what undoes others, cannot fail the run again.
        if self.state.undoing.is_none() || is_undo(&record.step) {
            self.doomed.get_or_insert(record);
        }
    }

    fn now_ms(&self) -> u64 {
        self.shared.dispatcher.clock.now_ms()
    }

    fn lacks(&self, what: &str) -> Stop {
        Stop::Journal(JournalError::Damaged {
            at: self.state.run.to_string(),
            problem: format!("it lacks {what}"),
        })
    }
}
