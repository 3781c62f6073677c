//! What can go wrong beside the journal's verbs: opening it, and carrying it over.

use std::error::Error;
use std::path::PathBuf;

use stepmill_core::RunId;
use stepmill_core::journal::{BackupError, JournalError};

/// Why a journal could not be opened. Nothing was changed unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made, read or written.
    #[error(
        "cannot use the journal folder {}: make sure that it exists on a mounted disk and that this user may write it",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the journal open.
    #[error(
        "the journal folder {} is in use by another process: stop that process, or give this one a folder of its own",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The engine could not open what is in the folder.
    #[error(
        "cannot open the journal in {}: {problem}. {rescue}. To go on, restore a backup (`stepmill journal import`) \
         into a new folder{}",
        path.display(),
        rescue.advice()
    )]
    Unopenable {
        /// The folder.
        path: PathBuf,
        /// What the engine said.
        problem: String,
        /// What was tried on a copy.
        rescue: Rescue,
    },
    /// The file `db` is missing beside files that belong to it.
    #[error(
        "the journal folder {} has a log or large values but no file `db`: put it back, or restore a backup \
         (`stepmill journal import`) into a new folder",
        path.display()
    )]
    Incomplete {
        /// The folder.
        path: PathBuf,
    },
    /// It was written by another version of Stepmill.
    #[error("the journal in {} has the format {found}, this version reads {known}: use the version that wrote it to \
             export it (`stepmill journal export`), and import that", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// The format that it says it has.
        found: String,
        /// The format that this version reads.
        known: u8,
    },
    /// Its log cannot be read, so that what was answered may be missing from it.
    #[error(
        "cannot open the journal in {}: not all of what was answered can be read from its log. The folder is left \
         as it is. To go on, restore a backup (`stepmill journal import`) into a new folder",
        path.display()
    )]
    Log {
        /// The folder.
        path: PathBuf,
        /// Which part of the log, and what is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// An import into it was broken off.
    #[error("an import into the journal {} was not finished: delete the folder and import again", path.display())]
    UnfinishedImport {
        /// The folder.
        path: PathBuf,
    },
    /// It was opened but could not be read or written.
    #[error("failed to start the journal in {}", path.display())]
    Start {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: JournalError,
    },
}

/// What was tried on a copy of a journal that could not be opened. The original is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rescue {
    /// The copy opens once unfinished snapshot files are moved aside.
    Opens(PathBuf),
    /// The copy cannot be opened either.
    Fails(PathBuf),
    /// There was a copy from an earlier try; none was made again.
    Earlier(PathBuf),
    /// No copy could be made, for this reason.
    NotCopied(String),
}

impl Rescue {
    fn advice(&self) -> &'static str {
        match self {
            Self::Opens(_) => ", or export the copy (`stepmill journal export`) and import that",
            Self::Fails(_) | Self::Earlier(_) | Self::NotCopied(_) => "",
        }
    }
}

impl std::fmt::Display for Rescue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opens(path) => write!(
                f,
                "The folder is left as it is; its copy {} opens after unfinished snapshot files (snap.*.generating) \
                 were moved aside",
                path.display()
            ),
            Self::Fails(path) => write!(
                f,
                "The folder is left as it is; its copy {} does not open either, not even without unfinished snapshot \
                 files",
                path.display()
            ),
            Self::Earlier(path) => write!(
                f,
                "The folder is left as it is; {} is a copy from an earlier start (delete it to have it tried again)",
                path.display()
            ),
            Self::NotCopied(reason) => {
                write!(f, "The folder is left as it is and could not be copied ({reason})")
            }
        }
    }
}

/// Why a journal could not be exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The export could not be written.
    #[error("failed to write the export")]
    Write(#[source] std::io::Error),
    /// The export could not be read.
    #[error("failed to read line {line} of the export")]
    Read {
        /// Number of the line, from 1.
        line: u64,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A line is not what was exported.
    #[error("line {line} of the export is damaged: {problem}")]
    Damaged {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The end is missing.
    #[error("the export is cut off after line {line}: its last line must say how many values it has")]
    Truncated {
        /// Number of the last line there is.
        line: u64,
    },
    /// A run's entries are no legal history.
    #[error("line {line} of the export holds {run}, whose entries do not lead to its state: {reason}")]
    Illegal {
        /// Number of the line, from 1.
        line: u64,
        /// The run.
        run: RunId,
        /// Which rule they break.
        reason: String,
    },
    /// One backup is being written already.
    #[error("a backup of this journal is under way already: wait for its end")]
    UnderWay,
    /// The journal is written faster than its backup.
    #[error(
        "the journal changes faster than the backup is taken: write it to a faster place, or back up later"
    )]
    Overrun,
    /// There is something in the journal already.
    #[error("the journal is not empty: import into a new folder")]
    NotEmpty,
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<TransferError> for BackupError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::UnderWay => Self::UnderWay,
            other => Self::Failed(Box::new(other)),
        }
    }
}

/// Makes a [`JournalError::Io`] out of a cause.
pub(crate) fn io<E: Error + Send + Sync + 'static>(doing: &'static str) -> impl FnOnce(E) -> JournalError {
    move |error| JournalError::Io { doing: doing.to_owned(), source: Box::new(error) }
}

/// A [`JournalError::Io`] whose cause is known by its text only.
pub(crate) fn broken(doing: &'static str, cause: String) -> JournalError {
    JournalError::Io { doing: doing.to_owned(), source: cause.into() }
}

/// A [`JournalError::Damaged`] at a key.
pub(crate) fn damaged(key: &[u8], problem: impl Into<String>) -> JournalError {
    JournalError::Damaged { at: crate::keys::describe(key), problem: problem.into() }
}
