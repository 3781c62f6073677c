//! What the tree on disk does not have yet, over what it has.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use stepmill_core::journal::JournalError;

use super::{Change, Changes, Order, Pair, absorb_all};
use crate::keys::Span;

/// Changes that are looked at in one step of a scan beyond those that are asked for.
const SCAN: usize = 64;

/// A key with its value, or none for a removed one.
pub(super) type Changed = (Vec<u8>, Option<Vec<u8>>);

/// The changes since the tree on disk was last brought up to date.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// Those in the segment that is being written.
    active: Changes,
    /// Those in the segment before, on their way to the tree on disk.
    draining: Option<Arc<Changes>>,
}

impl Overlay {
    /// Adds changes.
    pub(super) fn extend(&mut self, changes: Changes) {
        absorb_all(&mut self.active, changes);
    }

    /// Hands out all changes that are not on their way yet; they stay visible here.
    pub(super) fn drain(&mut self) -> Arc<Changes> {
        let changes = Arc::new(std::mem::take(&mut self.active));
        self.draining = Some(Arc::clone(&changes));
        changes
    }

    /// The tree on disk has what was on its way. Gives it back, so that it is freed without a lock held.
    pub(super) fn drained(&mut self) -> Option<Arc<Changes>> {
        self.draining.take()
    }

    /// The value of a key, or that it was removed; none if there is no change of it.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        self.find(key).map(|change| change.value().map(<[u8]>::to_vec))
    }

    /// The same, of the value only its first byte; 0 for an empty one.
    pub(super) fn first_byte(&self, key: &[u8]) -> Option<Option<u8>> {
        self.find(key).map(|change| change.value().map(|value| value.first().copied().unwrap_or_default()))
    }

    fn find(&self, key: &[u8]) -> Option<&Change> {
        let change = self.active.get(key);
        change.or_else(|| self.draining.as_ref()?.get(key))
    }

    /// The first changes of a span, at most `limit`, and whether these are all.
    pub(super) fn changes(&self, span: &Span, order: Order, limit: usize) -> (Vec<Changed>, bool) {
        changes_of(self.draining.as_deref(), &self.active, span, order, limit)
    }
}

/// The first changes of a span, at most `limit`, and whether these are all. What is in `upper` counts more.
fn changes_of(
    lower: Option<&Changes>,
    upper: &Changes,
    span: &Span,
    order: Order,
    limit: usize,
) -> (Vec<Changed>, bool) {
    if span.is_empty() {
        return (Vec::new(), true);
    }
    let upper = range(upper, span, order);
    let mut merged = match lower {
        None => take(upper, limit.saturating_add(1)),
        Some(lower) => take(Merge::new(range(lower, span, order), upper, order), limit.saturating_add(1)),
    };
    let is_all = merged.len() <= limit;
    merged.truncate(limit);
    (merged, is_all)
}

/// At most `limit` pairs of a span with two layers of changes over them; `read` gives those below.
pub(crate) fn scan_over(
    lower: &Changes,
    upper: &Changes,
    span: &Span,
    order: Order,
    limit: usize,
    read: impl Fn(&Span, usize) -> Result<Vec<Pair>, JournalError>,
) -> Result<Vec<Pair>, JournalError> {
    let changes = |span: &Span, limit| changes_of(Some(lower), upper, span, order, limit);
    scan_layers(span, order, limit, changes, |part, changes, found| {
        // Each change hides one pair at most.
        let wanted = (limit - found.len()).saturating_add(changes.len());
        combine(read(part, wanted)?.into_iter().map(Ok), changes, order, limit, found)
    })
}

