//! Why a backup of a journal was not taken.

use std::error::Error;

/// Why a backup was not taken. What of it was written is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One is being taken already.
    #[error("a backup of this journal is under way already: wait for its end")]
    UnderWay,
    /// The journal could not be read, or the backup not be written, or not fast enough.
    #[error("failed to back up the journal")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}
