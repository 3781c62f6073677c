//! The seam to what keeps keys and values: ordered, with atomic changes that are durable when they are
//! answered.

mod base;
mod drain;
mod logged;
mod memory;
mod overlay;

use std::collections::BTreeMap;

use stepmill_core::journal::JournalError;

use crate::keys::Span;

pub(crate) use base::Base;
pub(crate) use drain::drain;
pub(crate) use logged::LoggedTree;
pub(crate) use memory::MemoryTree;

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

/// Ordered keys and values.
pub(crate) trait Tree: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError>;

    /// At most `limit` pairs of a span.
    fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError>;

    /// Makes changes, all or none, also after a crash. They are durable before anyone sees them, and when
    /// this returns. Only the committer calls it.
    fn commit(&self, changes: Changes) -> Result<(), JournalError>;

    /// Bytes that it takes up.
    fn bytes(&self) -> u64;
}

#[cfg(test)]
mod tests;
