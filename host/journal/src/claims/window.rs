//! The front of the queue in memory, so that a claim reads the journal only where the queue is long.

use std::collections::BTreeMap;

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, State};

use crate::error::damaged;
use crate::keys;
use crate::tree::Order;
use crate::values::Values;

/// A place in the queue.
pub(crate) type Place = (u64, RunId);
/// What a claim hands over.
pub(crate) type Run = (State, Vec<Entry>);

/// A change of the queue.
#[derive(Debug)]
pub(crate) enum Placed {
    /// A run stands here now; with what a claim of it would read, where that is at hand, and its size.
    At(Place, Option<(Box<Run>, usize)>),
    /// A run stands here no longer.
    Gone(Place),
}

/// Places that are kept. More are left to the disk.
const PLACES: usize = 8_192;
/// Places that are read at once.
const REFILL: usize = 1_024;
/// Bytes of runs that are kept at hand, as they are encoded. Others are read when they are claimed.
const CONTENT_BYTES: usize = 16 << 20;

/// Invariant: every place of a run that nobody holds and that sorts before `edge` is in `places`.
#[derive(Debug)]
pub(super) struct Window {
    places: BTreeMap<Place, Option<(Box<Run>, usize)>>,
    bytes: usize,
    /// The first place that is not known; none if all are known.
    edge: Option<Place>,
}

impl Default for Window {
    fn default() -> Self {
        let edge = Some((0, RunId::from_bytes([0; 16])));
        Self { places: BTreeMap::new(), bytes: 0, edge }
    }
}

impl Window {
    /// All places before the edge.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.places.keys().copied()
    }

    /// From when on places are not known.
    pub(super) fn edge_ms(&self) -> Option<u64> {
        self.edge.map(|(due_ms, _)| due_ms)
    }

    /// Adds a place, if it is before the edge.
    pub(super) fn insert(&mut self, place: Place, content: Option<(Box<Run>, usize)>) {
        if self.edge.is_some_and(|edge| place >= edge) {
            return;
        }
        let content = content.filter(|(_, bytes)| self.bytes.saturating_add(*bytes) <= CONTENT_BYTES);
        self.remove(place);
        self.bytes += content.as_ref().map_or(0, |(_, bytes)| *bytes);
        self.places.insert(place, content);
        if self.places.len() > PLACES
            && let Some((last, content)) = self.places.pop_last()
        {
            self.bytes -= content.map_or(0, |(_, bytes)| bytes);
            self.edge = Some(last);
        }
    }

    /// Removes a place.
    pub(super) fn remove(&mut self, place: Place) -> Option<Box<Run>> {
        let (run, bytes) = self.places.remove(&place)??;
        self.bytes -= bytes;
        Some(run)
    }

    /// Reads on from the edge.
    pub(super) fn refill(
        &mut self,
        values: &Values,
        is_held: impl Fn(RunId) -> bool,
    ) -> Result<(), JournalError> {
        let Some((due_ms, run)) = self.edge else { return Ok(()) };
        let span = keys::queue().from(keys::queued(due_ms, run));
        let keys = values.scan(&span, Order::Ascending, REFILL)?;
        let is_all = keys.len() < REFILL;
        let parse = |key: &[u8]| keys::parse_queued(key).ok_or_else(|| damaged(key, "no place in the queue"));
        let mut places = keys.iter().map(|(key, _)| parse(key)).collect::<Result<Vec<_>, _>>()?;
        // The last one is the new edge: what comes after it is not known.
        self.edge = if is_all { None } else { places.pop() };
        for place in places {
            // Held runs come back when they are released.
            if !is_held(place.1) {
                self.places.entry(place).or_insert(None);
            }
        }
        Ok(())
    }
}
