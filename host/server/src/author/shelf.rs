//! Plugin storage of a step that is tried out: in memory, of one namespace.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use stepmill_core::PluginStorage;
use stepmill_core::journal::JournalError;
use stepmill_core::storage::{StorageOp, StorageWrite, Stored, StoredValue};

/// What is there, by key.
pub(crate) type Content = BTreeMap<String, StoredValue>;

/// The storage.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<BTreeMap<String, Stored>>);

impl Shelf {
    /// A storage with this in it.
    pub(crate) fn holding(content: Content) -> Self {
        let stored = |value| Stored { value, version: 1, expires_ms: None };
        Self(Mutex::new(content.into_iter().map(|(key, value)| (key, stored(value))).collect()))
    }

    /// What is in it.
    pub(crate) fn content(&self) -> Content {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|(key, stored)| (key.clone(), stored.value.clone())).collect()
    }

    /// Makes the writes of an attempt. Their conditions held when the attempt made them, and nobody else writes.
    pub(crate) fn commit(&self, writes: &[StorageWrite]) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for StorageWrite { key, op, .. } in writes {
            let before = held.get(key);
            let version = before.map_or(0, |stored| stored.version).saturating_add(1);
            let value = match op {
                StorageOp::Delete => {
                    held.remove(key);
                    continue;
                }
                StorageOp::Put { value, .. } => StoredValue::Bytes(value.clone()),
                StorageOp::Add(delta) => {
                    let count = match before.map(|stored| &stored.value) {
                        Some(StoredValue::Counter(count)) => *count,
                        Some(StoredValue::Bytes(_)) | None => 0,
                    };
                    StoredValue::Counter(count.saturating_add(*delta))
                }
            };
            held.insert(key.clone(), Stored { value, version, expires_ms: None });
        }
    }
}

#[async_trait]
impl PluginStorage for Shelf {
    async fn get(&self, _: &str, key: &str) -> Result<Option<Stored>, JournalError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    async fn keys(
        &self,
        _: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = held.keys().filter(|key| key.starts_with(prefix));
        let rest = keys.filter(|key| after.is_none_or(|after| key.as_str() > after));
        Ok(rest.take(limit).cloned().collect())
    }
}
