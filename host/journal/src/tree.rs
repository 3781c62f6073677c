//! The seam to what keeps keys and values: ordered, with atomic changes that are durable when they are
//! answered.

mod base;
mod blocks;
mod drain;
mod logged;
mod memory;
mod overlay;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use stepmill_core::journal::JournalError;

use crate::keys::Span;

pub(crate) use base::Base;
pub(crate) use logged::LoggedTree;
pub(crate) use memory::MemoryTree;
pub(crate) use overlay::scan_over;

/// What a batch changes.
pub(crate) type Changes = BTreeMap<Vec<u8>, Change>;

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A value where there was none. If it is removed before the tree on disk has it, that never hears of it.
    New(Vec<u8>),
    /// A value in place of what was there, if anything.
    Put(Vec<u8>),
    /// None any more.
    Remove,
}

impl Change {
    /// The value.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match self {
            Self::New(value) | Self::Put(value) => Some(value),
            Self::Remove => None,
        }
    }

    /// The value, to be changed.
    pub(crate) fn value_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::New(value) | Self::Put(value) => Some(value),
            Self::Remove => None,
        }
    }

    /// The value.
    pub(crate) fn into_value(self) -> Option<Vec<u8>> {
        match self {
            Self::New(value) | Self::Put(value) => Some(value),
            Self::Remove => None,
        }
    }
}

/// Adds changes to those before them.
pub(crate) fn absorb_all(changes: &mut Changes, later: Changes) {
    if changes.is_empty() {
        *changes = later;
        return;
    }
    for (key, change) in later {
        absorb(changes, key, change);
    }
}

/// Adds a change to those before it.
pub(crate) fn absorb(changes: &mut Changes, key: Vec<u8>, change: Change) {
    match changes.entry(key) {
        Entry::Vacant(vacant) => drop(vacant.insert(change)),
        Entry::Occupied(mut before) => match (before.get(), change) {
            (Change::New(_), Change::Remove) => drop(before.remove()),
            (Change::New(_), Change::Put(value)) => drop(before.insert(Change::New(value))),
            // What is below the removal is still there.
            (Change::Remove, Change::New(value)) => drop(before.insert(Change::Put(value))),
            (Change::New(_) | Change::Put(_) | Change::Remove, change) => drop(before.insert(change)),
        },
    }
}

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// In which direction a span is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// From the first key.
    Ascending,
    /// From the last key.
    Descending,
}

/// Ordered keys and values.
pub(crate) trait Tree: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError>;

    /// The first byte of a value, which costs less than the value; 0 for an empty one.
    fn first_byte(&self, key: &[u8]) -> Result<Option<u8>, JournalError>;

    /// At most `limit` pairs of a span.
    fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError>;

    /// Makes changes, all or none, also after a crash. They are durable before anyone sees them, and when
    /// this returns. Only the committer calls it.
    fn commit(&self, changes: Changes) -> Result<(), JournalError>;

    /// Bytes that it takes up.
    fn bytes(&self) -> u64;
}

impl<T: Tree + ?Sized> Tree for Arc<T> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        T::get(self, key)
    }

    fn first_byte(&self, key: &[u8]) -> Result<Option<u8>, JournalError> {
        T::first_byte(self, key)
    }

    fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError> {
        T::scan(self, span, order, limit)
    }

    fn commit(&self, changes: Changes) -> Result<(), JournalError> {
        T::commit(self, changes)
    }

    fn bytes(&self) -> u64 {
        T::bytes(self)
    }
}

#[cfg(test)]
mod tests;
