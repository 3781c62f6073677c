//! `stepmill:plugin/storage`: reads what is committed and, over it, what the attempt has written.
//!
//! Invariant: nothing is written here. Writes are buffered and handed out with the attempt's success,
//! in order. The first write of a key carries its condition, to be checked again inside the commit; a
//! later write of the same key rests on the first one and carries none.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepmill_core::PluginStorage;
use stepmill_core::grant::Grant;
use stepmill_core::journal::JournalError;
use stepmill_core::limits::Limits;
use stepmill_core::storage::{Condition, StorageOp, StorageWrite, Stored, StoredValue};

use crate::bindings::storage::{self, StorageError};

mod list;
mod view;

pub(crate) use view::{HasStorage, view};

/// Bytes of a key.
const KEY: usize = 512;
/// Ten years in milliseconds: the longest time to live.
const TTL_MS: u64 = 10 * 366 * 24 * 60 * 60 * 1_000;
/// What a counter's addition costs beside its key.
const COUNTER_BYTES: u64 = 8;

/// An attempt's storage.
pub(crate) struct Storage {
    committed: Arc<dyn PluginStorage>,
    grant: Arc<Grant>,
    limits: Limits,
    calls: u32,
    written: u64,
    writes: Vec<StorageWrite>,
    own: BTreeMap<String, Own>,
}

/// What the attempt has made of a key.
#[derive(Clone, Copy)]
enum Own {
    /// The put at this place of the writes, over a committed value of this version (0: none).
    Put { write: usize, over: u64 },
    /// Removed.
    Deleted,
    /// Added to the committed counter.
    Added(i64),
    /// Added to a counter that began anew.
    Counted(i64),
}

/// What a key holds, as the guest sees it.
enum Seen {
    Nothing,
    Bytes { value: Vec<u8>, version: u64 },
    Counter(i64),
}

impl Storage {
    pub(crate) fn new(committed: Arc<dyn PluginStorage>, grant: Arc<Grant>, limits: Limits) -> Self {
        Self { committed, grant, limits, calls: 0, written: 0, writes: Vec::new(), own: BTreeMap::new() }
    }

    /// The writes, in order.
    pub(crate) fn into_writes(self) -> Vec<StorageWrite> {
        self.writes
    }

    fn call(&mut self) -> Result<(), StorageError> {
        if self.calls >= self.limits.storage_calls {
            return Err(StorageError::LimitReached(format!(
                "the attempt has used up the limit `storage_calls` of {}",
                self.limits.storage_calls
            )));
        }
        self.calls += 1;
        Ok(())
    }

    fn call_on(&mut self, key: &str) -> Result<(), StorageError> {
        self.call()?;
        check_key(key)
    }

    fn write(&mut self, key: String, own: Own, op: StorageOp, bytes: u64) -> Result<(), StorageError> {
        let written = self.written.saturating_add(key.len() as u64).saturating_add(bytes);
        if written > self.limits.storage_write_bytes {
            return Err(StorageError::LimitReached(format!(
                "the attempt may write {} bytes (the limit `storage_write_bytes`)",
                self.limits.storage_write_bytes
            )));
        }
        self.written = written;
        self.own.insert(key.clone(), own);
        self.writes.push(StorageWrite { namespace: self.grant.namespace.clone(), key, op });
        Ok(())
    }

    async fn committed(&self, key: &str) -> Result<Option<Stored>, StorageError> {
        self.committed.get(&self.grant.namespace, key).await.map_err(|error| unavailable(&error))
    }

    async fn seen(&self, key: &str) -> Result<Seen, StorageError> {
        let stored = match self.own.get(key) {
            Some(Own::Deleted) => return Ok(Seen::Nothing),
            Some(Own::Counted(value)) => return Ok(Seen::Counter(*value)),
            Some(Own::Put { write, over }) => {
                let value = match self.writes.get(*write).map(|write| &write.op) {
                    Some(StorageOp::Put { value, .. }) => value.clone(),
                    Some(StorageOp::Delete | StorageOp::Add(_)) | None => Vec::new(),
                };
                return Ok(Seen::Bytes { value, version: *over });
            }
            Some(Own::Added(_)) | None => self.committed(key).await?,
        };
        let added = match self.own.get(key) {
            Some(Own::Added(delta)) => Some(*delta),
            Some(Own::Put { .. } | Own::Deleted | Own::Counted(_)) | None => None,
        };
        Ok(match (stored, added) {
            (None, None) => Seen::Nothing,
            (Some(Stored { value: StoredValue::Bytes(value), version, .. }), None) => {
                Seen::Bytes { value, version }
            }
            (Some(Stored { value: StoredValue::Counter(value), .. }), delta) => {
                Seen::Counter(value.saturating_add(delta.unwrap_or(0)))
            }
            // The committed counter has gone or become bytes since the addition: the commit will tell.
            (Some(Stored { value: StoredValue::Bytes(_), .. }) | None, Some(delta)) => Seen::Counter(delta),
        })
    }

