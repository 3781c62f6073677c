//! The seam to durability. The verbs are the journal's, not a database's.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::RunId;
use crate::run::{Entry, Phase, State};
use crate::storage::StorageWrite;

/// A run that is asked for.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// Id of the new run; its time is the event's acceptance.
    pub run: RunId,
    /// Name of the workflow.
    pub workflow: String,
    /// Version of the workflow: hexadecimal hash of its definition and of its plugins.
    pub version: String,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The payload.
    pub event: Event,
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

/// A schedule's fire. The same fire is never accepted twice, nor one before the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fire {
    /// Name of the schedule: the workflow's.
    pub schedule: String,
    /// The instant, in milliseconds since the Unix epoch.
    pub fire_ms: u64,
}

/// What became of an [`Acceptance`]. Both are answers to give a sender 2xx for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A new run, on disk.
    New(RunId),
    /// Its dedupe key or fire was accepted before, as this run.
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

/// What [`Journal::claim`] found.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Claimed runs, those due longest first.
    pub runs: Vec<Claim>,
    /// When the next unclaimed run is due, in milliseconds since the Unix epoch; in the past if
    /// there is more to claim now.
    pub next_due_ms: Option<u64>,
}

/// A change of one run's state: what is committed, all or nothing.
#[derive(Clone, Debug)]
pub struct Transition {
    /// New entries, in order.
    pub entries: Vec<Entry>,
    /// The state after them. The journal derives the run's place in the queue from it.
    pub state: State,
    /// Plugin storage writes.
    pub writes: Vec<StorageWrite>,
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
    Ready,
    Retrying,
    Succeeded,
    Dead,
    Cancelled,
}

impl Phase {
    /// The phase's name.
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Ready { .. } => PhaseName::Ready,
            Self::Retrying { .. } => PhaseName::Retrying,
            Self::Succeeded { .. } => PhaseName::Succeeded,
            Self::Dead { .. } => PhaseName::Dead,
            Self::Cancelled { .. } => PhaseName::Cancelled,
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

/// How full the journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Runs that are neither finished nor dead.
    pub unfinished: u64,
    /// Dead letters.
    pub dead: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What a journal can fail with.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The claim was lost or the run has moved on: nothing was written.
    #[error("the claim on {run} was lost (epoch {epoch}): nothing was written")]
    Fenced {
        /// The run.
        run: RunId,
        /// The epoch of the lost claim.
        epoch: u64,
    },
    /// A storage condition no longer holds: nothing was written. The attempt is to be made again.
    #[error("storage key {key:?} of namespace {namespace:?} was changed by another run")]
    StorageConflict {
        /// The namespace.
        namespace: String,
        /// The key.
        key: String,
    },
    /// The entries may not follow what the run is, or do not lead to the state given with them:
    /// nothing was written. A fault of the caller.
    #[error("refused an illegal transition of {run}: {reason}")]
    Illegal {
        /// The run.
        run: RunId,
        /// Which rule it breaks.
        reason: String,
    },
    /// There is no such run.
    #[error("there is no run {0}")]
    NoSuchRun(RunId),
    /// The journal could not be read or written. After a failed write nothing may be assumed.
    #[error("{doing}")]
    Io {
        /// What was being done, and to what.
        doing: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was read is not what was written.
    #[error("the journal holds a damaged value at {at}: {problem}")]
    Damaged {
        /// Which value.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The journal has been closed.
    #[error("the journal is closed")]
    Closed,
}

/// The ordered, durable record of all runs.
///
/// Invariant: every method that writes returns only after what it wrote is durable.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Accepts events: run, first entry, queue entry, dedupe claim and schedule cursor of each
    /// together. The answers are in the order of `batch`.
    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Accepted>, JournalError>;

    /// Claims at most `limit` runs that are due at `now_ms` and unclaimed.
    async fn claim(&self, now_ms: u64, limit: usize) -> Result<Claims, JournalError>;

    /// Commits a transition of a claimed run. The claim ends if the new state is not
    /// [`Phase::Ready`].
    async fn commit(&self, run: RunId, epoch: u64, transition: Transition) -> Result<(), JournalError>;

    /// Gives a claim back without a change, as in a drain.
    async fn release(&self, run: RunId, epoch: u64) -> Result<(), JournalError>;

    /// Commits a transition of a run that nobody has claimed, made from the state with `seq` entries:
    /// a person's doing, such as a redrive. Refused as [`JournalError::Fenced`] if the run has moved
    /// on or is claimed.
    async fn amend(&self, run: RunId, seq: u32, transition: Transition) -> Result<(), JournalError>;

    /// The state and the whole journal of a run.
    async fn read(&self, run: RunId) -> Result<(State, Vec<Entry>), JournalError>;

    /// Lists runs, latest first, from before `cursor`; at most `limit`.
    async fn query(
        &self,
        filter: &Filter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<RunPage, JournalError>;

    /// After which instant a schedule is to fire: its last accepted fire, or before the first one the
    /// `now_ms` with which it was first asked for. In milliseconds since the Unix epoch.
    async fn cursor(&self, schedule: &str, now_ms: u64) -> Result<u64, JournalError>;

    /// Removes at most `limit` runs that succeeded or were cancelled before `before_ms`, and expired
    /// claims and values. Answers how many things went.
    async fn prune(&self, now_ms: u64, before_ms: u64, limit: usize) -> Result<usize, JournalError>;

    /// How full the journal is. Cheap: counted, not scanned.
    fn backlog(&self) -> Backlog;

    /// Why the journal refuses everything from now on, if it does: after a failed write nothing may be
    /// assumed of what is on disk, and only opening it again tells.
    fn failure(&self) -> Option<String>;
}
