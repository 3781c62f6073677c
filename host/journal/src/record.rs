//! How a run is kept: its state and its small entries as one value, so that a run that comes and goes
//! is one key. Larger entries have keys of their own.
//!
//! A byte that says so; how many bytes its entries with keys of their own have; the length of the state and the state; the length of the key of the run's
//! deduplication claim and that key; then for each entry its length and the entry, or 0 and how many entries in a
//! row have keys of their own, so that a run that hears of many others does not grow with each. Lengths and counts
//! are 32 bits, the number of bytes 64, big-endian; state and entries are as `codec` writes them.

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, State};

use crate::codec;
use crate::error::damaged;
use crate::keys;

/// First byte of a run.
const RUN: u8 = 2;
/// Longest entry within the run's value, in bytes.
const ENTRY_BYTES: usize = 4 << 10;
/// Bytes of the run's value after which entries get keys of their own: every transition writes the
/// value anew.
const VALUE_BYTES: usize = 8 << 10;

/// A run as it is kept, still encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Bytes of the entries that have keys of their own.
    own_bytes: u64,
    state: Vec<u8>,
    /// Key of its deduplication claim; empty if it has none.
    claim: Vec<u8>,
    /// Its entries as they stand in the value.
    entries: Vec<u8>,
}

/// An entry of a [`Record`].
pub(crate) enum Place<'a> {
    /// In the value.
    Here(&'a [u8]),
    /// Under [`keys::entry`].
    OwnKey,
}

impl Record {
    /// A run without entries.
    pub(crate) fn new(state: Vec<u8>, claim: Option<&[u8]>) -> Self {
        Self { own_bytes: 0, state, claim: claim.unwrap_or_default().to_vec(), entries: Vec::new() }
    }

    /// Reads the value of a run.
    pub(crate) fn parse(run: RunId, value: &[u8]) -> Result<Self, JournalError> {
        let parts = || {
            let (own_bytes, mut rest) = value.strip_prefix(&[RUN])?.split_first_chunk::<8>()?;
            let own_bytes = u64::from_be_bytes(*own_bytes);
            let (state, claim) = (take(&mut rest)?.to_vec(), take(&mut rest)?.to_vec());
            Some(Self { own_bytes, state, claim, entries: rest.to_vec() })
        };
        parts().ok_or_else(|| damaged(&keys::state(run), "it is not a run"))
    }

    /// The state in the value of a run.
    pub(crate) fn state_in(key: &[u8], value: &[u8]) -> Result<State, JournalError> {
        let mut rest = value.strip_prefix(&[RUN]).and_then(|rest| rest.get(8..)).unwrap_or_default();
        match take(&mut rest) {
            Some(state) => codec::decode(key, state),
            None => Err(damaged(key, "it is not a run")),
        }
    }

