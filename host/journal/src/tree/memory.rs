//! A tree that is gone with the process: for tests and for trying things out.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use stepmill_core::journal::JournalError;

use super::{Changes, Order, Pair, Tree};
use crate::keys::Span;

/// A map behind a lock.
#[derive(Debug, Default)]
pub(crate) struct MemoryTree {
    map: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryTree {
    /// A tree of its own with the same content.
    pub(crate) fn copy(&self) -> Self {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self { map: RwLock::new(map) }
    }
}

impl Tree for MemoryTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.map.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn first_byte(&self, key: &[u8]) -> Result<Option<u8>, JournalError> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        Ok(map.get(key).map(|value| value.first().copied().unwrap_or_default()))
    }

    fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError> {
        if span.is_empty() {
            return Ok(Vec::new());
        }
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let start = Bound::Included(span.start.clone());
        let end = span.end.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let pairs = map.range((start, end)).map(|(key, value)| (key.clone(), value.clone()));
        Ok(match order {
            Order::Ascending => pairs.take(limit).collect(),
            Order::Descending => pairs.rev().take(limit).collect(),
        })
    }

    fn commit(&self, changes: Changes) -> Result<(), JournalError> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        for (key, change) in changes {
            match change.into_value() {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        map.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}
