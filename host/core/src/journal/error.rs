//! What a journal fails with.

use crate::id::RunId;

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
    /// The run has ended, by somebody else's doing: nothing was written. A claim on it is over.
    #[error("{run} has ended")]
    Ended {
        /// The run.
        run: RunId,
    },
    /// Others have written to the run what the entries cannot follow: nothing was written. Whoever made them looks
    /// at the run again.
    #[error("{run} has heard something else meanwhile")]
    Overtaken {
        /// The run.
        run: RunId,
    },
    /// The entries may not follow what the run is: nothing was written.
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
