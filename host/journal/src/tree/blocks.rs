//! Several pairs as one value of sled. Keys of runs and of the queue grow with time, so that neighbours are
//! written together; and sled splits a leaf above 16 pairs, which for small ones is most of what they cost.
//!
//! A block has the key of its lower bound and holds the pairs from there up to the bound of the next one.
//! The first block of a prefix is bounded by the prefix itself.
//!
//! Invariant: a block is split from the right: what goes into a new block is written there before it leaves
//! the old one. A crash between the two leaves it in both; whoever reads a block passes over what belongs to
//! the next. Nobody reads while blocks are written.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::RwLockReadGuard;

use stepmill_core::journal::JournalError;

use super::{Change, Order, Pair};
use crate::error::{damaged, io};
use crate::keys::{self, Span};

/// Bytes of a block. A change of one run writes its block anew.
const BLOCK_BYTES: usize = 8 << 10;
/// Length of the prefix that says what a key is about.
const PREFIX: usize = 2;

type SledPair = sled::Result<(sled::IVec, sled::IVec)>;

/// The value of a key that is kept in blocks.
pub(super) fn get(db: &sled::Db, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
    let Some((bound, block)) = find(db, key)? else { return Ok(None) };
    let found = Pairs::of(&bound, &block).find(|pair| pair.as_ref().is_ok_and(|(at, _)| *at >= key));
    match found.transpose()? {
        Some((at, value)) if at == key => Ok(Some(value.to_vec())),
        Some(_) | None => {
            // A damaged block says so, where it would otherwise only lack the key.
            Pairs::of(&bound, &block).try_for_each(|pair| pair.map(drop))?;
            Ok(None)
        }
    }
}

/// The block that would have the key, with its bound.
fn find(db: &sled::Db, key: &[u8]) -> Result<Option<(sled::IVec, sled::IVec)>, JournalError> {
    let prefix = key.get(..PREFIX).unwrap_or(key);
    let found = db.range(prefix..=key).next_back();
    found.transpose().map_err(io("failed to read from the journal's tree"))
}

/// Makes changes of keys with one prefix, in order. Answers how many bytes were written.
pub(super) fn write<'c>(
    db: &sled::Db,
    changes: impl Iterator<Item = (&'c Vec<u8>, &'c Change)>,
) -> Result<usize, JournalError> {
    let failed = |error| io("failed to write to the journal's tree")(error);
    let mut changes = changes.peekable();
    let mut written = 0_usize;
    while let Some((first, _)) = changes.peek() {
        let prefix = first.get(..PREFIX).unwrap_or(first);
        let (bound, block) = find(db, first)?.unwrap_or_else(|| (prefix.into(), sled::IVec::default()));
        let after = [bound.as_ref(), &[0]].concat();
        let next = db.range(after..).keys().next().transpose().map_err(failed)?;
        let next = next.filter(|key| key.starts_with(prefix));
        let is_here = |key: &[u8]| next.as_ref().is_none_or(|next| key < next.as_ref());
        let mut pairs = BTreeMap::new();
        for pair in Pairs::of(&bound, &block) {
            let (key, value) = pair?;
            if is_here(key) {
                pairs.insert(key, value);
            }
        }
        while let Some((key, change)) = changes.next_if(|(key, _)| key.starts_with(prefix) && is_here(key)) {
            match change.value() {
                Some(value) => pairs.insert(key, value),
                None => pairs.remove(key.as_slice()),
            };
        }
        for (at, block) in split(&bound, pairs).into_iter().rev() {
            written = written.saturating_add(block.len());
            if block.is_empty() {
                trim_before(db, prefix, &at)?;
                db.remove(at).map_err(failed)?;
            } else {
                db.insert(at, block).map_err(failed)?;
            }
        }
    }
    Ok(written)
}

/// Takes out of the block before `bound` what a crash in a split left there: once the block at `bound` is gone,
/// nothing would hide it.
fn trim_before(db: &sled::Db, prefix: &[u8], bound: &[u8]) -> Result<(), JournalError> {
    let before = db.range(prefix..bound).next_back().transpose();
    let Some((at, block)) = before.map_err(io("failed to read from the journal's tree"))? else {
        return Ok(());
    };
    let all = Pairs::of(&at, &block).collect::<Result<Vec<_>, _>>()?;
    if all.last().is_some_and(|(key, _)| *key >= bound) {
        let kept = all.into_iter().filter(|(key, _)| *key < bound).collect();
        for (at, block) in split(&at, kept).into_iter().rev() {
            db.insert(at, block).map_err(io("failed to write to the journal's tree"))?;
        }
    }
    Ok(())
}

