//! The fronts of the queues in memory, so that a claim reads the journal only where a queue is long.

use std::collections::BTreeMap;
use std::collections::btree_map;

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, Place, Queue, State};

use crate::error::damaged;
use crate::keys;
use crate::tree::Order;
use crate::values::Values;

/// What a claim hands over.
pub(crate) type Run = (State, Vec<Entry>);
/// The same, with its size in bytes, as it is encoded.
pub(crate) type Content = (Box<Run>, usize);
/// A place in a given queue.
pub(super) type At = (u64, RunId);

/// Places that are kept, of all queues together. More are left to the disk.
const PLACES: usize = 16_384;
/// Places that are read at once.
const REFILL: usize = 1_024;
/// Bytes of runs that are kept at hand, of all queues together. Others are read when they are claimed.
const CONTENT_BYTES: usize = 16 << 20;

/// The known front of each queue.
///
/// Invariant: a queue without a window has no run that nobody holds.
#[derive(Debug, Default)]
pub(super) struct Windows {
    of: BTreeMap<Queue, Window>,
    /// Places in all of them.
    places: usize,
    /// Bytes of what is at hand in all of them.
    bytes: usize,
}

/// Invariant: every place of a run that nobody holds and that sorts before `edge` is in `places`.
#[derive(Debug, Default)]
struct Window {
    /// With what is at hand of their runs; of a run that has other places too nothing is.
    places: BTreeMap<At, Option<Content>>,
    bytes: usize,
    /// The first place that is not known; none if all are known.
    edge: Option<At>,
}

impl Windows {
    /// The queues of a journal, with their heads.
    pub(super) fn open(values: &Values) -> Result<Self, JournalError> {
        let mut windows = Self::default();
        let mut span = keys::queues();
        while let Some((key, _)) = values.scan(&span, Order::Ascending, 1)?.into_iter().next() {
            let (Place { queue, due_ms }, run) = parse(&key)?;
            span = span.beyond(&keys::queue(&queue).start);
            windows.of.insert(queue, Window { edge: Some((due_ms, run)), ..Window::default() });
        }
        Ok(windows)
    }

    /// The queues in their order.
    pub(super) fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.of.keys()
    }

    /// All places of a queue that are before its edge, in order.
    pub(super) fn places(&self, queue: &Queue) -> impl Iterator<Item = At> + '_ {
        self.of.get(queue).into_iter().flat_map(|window| window.places.keys().copied())
    }

    /// Whether a place is known, or left to the disk.
    pub(super) fn has(&self, queue: &Queue, at: At) -> bool {
        let is_in =
            |window: &Window| window.places.contains_key(&at) || window.edge.is_some_and(|edge| at >= edge);
        self.of.get(queue).is_some_and(is_in)
    }

    /// From when on places of a queue are not known.
    pub(super) fn edge_ms(&self, queue: &Queue) -> Option<u64> {
        self.of.get(queue)?.edge.map(|(due_ms, _)| due_ms)
    }

    /// Adds the places of a run that are known, as far as they are before the edges.
    pub(super) fn insert(&mut self, run: RunId, places: Vec<Place>, content: Option<Content>) {
        // Who claims a run of several places reads it, and so knows them.
        let mut content = content.filter(|_| places.len() == 1);
        for Place { queue, due_ms } in places {
            let at = (due_ms, run);
            let window = self.of.entry(queue).or_default();
            if window.edge.is_some_and(|edge| at >= edge) {
                continue;
            }
            // A queue takes up at most half of what the others leave (Choudhury and Hahne, "Dynamic queue length
            // thresholds for shared-memory packet switches"): a long one does not keep the runs of short ones out.
            let free = CONTENT_BYTES.saturating_sub(self.bytes);
            let content = content.take().filter(|(_, bytes)| window.bytes.saturating_add(*bytes) <= free);
            let bytes = size(content.as_ref());
            window.bytes += bytes;
            self.bytes += bytes;
            self.places += 1;
            if let Some(before) = window.places.insert(at, content) {
                let bytes = size(before.as_ref());
                window.bytes -= bytes;
                self.bytes -= bytes;
                self.places -= 1;
            }
        }
        self.trim();
    }

    /// Removes a place. Gives what is at hand of its run.
    pub(super) fn remove(&mut self, queue: &Queue, at: At) -> Option<Box<Run>> {
        let window = self.of.get_mut(queue)?;
        let removed = window.places.remove(&at);
        if let Some(content) = &removed {
            let bytes = size(content.as_ref());
            window.bytes -= bytes;
            self.bytes -= bytes;
            self.places -= 1;
        }
        if window.places.is_empty() && window.edge.is_none() {
            self.of.remove(queue);
        }
        removed?.map(|(run, _)| run)
    }

    /// Reads on from the edge of a queue.
    pub(super) fn refill(
        &mut self,
        values: &Values,
        queue: &Queue,
        is_held: impl Fn(RunId) -> bool,
    ) -> Result<(), JournalError> {
        let Some(window) = self.of.get_mut(queue) else { return Ok(()) };
        let Some((due_ms, run)) = window.edge else { return Ok(()) };
        let span = keys::queue(queue).from(keys::queued(queue, due_ms, run));
        let pairs = values.scan(&span, Order::Ascending, REFILL)?;
        let is_all = pairs.len() < REFILL;
        let mut places = Vec::with_capacity(pairs.len());
        for (key, _) in &pairs {
            let (place, run) = parse(key)?;
            places.push((place.due_ms, run));
        }
        // The last one is the new edge: what comes after it is not known.
        window.edge = if is_all { None } else { places.pop() };
        for at in places {
            // Held runs come back when they are released.
            if !is_held(at.1)
                && let btree_map::Entry::Vacant(vacant) = window.places.entry(at)
            {
                vacant.insert(None);
                self.places += 1;
            }
        }
        if window.places.is_empty() && window.edge.is_none() {
            self.of.remove(queue);
        }
        self.trim();
        Ok(())
    }

    /// Leaves places to the disk while there are too many: an eighth of the longest queue at a time, so that it is
    /// not looked for each time.
    fn trim(&mut self) {
        while self.places > PLACES {
            let longest = self.of.values_mut().max_by_key(|window| window.places.len());
            let Some(window) = longest.filter(|window| window.places.len() > 1) else { return };
            for _ in 0..window.places.len().div_ceil(8) {
                let Some((at, content)) = window.places.pop_last() else { break };
                let bytes = size(content.as_ref());
                window.edge = Some(at);
                window.bytes -= bytes;
                self.bytes -= bytes;
                self.places -= 1;
            }
        }
    }
}

fn size(content: Option<&Content>) -> usize {
    content.map_or(0, |(_, bytes)| *bytes)
}

fn parse(key: &[u8]) -> Result<(Place, RunId), JournalError> {
    keys::parse_place(key).ok_or_else(|| damaged(key, "no place in a queue"))
}
