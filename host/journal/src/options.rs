//! What a journal on disk is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use stepmill_core::Clock;
use stepmill_core::clock::SystemClock;

/// Bytes of pages that are kept in memory.
const CACHE_BYTES: u64 = 128 << 20;
/// Larger values go to files of their own. sled writes whole nodes, and keeps what is above a quarter of a
/// segment in files that it never syncs. A leaf splits above 16 items, so with this threshold none comes
/// near a quarter of [`SEGMENT_BYTES`].
const BLOB_THRESHOLD: usize = 32 << 10;
/// Bytes of sled's segments. Stored in the database: a folder opens only with the size it was made with.
pub(crate) const SEGMENT_BYTES: usize = 4 << 20;

/// Bytes of the log after which the tree is brought up to date. A crash leaves at most twice as much to be
/// replayed, which bounds the time of a start and the memory of what the tree does not have yet; and a run
/// that comes and goes within it reaches the tree once.
const LOG_BYTES: u64 = 16 << 20;

/// How a [`crate::LocalJournal`] on disk is opened.
#[derive(Clone)]
pub struct Options {
    /// The folder; made if it is not there.
    pub path: PathBuf,
    /// Bytes of pages that are kept in memory.
    pub cache_bytes: u64,
    /// Bytes of the log after which the tree is brought up to date. At least 64 KiB.
    pub log_bytes: u64,
    /// Whether a commit waits for the disk.
    pub sync: Sync,
    /// Values of more bytes are kept in files of their own. At most 32 KiB.
    pub blob_threshold: usize,
    /// Tells when claims and values expire.
    pub clock: Arc<dyn Clock>,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Every commit is on disk before it is answered.
    Durable,
    /// A power cut loses what was answered and may leave the journal unopenable. Only to measure what
    /// durability costs, and to see that the tests notice its absence.
    Unsynced,
}

impl Options {
    /// The folder `path`, durable, on the machine's clock.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            cache_bytes: CACHE_BYTES,
            log_bytes: LOG_BYTES,
            sync: Sync::Durable,
            blob_threshold: BLOB_THRESHOLD,
            clock: Arc::new(SystemClock),
        }
    }

    /// The size of a segment, clamped to what is worth a file.
    pub(crate) fn clamped_log_bytes(&self) -> u64 {
        self.log_bytes.max(64 << 10)
    }

    /// The threshold, clamped to what sled can be trusted with.
    pub(crate) fn clamped_threshold(&self) -> usize {
        self.blob_threshold.clamp(1 << 10, BLOB_THRESHOLD)
    }
}
