//! The tree on disk below the log: sled 0.34.7 with an fdatasync of our own, since its `flush` alone is not
//! durable on Linux (it ends in `sync_file_range`; sled #1351, #1452).
//!
//! It needs no atomic batches: what was not synced as a whole is replayed from the log.

use std::fs::File;
use std::path::Path;

use stepmill_core::journal::JournalError;

use super::{Order, Pair};
use crate::error::io;
use crate::keys::Span;
use crate::options::Sync;

/// One sled tree. Invariant: only the process that holds the folder's lock has one.
pub(crate) struct Base {
    db: ::sled::Db,
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
        Ok(Self { db, data, sync, _lock: lock })
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let value = self.db.get(key).map_err(io("failed to read from the journal"))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// The first byte of a value; 0 for an empty one.
    pub(crate) fn first_byte(&self, key: &[u8]) -> Result<Option<u8>, JournalError> {
        let value = self.db.get(key).map_err(io("failed to read from the journal"))?;
        Ok(value.map(|value| value.first().copied().unwrap_or_default()))
    }

    /// The pairs of a span.
    pub(crate) fn pairs(
        &self,
        span: &Span,
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Pair, JournalError>>> {
        if span.is_empty() {
            return Box::new(std::iter::empty());
        }
        let range = match &span.end {
            Some(end) => self.db.range(span.start.as_slice()..end.as_slice()),
            None => self.db.range(span.start.as_slice()..),
        };
        let pair = |pair: ::sled::Result<(::sled::IVec, ::sled::IVec)>| {
            let (key, value) = pair.map_err(io("failed to scan the journal"))?;
            Ok((key.to_vec(), value.to_vec()))
        };
        match order {
            Order::Ascending => Box::new(range.map(pair)),
            Order::Descending => Box::new(range.rev().map(pair)),
        }
    }

    /// Puts a value or removes a key. It is not durable yet.
    pub(crate) fn write(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), JournalError> {
        let written = match value {
            Some(value) => self.db.insert(key, value),
            None => self.db.remove(key),
        };
        written.map(drop).map_err(io("failed to write to the journal's tree"))
    }

    /// Returns when everything written before is durable.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
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