/// At most `limit` pairs of a span. `changes` gives the first changes of a span, at most a number of them, and
/// whether these are all; `below` puts changes of a part and the pairs below it together.
pub(super) fn scan_layers(
    span: &Span,
    order: Order,
    limit: usize,
    changes: impl Fn(&Span, usize) -> (Vec<Changed>, bool),
    below: impl Fn(&Span, Vec<Changed>, &mut Vec<Pair>) -> Result<(), JournalError>,
) -> Result<Vec<Pair>, JournalError> {
    let mut found = Vec::new();
    let mut rest = span.clone();
    while found.len() < limit {
        let wanted = (limit - found.len()).saturating_add(SCAN);
        let (changes, is_all) = changes(&rest, wanted);
        let mut part = rest.clone();
        if let Some((last, _)) = changes.last().filter(|_| !is_all) {
            let last = last.clone();
            match order {
                Order::Ascending => {
                    part = part.before([last.as_slice(), &[0]].concat());
                    rest = rest.after(last);
                }
                Order::Descending => {
                    part = part.from(last.clone());
                    rest = rest.before(last);
                }
            }
        }
        below(&part, changes, &mut found)?;
        if is_all {
            break;
        }
    }
    Ok(found)
}

type Found<'a> = (&'a Vec<u8>, &'a Change);

fn range<'a>(changes: &'a Changes, span: &Span, order: Order) -> Box<dyn Iterator<Item = Found<'a>> + 'a> {
    let start = Bound::Included(span.start.as_slice());
    let end = span.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let range = BTreeMap::range::<[u8], _>(changes, (start, end));
    match order {
        Order::Ascending => Box::new(range),
        Order::Descending => Box::new(range.rev()),
    }
}

fn take<'a>(found: impl Iterator<Item = Found<'a>>, limit: usize) -> Vec<Changed> {
    found.take(limit).map(|(key, change)| (key.clone(), change.value().map(<[u8]>::to_vec))).collect()
}

/// Two sorted sequences of changes as one; where both have a key, the upper one's change counts.
struct Merge<'a, L: Iterator<Item = Found<'a>>, U: Iterator<Item = Found<'a>>> {
    lower: Peekable<L>,
    upper: Peekable<U>,
    order: Order,
}

impl<'a, L: Iterator<Item = Found<'a>>, U: Iterator<Item = Found<'a>>> Merge<'a, L, U> {
    fn new(lower: L, upper: U, order: Order) -> Self {
        Self { lower: lower.peekable(), upper: upper.peekable(), order }
    }
}

impl<'a, L: Iterator<Item = Found<'a>>, U: Iterator<Item = Found<'a>>> Iterator for Merge<'a, L, U> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let (Some((lower, _)), Some((upper, _))) = (self.lower.peek(), self.upper.peek()) else {
            return self.upper.next().or_else(|| self.lower.next());
        };
        match in_order(self.order, lower, upper) {
            std::cmp::Ordering::Less => self.lower.next(),
            std::cmp::Ordering::Equal => {
                self.lower.next();
                self.upper.next()
            }
            std::cmp::Ordering::Greater => self.upper.next(),
        }
    }
}

fn in_order(order: Order, one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    match order {
        Order::Ascending => one.cmp(other),
        Order::Descending => other.cmp(one),
    }
}

/// Puts pairs of the tree on disk and the changes over them together, until there are `limit` in `found`.
pub(super) fn combine(
    pairs: impl Iterator<Item = Result<Pair, JournalError>>,
    changes: Vec<Changed>,
    order: Order,
    limit: usize,
    found: &mut Vec<Pair>,
) -> Result<(), JournalError> {
    let mut changes = changes.into_iter().peekable();
    for pair in pairs {
        let (key, value) = pair?;
        let mut is_changed = false;
        while let Some((changed, change)) =
            changes.next_if(|(changed, _)| in_order(order, changed, &key).is_le())
        {
            is_changed |= changed == key;
            found.extend(change.map(|value| (changed, value)));
            if found.len() >= limit {
                return Ok(());
            }
        }
        if !is_changed {
            found.push((key, value));
            if found.len() >= limit {
                return Ok(());
            }
        }
    }
    let rest = changes.filter_map(|(key, change)| Some((key, change?)));
    found.extend(rest.take(limit.saturating_sub(found.len())));
    Ok(())
}
