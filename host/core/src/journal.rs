//! The seam to durability. The verbs are the journal's, not a database's.

mod backup;
mod error;
mod retention;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::RunId;
use crate::run::{Accepted, Entry, Phase, Queue, State};
use crate::storage::StorageWrite;
use crate::workflow::Version;

pub use backup::BackupError;
pub use error::JournalError;
pub use retention::{Kept, Retention};

/// Bytes of keys and values after which a commit takes up no more. One [`Journal::accept`] is one commit, so that whoever
/// accepts many at once should not come to more.
pub const BATCH_BYTES: usize = 16 << 20;

/// A run that is asked for.
///
/// One that another run begins is known by its id alone: it has neither `dedupe` nor `fire`, and gathers
/// nothing. One that gathers goes in no lane. Others are refused as [`JournalError::Illegal`].
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// Its first entry. The time of the run's id is the event's acceptance.
    pub accepted: Accepted,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Claims that nothing else with this key is accepted while the claim lasts.
    pub dedupe: Option<Dedupe>,
    /// Moves a schedule's cursor to this fire, in the same commit.
    pub fire: Option<Fire>,
}

/// A deduplication claim, made inside the accepting commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// What the key is unique in: the workflow's name.
    pub scope: String,
    /// The key.
    pub key: String,
    /// When the claim ends, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

/// A schedule's fire. The same fire is never accepted twice, nor one at or before the cursor: that is a
/// duplicate of the last one, or illegal if there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fire {
    /// Name of the schedule: the workflow's.
    pub schedule: String,
    /// The instant, in milliseconds since the Unix epoch.
    pub fire_ms: u64,
}

/// Where a schedule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Up to which instant everything is decided, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The run of its last fire.
    pub last: Option<RunId>,
}

/// What became of an [`Acceptance`]. All are answers to give a sender 2xx for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new run, on disk.
    New(RunId),
    /// Its dedupe key or fire was accepted before, as this run.
    Duplicate(RunId),
    /// The event was gathered by this run, on disk.
    Gathered(RunId),
}

impl Outcome {
    /// The run that has the event.
    pub fn run(self) -> RunId {
        match self {
            Self::New(run) | Self::Duplicate(run) | Self::Gathered(run) => run,
        }
    }
}

/// An event for runs that wait for it.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its id.
    pub id: RunId,
    /// Name of the event.
    pub name: String,
    /// What the waiting step and the event have in common.
    pub key: String,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The payload.
    pub event: Event,
    /// Until when a run may begin to wait for it that did not do so before, in milliseconds since the Unix
    /// epoch; in the past if it is for those alone that wait already.
    pub keep_until_ms: u64,
    /// Claims that nothing else with this key is published while the claim lasts.
    pub dedupe: Option<Dedupe>,
}

/// What became of a [`Publication`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is on disk, and the event of these runs: of each workflow the one that has waited longest.
    New(Vec<RunId>),
    /// Its dedupe key was published before, with this id.
    Duplicate(RunId),
}

/// A run that this process may work on, until it commits a terminal or waiting state or releases it.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Fences commits: one made under a lost claim is refused.
    pub epoch: u64,
    /// The state as committed.
    pub state: State,
    /// The whole journal of the run.
    pub entries: Vec<Entry>,
}

/// What is asked for in a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The queue.
    pub queue: Queue,
    /// How many runs at most.
    pub most: usize,
}

/// The head of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Front {
    /// The queue.
    pub queue: Queue,
    /// When its first unclaimed run is due, in milliseconds since the Unix epoch. A lower bound: a claim
    /// may find that it is later.
    pub due_ms: u64,
}

/// A change of one run's state: what is committed, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Transition {
    /// Number of entries that whoever makes it has seen. Others may have added some since: the new
    /// entries are put after those, if [`crate::run::next`] lets them.
    pub seen: u32,
    /// New entries, in order.
    pub entries: Vec<Entry>,
    /// Plugin storage writes.
    pub writes: Vec<StorageWrite>,
    /// Runs that begin with it. One that is there already is left as it is. Those whose parent is the run name
    /// the entry that began their step, which is known only once that is committed.
    pub spawns: Vec<Acceptance>,
    /// The spawns begin only if the run's phase is this one after the entries: hooks of an end that did not come
    /// about, because somebody else was faster, do not.
    pub spawns_if: Option<PhaseName>,
}