/// Pairs as blocks with their bounds, of which the first is `bound`.
fn split(bound: &[u8], pairs: BTreeMap<&[u8], &[u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut blocks = vec![(bound.to_vec(), Vec::new())];
    for (key, value) in pairs {
        let bytes = 8 + key.len() + value.len();
        if blocks.last().is_some_and(|(_, block)| !block.is_empty() && block.len() + bytes > BLOCK_BYTES) {
            blocks.push((key.to_vec(), Vec::with_capacity(BLOCK_BYTES)));
        }
        if let Some((_, block)) = blocks.last_mut() {
            block.extend_from_slice(&length(key));
            block.extend_from_slice(&length(value));
            block.extend_from_slice(key);
            block.extend_from_slice(value);
        }
    }
    blocks
}

fn length(part: &[u8]) -> [u8; 4] {
    // Larger values are in files.
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// The pairs of one block.
struct Pairs<'a> {
    bound: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Pairs<'a> {
    fn of(bound: &'a [u8], block: &'a [u8]) -> Self {
        Self { bound, rest: block }
    }

    fn take(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let (key_length, rest) = self.rest.split_first_chunk::<4>()?;
        let (value_length, rest) = rest.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*key_length)).ok()?)?;
        let (value, rest) =
            rest.split_at_checked(usize::try_from(u32::from_be_bytes(*value_length)).ok()?)?;
        self.rest = rest;
        Some((key, value))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let pair = self.take().ok_or_else(|| damaged(self.bound, "a block of the tree is cut off"));
        if pair.is_err() {
            self.rest = &[];
        }
        Some(pair)
    }
}

/// The pairs of a span, in blocks or not.
pub(super) struct Scan<'b> {
    /// No block is split meanwhile.
    _blocks: RwLockReadGuard<'b, ()>,
    range: Peekable<Box<dyn Iterator<Item = SledPair>>>,
    span: Span,
    order: Order,
    /// Pairs of the block that was read last.
    ready: VecDeque<Pair>,
    /// Scanning backwards: the bound of the block before, which comes after.
    above: Option<sled::IVec>,
}

impl<'b> Scan<'b> {
    pub(super) fn new(
        db: &sled::Db,
        blocks: RwLockReadGuard<'b, ()>,
        span: &Span,
        order: Order,
    ) -> Result<Self, JournalError> {
        let mut start = span.start.clone();
        if keys::is_blocked(&start)
            && let Some((bound, _)) = find(db, &start)?
        {
            start = bound.to_vec();
        }
        let range: Box<dyn Iterator<Item = SledPair>> = if span.is_empty() {
            Box::new(std::iter::empty())
        } else {
            let range = match &span.end {
                Some(end) => db.range(start.as_slice()..end.as_slice()),
                None => db.range(start.as_slice()..),
            };
            match order {
                Order::Ascending => Box::new(range),
                Order::Descending => Box::new(range.rev()),
            }
        };
        let (span, ready) = (span.clone(), VecDeque::new());
        Ok(Self { _blocks: blocks, range: range.peekable(), span, order, ready, above: None })
    }

    fn read(&mut self, bound: &sled::IVec, block: &[u8]) -> Result<(), JournalError> {
        let is_sibling = |other: &sled::IVec| other.get(..PREFIX) == bound.get(..PREFIX);
        let next = match self.order {
            Order::Ascending => match self.range.peek() {
                Some(Ok((next, _))) => Some(next.clone()),
                Some(Err(_)) | None => None,
            },
            Order::Descending => self.above.replace(bound.clone()),
        };
        let next = next.filter(is_sibling);
        for pair in Pairs::of(bound, block) {
            let (key, value) = pair?;
            let is_here = next.as_ref().is_none_or(|next| key < next.as_ref());
            let is_asked = key >= self.span.start.as_slice()
                && self.span.end.as_ref().is_none_or(|end| key < end.as_slice());
            if is_here && is_asked {
                let pair = (key.to_vec(), value.to_vec());
                match self.order {
                    Order::Ascending => self.ready.push_back(pair),
                    Order::Descending => self.ready.push_front(pair),
                }
            }
        }
        Ok(())
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Pair, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(pair) = self.ready.pop_front() {
                return Some(Ok(pair));
            }
            let (key, value) = match self.range.next()? {
                Ok(pair) => pair,
                Err(error) => return Some(Err(io("failed to scan the journal's tree")(error))),
            };
            if !keys::is_blocked(&key) {
                return Some(Ok((key.to_vec(), value.to_vec())));
            }
            if let Err(error) = self.read(&key, &value) {
                return Some(Err(error));
            }
        }
    }
}
