//! The seam to the engine below: ordered keys, atomic changes, and a call that makes them durable.

mod memory;
mod sled;

use std::collections::BTreeMap;

use stepmill_core::journal::JournalError;

use crate::keys::Span;

pub(crate) use memory::MemoryTree;
pub(crate) use sled::SledTree;

/// What a batch changes: a value to put, or none to remove the key.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

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

/// Ordered keys and values. Only the committer calls `apply` and `sync`.
pub(crate) trait Tree: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError>;

    /// At most `limit` pairs of a span.
    fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError>;

    /// Makes changes visible, all or none, also after a crash. They are not durable yet.
    fn apply(&self, changes: Changes) -> Result<(), JournalError>;

    /// Returns when everything applied before is durable.
    fn sync(&self) -> Result<(), JournalError>;

    /// Bytes that it takes up.
    fn bytes(&self) -> u64;
}