    async fn get(&mut self, key: String) -> Result<Option<storage::Entry>, StorageError> {
        self.call_on(&key)?;
        match self.seen(&key).await? {
            Seen::Nothing => Ok(None),
            Seen::Bytes { value, version } => Ok(Some(storage::Entry { value, version })),
            Seen::Counter(_) => Err(is_counter(&key)),
        }
    }

    async fn put(
        &mut self,
        key: String,
        value: Vec<u8>,
        options: storage::PutOptions,
    ) -> Result<storage::PutOutcome, StorageError> {
        self.call_on(&key)?;
        if value.len() as u64 > self.limits.storage_value_bytes {
            return Err(StorageError::TooLarge(self.limits.storage_value_bytes));
        }
        let there = match self.seen(&key).await? {
            Seen::Nothing => None,
            Seen::Bytes { version, .. } => Some(version),
            Seen::Counter(_) => return Err(is_counter(&key)),
        };
        let (holds, condition) = match options.condition {
            storage::Condition::Always => (true, Condition::Always),
            storage::Condition::IfAbsent => (there.is_none(), Condition::IfAbsent),
            storage::Condition::IfVersion(version) => (there == Some(version), Condition::IfVersion(version)),
        };
        if !holds {
            return Ok(storage::PutOutcome::Lost(there));
        }
        let (condition, over) = match self.own.get(&key) {
            None => (condition, there.unwrap_or(0)),
            Some(Own::Put { over, .. }) => (Condition::Always, *over),
            Some(Own::Deleted | Own::Added(_) | Own::Counted(_)) => (Condition::Always, 0),
        };
        let ttl_ms = options.ttl_ms.map(|ttl| ttl.clamp(1, TTL_MS));
        let bytes = value.len() as u64;
        let own = Own::Put { write: self.writes.len(), over };
        self.write(key, own, StorageOp::Put { value, condition, ttl_ms }, bytes)?;
        Ok(storage::PutOutcome::Written)
    }

    async fn delete(&mut self, key: String) -> Result<bool, StorageError> {
        self.call_on(&key)?;
        match self.seen(&key).await? {
            Seen::Nothing => Ok(false),
            Seen::Bytes { .. } | Seen::Counter(_) => {
                self.write(key, Own::Deleted, StorageOp::Delete, 0)?;
                Ok(true)
            }
        }
    }

    async fn add(&mut self, key: String, delta: i64) -> Result<i64, StorageError> {
        self.call_on(&key)?;
        let before = match self.seen(&key).await? {
            Seen::Nothing => 0,
            Seen::Counter(value) => value,
            Seen::Bytes { .. } => return Err(is_bytes(&key)),
        };
        let own = match self.own.get(&key) {
            Some(Own::Added(own)) => Own::Added(own.saturating_add(delta)),
            Some(Own::Counted(own)) => Own::Counted(own.saturating_add(delta)),
            Some(Own::Deleted | Own::Put { .. }) => Own::Counted(delta),
            None => Own::Added(delta),
        };
        self.write(key, own, StorageOp::Add(delta), COUNTER_BYTES)?;
        Ok(before.saturating_add(delta))
    }

    async fn counter(&mut self, key: String) -> Result<i64, StorageError> {
        self.call_on(&key)?;
        match self.seen(&key).await? {
            Seen::Nothing => Ok(0),
            Seen::Counter(value) => Ok(value),
            Seen::Bytes { .. } => Err(is_bytes(&key)),
        }
    }
}

fn check_key(key: &str) -> Result<(), StorageError> {
    if key.is_empty() {
        return Err(StorageError::InvalidKey("a key must not be empty".into()));
    }
    if key.len() > KEY {
        return Err(StorageError::InvalidKey(format!(
            "a key has at most {KEY} bytes; this one has {}",
            key.len()
        )));
    }
    Ok(())
}

fn is_counter(key: &str) -> StorageError {
    StorageError::WrongKind(format!("{key:?} holds a counter: read it with `counter`"))
}

fn is_bytes(key: &str) -> StorageError {
    StorageError::WrongKind(format!("{key:?} holds bytes: read it with `get`"))
}

fn unavailable(error: &JournalError) -> StorageError {
    tracing::warn!(%error, "plugin storage could not be read");
    StorageError::Unavailable("the journal could not be read".into())
}

#[cfg(test)]
mod tests;
