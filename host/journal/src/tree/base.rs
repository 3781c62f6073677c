//! The tree on disk below the log: sled 0.34.7 with an fdatasync of our own, since its `flush` alone is not
//! durable on Linux (it ends in `sync_file_range`; sled #1351, #1452).
//!
//! It needs no atomic batches: what was not synced as a whole is replayed from the log.

use std::fs::File;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use stepmill_core::journal::JournalError;

use super::blocks::{self, Scan};
use super::{Change, Changes, Order, Pair};
use crate::error::io;
use crate::keys::{self, Span};
use crate::options::Sync;

/// Bytes that are written between two syncs. sled may use a place again once it believes that what stood there
/// is written elsewhere, which is true on disk only after our own fdatasync: so it is never let far
/// ahead of one.
const CHUNK_BYTES: usize = 2 << 20;

/// Changes that are made together. As none is of a large value, they are no more than a chunk.
const PART: usize = 64;

/// One sled tree. Invariant: only the process that holds the folder's lock has one.
pub(crate) struct Base {
    db: ::sled::Db,
    /// Held while blocks are written, since a search may pass over what moves from one to another.
    blocks: RwLock<()>,
    /// The last key of runs, or one after it. Nearly all that are asked for and are not here are new, and lie
    /// beyond: the committer, which asks, then waits for no block.
    last_run: RwLock<Vec<u8>>,
    /// Our own handle of `<path>/db`, opened before the first write, so that a write error of the
    /// kernel is reported to it.
    data: File,
    sync: Sync,
    /// The folder's lock: dropped last.
    _lock: File,
}

impl Base {
    /// A tree over a database opened in `path`, whose lock is `lock`.
    pub(crate) fn new(db: ::sled::Db, lock: File, path: &Path, sync: Sync) -> std::io::Result<Self> {
        let data = File::open(path.join("db"))?;
        let base =
            Self { db, blocks: RwLock::default(), last_run: RwLock::default(), data, sync, _lock: lock };
        let last =
            base.pairs(&keys::states(), Order::Descending).and_then(|mut pairs| pairs.next().transpose());
        if let Some((key, _)) = last.map_err(std::io::Error::other)? {
            base.raise_last_run(&key);
        }
        Ok(base)
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        if keys::parse_state(key).is_some() && self.is_beyond_last_run(key) {
            return Ok(None);
        }
        if keys::is_blocked(key) {
            let _blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
            return blocks::get(&self.db, key);
        }
        let value = self.db.get(key).map_err(io("failed to read from the journal's tree"))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// The pairs of a span.
    pub(crate) fn pairs(
        &self,
        span: &Span,
        order: Order,
    ) -> Result<impl Iterator<Item = Result<Pair, JournalError>> + use<'_>, JournalError> {
        let blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        Scan::new(&self.db, blocks, span, order)
    }

    /// Makes changes. They are durable when this returns, but not all or none: what a crash cuts off is to
    /// be done again.
    pub(crate) fn write(&self, changes: &Changes) -> Result<(), JournalError> {
        let all: Vec<_> = changes.iter().collect();
        let mut bytes = 0_usize;
        for part in all.chunk_by(|(one, _), (next, _)| one.get(..2) == next.get(..2)) {
            for part in part.chunks(PART) {
                bytes = bytes.saturating_add(self.write_part(part)?);
                if bytes >= CHUNK_BYTES {
                    self.sync()?;
                    bytes = 0;
                }
            }
        }
        self.sync()
    }

    /// Makes changes of keys about one thing. Answers how many bytes were written.
    fn write_part(&self, part: &[(&Vec<u8>, &Change)]) -> Result<usize, JournalError> {
        if part.first().is_some_and(|(key, _)| keys::is_blocked(key)) {
            if let Some((last, _)) = part.last().filter(|(key, _)| keys::parse_state(key).is_some()) {
                self.raise_last_run(last);
            }
            let _blocks = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
            return blocks::write(&self.db, part.iter().copied());
        }
        let mut bytes = 0_usize;
        for (key, change) in part {
            let value = change.value();
            let written = match value {
                Some(value) => self.db.insert(key, value),
                None => self.db.remove(key),
            };
            written.map_err(io("failed to write to the journal's tree"))?;
            bytes = bytes.saturating_add(key.len()).saturating_add(value.map_or(0, <[u8]>::len));
        }
        Ok(bytes)
    }

    fn is_beyond_last_run(&self, key: &[u8]) -> bool {
        key > self.last_run.read().unwrap_or_else(PoisonError::into_inner).as_slice()
    }

    fn raise_last_run(&self, key: &[u8]) {
        if self.is_beyond_last_run(key) {
            *self.last_run.write().unwrap_or_else(PoisonError::into_inner) = key.to_vec();
        }
    }

    /// Returns when everything written before is durable.
    fn sync(&self) -> Result<(), JournalError> {
        self.db.flush().map_err(io("failed to flush the journal's tree"))?;
        match self.sync {
            Sync::Durable => self.data.sync_data().map_err(io("failed to fdatasync the journal's tree")),
            Sync::Unsynced => Ok(()),
        }
    }

    /// Bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or_default()
    }
}