/// What a commit led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The state now.
    pub state: State,
    /// Entries that others wrote, which whoever committed has not seen: those after `seen` and before its own,
    /// and such as came of its own (an event that was there when a step began to wait for it).
    pub before: Vec<Entry>,
    /// See `before`: those after its own.
    pub after: Vec<Entry>,
}

/// Which runs to list. An empty filter is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this workflow.
    pub workflow: Option<String>,
    /// In this phase.
    pub phase: Option<PhaseName>,
}

/// The phases by name, for filters and listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "see Phase")]
pub enum PhaseName {
    Held,
    Gathering,
    Queued,
    Ready,
    Retrying,
    Parked,
    Waiting,
    Succeeded,
    Dead,
    Cancelled,
}

impl PhaseName {
    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Gathering => "gathering",
            Self::Queued => "queued",
            Self::Ready => "ready",
            Self::Retrying => "retrying",
            Self::Parked => "parked",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Phase {
    /// The phase's name.
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Held { .. } => PhaseName::Held,
            Self::Gathering { .. } => PhaseName::Gathering,
            Self::Queued { .. } => PhaseName::Queued,
            Self::Ready { .. } => PhaseName::Ready,
            Self::Retrying { .. } => PhaseName::Retrying,
            Self::Parked { .. } => PhaseName::Parked,
            Self::Waiting { .. } => PhaseName::Waiting,
            Self::Succeeded => PhaseName::Succeeded,
            Self::Dead { .. } => PhaseName::Dead,
            Self::Cancelled => PhaseName::Cancelled,
        }
    }
}

/// One page of runs, latest accepted first.
#[derive(Clone, Debug, Default)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<State>,
    /// Give it to the next query; none on the last page.
    pub cursor: Option<RunId>,
}

/// What comes into force together.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// The versions of all workflows that runs begin under from now on.
    pub versions: Vec<Version>,
    /// The components that they use, by their digests.
    pub components: BTreeMap<Arc<str>, Arc<[u8]>>,
}

/// A version that the journal keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptVersion {
    /// Its id.
    pub version: Arc<str>,
    /// Name of its workflow.
    pub workflow: String,
    /// Whether runs begin under it.
    pub is_deployed: bool,
    /// How many runs of it the journal has, finished ones included.
    pub runs: u64,
}

/// How full the journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Runs that are neither finished nor dead nor held.
    pub unfinished: u64,
    /// Dead letters.
    pub dead: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The ordered, durable record of all runs.