    /// The value.
    pub(crate) fn to_value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.len());
        value.push(RUN);
        value.extend_from_slice(&self.own_bytes.to_be_bytes());
        for part in [&self.state, &self.claim] {
            value.extend_from_slice(&length(part));
            value.extend_from_slice(part);
        }
        value.extend_from_slice(&self.entries);
        value
    }

    fn len(&self) -> usize {
        17 + self.state.len() + self.claim.len() + self.entries.len()
    }

    /// The bytes of the state and of all entries.
    pub(crate) fn bytes(&self) -> u64 {
        self.own_bytes.saturating_add(self.len() as u64)
    }

    /// The state.
    pub(crate) fn state(&self, run: RunId) -> Result<State, JournalError> {
        codec::decode(&keys::state(run), &self.state)
    }

    /// The key of its deduplication claim.
    pub(crate) fn claim(&self) -> Option<&[u8]> {
        Some(self.claim.as_slice()).filter(|claim| !claim.is_empty())
    }

    /// Replaces the state.
    pub(crate) fn set_state(&mut self, state: Vec<u8>) {
        self.state = state;
    }

    /// Adds an entry; gives it back if it is to have a key of its own.
    pub(crate) fn push(&mut self, entry: Vec<u8>) -> Option<Vec<u8>> {
        let size = self.state.len() + self.entries.len() + entry.len();
        if entry.len() > ENTRY_BYTES || size > VALUE_BYTES {
            self.push_own();
            self.own_bytes = self.own_bytes.saturating_add(entry.len() as u64);
            return Some(entry);
        }
        self.entries.extend_from_slice(&length(&entry));
        self.entries.extend_from_slice(&entry);
        None
    }

    /// Notes that one more entry has a key of its own.
    fn push_own(&mut self) {
        let mut rest = self.entries.as_slice();
        let mut last = None;
        while let Some(group) = Group::take(&mut rest) {
            last = Some(group);
        }
        let before = match last {
            Some(Group::Own(count)) => count,
            Some(Group::Here(_)) | None => 0,
        };
        if before > 0 {
            self.entries.truncate(self.entries.len().saturating_sub(4));
        } else {
            self.entries.extend_from_slice(&length(&[]));
        }
        self.entries.extend_from_slice(&before.saturating_add(1).to_be_bytes());
    }

    /// The places of its entries, in order.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let mut rest = self.entries.as_slice();
        let groups = std::iter::from_fn(move || Group::take(&mut rest));
        groups.flat_map(|group| {
            let (here, own) = match group {
                Group::Here(entry) => (Some(Place::Here(entry)), 0),
                Group::Own(count) => (None, count),
            };
            here.into_iter().chain((0..own).map(|_| Place::OwnKey))
        })
    }

    /// Its entries; those with keys of their own are read by `read`, which answers none if one is missing.
    pub(crate) fn entries(
        &self,
        run: RunId,
        read: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, JournalError>,
    ) -> Result<Option<Vec<Entry>>, JournalError> {
        let mut entries = Vec::new();
        for (seq, place) in (0..).zip(self.places()) {
            let key = keys::entry(run, seq);
            entries.push(match place {
                Place::Here(entry) => codec::decode(&key, entry)?,
                Place::OwnKey => match read(&key)? {
                    Some(entry) => codec::decode(&key, &entry)?,
                    None => return Ok(None),
                },
            });
        }
        Ok(Some(entries))
    }
}

/// Entries that are written together.
enum Group<'a> {
    /// One, here.
    Here(&'a [u8]),
    /// So many that have keys of their own.
    Own(u32),
}

impl<'a> Group<'a> {
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let entry = take(rest)?;
        if !entry.is_empty() {
            return Some(Self::Here(entry));
        }
        let (count, after) = rest.split_first_chunk::<4>()?;
        *rest = after;
        Some(Self::Own(u32::from_be_bytes(*count)))
    }
}

fn length(part: &[u8]) -> [u8; 4] {
    // Values are far shorter: a batch is.
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_grows_no_further_than_its_limit() {
        let run = RunId::new(1, [1; 10]);
        let mut record = Record::new(vec![1; 100], Some(b"d/claim"));
        let mut own = 0;
        for length in [10, ENTRY_BYTES + 1, 1_000, 4_000, 4_000, 4_000, 20] {
            own += usize::from(record.push(vec![7; length]).is_some());
        }
        assert_eq!(own, 3);
        assert_eq!(record.bytes(), record.to_value().len() as u64 + ENTRY_BYTES as u64 + 1 + 2 * 4_000);
        let value = record.to_value();
        assert!(value.len() < VALUE_BYTES + 200);
        let read = Record::parse(run, &value).unwrap();
        assert_eq!(read, record);
        assert_eq!(read.claim(), Some(b"d/claim".as_slice()));
        let lengths: Vec<usize> = read
            .places()
            .map(|place| match place {
                Place::Here(entry) => entry.len(),
                Place::OwnKey => 0,
            })
            .collect();
        assert_eq!(lengths, [10, 0, 1_000, 4_000, 0, 0, 20]);
        for cut in 0..10 {
            assert!(Record::parse(run, &value[..cut]).is_err());
        }
    }
}
