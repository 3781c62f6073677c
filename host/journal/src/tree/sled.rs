//! The tree on disk: sled 0.34.7 with an fdatasync of our own, since its `flush` alone is not durable
//! on Linux (it ends in `sync_file_range`; sled #1351, #1452).

use std::fs::File;
use std::path::Path;

use stepmill_core::journal::JournalError;

use super::{Changes, Order, Pair, Tree};
use crate::error::io;
use crate::keys::Span;
use crate::options::Sync;

/// One sled tree. Invariant: only the process that holds the folder's lock has one.
pub(crate) struct SledTree {
    db: ::sled::Db,
    /// Our own handle of `<path>/db`, opened before the first write, so that a write error of the
    /// kernel is reported to it.
    data: File,
    sync: Sync,
    /// The folder's lock: dropped last.
    _lock: File,
}

impl SledTree {
    /// A tree over a database opened in `path`, whose lock is `lock`.
    pub(crate) fn new(db: ::sled::Db, lock: File, path: &Path, sync: Sync) -> std::io::Result<Self> {
        let data = File::open(path.join("db"))?;
        Ok(Self { db, data, sync, _lock: lock })
    }
}

impl Tree for SledTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let value = self.db.get(key).map_err(io("failed to read from the journal"))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError> {
        if span.is_empty() {
            return Ok(Vec::new());
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
            Order::Ascending => range.take(limit).map(pair).collect(),
            Order::Descending => range.rev().take(limit).map(pair).collect(),
        }
    }

    fn apply(&self, changes: Changes) -> Result<(), JournalError> {
        let mut batch = ::sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(io("failed to write a batch to the journal"))
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.db.flush().map_err(io("failed to flush the journal"))?;
        match self.sync {
            Sync::Durable => self.data.sync_data().map_err(io("failed to fdatasync the journal")),
            Sync::Unsynced => Ok(()),
        }
    }

    fn bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or_default()
    }
}