///
/// Invariant: every method that writes returns only after what it wrote is durable.
///
/// Invariant: what follows from a run's change changes with it, in one commit: its places in queues, its
/// subscriptions to events, its turn in a lane and that of the next one, and what its parent hears of it.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Accepts events: run, first entry, queue entry, dedupe claim, lane and schedule cursor of each
    /// together. The answers are in the order of `batch`; if one is refused, none is accepted.
    ///
    /// An event that is to be gathered goes to the latest run that gathers under its key, unless that is claimed
    /// or due: then to a new one. A run of a lane has its turn at once if there is room and nobody waits.
    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Outcome>, JournalError>;

    /// Accepts an event for runs that wait for it. Wakes of each workflow, with its parts, the run that has waited
    /// longest; is kept for those that begin to wait in time, again for one of each workflow. That is the rule of
    /// Camunda 8 ("message correlation": once per process). A dead letter hears it too, and stays dead.
    async fn publish(&self, publication: Publication) -> Result<Published, JournalError>;

    /// The queues that have runs, with their heads. Cheap: kept in memory. A run that is about to change is due
    /// later than now, and whoever changes it knows when that is done: any method that writes may bring runs
    /// forward, also of queues that it was not about.
    fn fronts(&self) -> Vec<Front>;

    /// Claims unclaimed runs that are due at `now_ms`, of each queue those due longest first. A run in several
    /// queues is claimed once, and is in none of them until the claim ends.
    async fn claim(&self, now_ms: u64, wants: &[Want]) -> Result<Vec<Claim>, JournalError>;

    /// Commits a transition of a claimed run, after what others have added since it was seen. The claim ends if
    /// the new state, with all that came of it, is not [`Phase::Ready`]; and with [`JournalError::Ended`]. After
    /// any other error it stays.
    async fn commit(&self, run: RunId, epoch: u64, transition: Transition)
    -> Result<Committed, JournalError>;

    /// Gives a claim back without a change, as in a drain. The run is in its queues again, unless it has ended
    /// meanwhile.
    async fn release(&self, run: RunId, epoch: u64) -> Result<(), JournalError>;

    /// Adds an entry to a run, whoever works on it: a person's doing, such as a decision, a redrive or a
    /// cancellation. Gives the state after it. A claim on the run stays: its holder gets to know with the next
    /// commit.
    async fn append(&self, run: RunId, entry: Entry) -> Result<State, JournalError>;

    /// The state and the whole journal of a run.
    async fn read(&self, run: RunId) -> Result<(State, Vec<Entry>), JournalError>;

    /// The state of a run.
    async fn state(&self, run: RunId) -> Result<State, JournalError>;

    /// Lists runs, latest first, from before `cursor`; at most `limit`.
    async fn query(
        &self,
        filter: &Filter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<RunPage, JournalError>;

    /// Where a schedule is. Before its first fire that is the `now_ms` with which it was first asked for.
    async fn cursor(&self, schedule: &str, now_ms: u64) -> Result<Cursor, JournalError>;

    /// Moves a schedule's cursor on without a fire. Does nothing if it is beyond already.
    async fn pass_over(&self, schedule: &str, until_ms: u64) -> Result<(), JournalError>;

    /// Sets a switch of the operator's, or takes it away, such as that a workflow is paused.
    async fn set_switch(&self, name: &str, value: Option<String>) -> Result<(), JournalError>;

    /// All switches that are set.
    async fn switches(&self) -> Result<BTreeMap<String, String>, JournalError>;

    /// Has these versions deployed and no others, and keeps them with their components. A version that was deployed
    /// before is kept as long as there is a run of it, for ten minutes at least, and a component as long as a version
    /// that uses it.
    async fn deploy(&self, deployment: Deployment) -> Result<(), JournalError>;

    /// A version that is kept.
    async fn version(&self, id: &str) -> Result<Option<Version>, JournalError>;

    /// All versions that are kept, in the order of their workflows' names.
    async fn versions(&self) -> Result<Vec<KeptVersion>, JournalError>;

    /// A component that is kept.
    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError>;

    /// Removes at most `limit` runs that have succeeded or were cancelled and are to be kept no longer, of each
    /// workflow those that ended first, claims, events and values that have expired at `now_ms`, and versions and
    /// components that nothing needs any more. Answers how many things went. A claim on a run that is removed has
    /// ended.
    async fn prune(&self, now_ms: u64, retention: &Retention, limit: usize) -> Result<usize, JournalError>;

    /// Writes a backup: all that is in the journal as it is at one moment between the call and its end, while runs go
    /// on. Returns when all is written and flushed; making it durable is the caller's part. There is one at a time.
    async fn back_up(&self, to: Box<dyn Write + Send>) -> Result<(), BackupError>;

    /// How full the journal is. Cheap: counted, not scanned.
    fn backlog(&self) -> Backlog;

    /// How many of the dead letters are snoozed at this time. As many keys are looked at.
    async fn snoozed(&self, now_ms: u64) -> Result<u64, JournalError>;

    /// Why the journal refuses everything from now on, if it does: after a failed write nothing may be
    /// assumed of what is on disk, and only opening it again tells.
    fn failure(&self) -> Option<String>;
}
