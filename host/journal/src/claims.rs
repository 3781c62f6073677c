//! Who works on which run, in memory: one process has the journal, and a claim dies with it.

mod window;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;

use crate::values::Values;

use window::Window;
pub(crate) use window::{Place, Placed, Run};

/// The claims of this process.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    table: Mutex<Table>,
}

/// Invariant: a run in `held` or in `settling` is never claimed. A run is settling from when the
/// committer takes up a change of it until that change is durable.
#[derive(Debug, Default)]
struct Table {
    held: HashMap<RunId, Held>,
    settling: HashSet<RunId>,
    last_epoch: u64,
    window: Window,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    epoch: u64,
    /// Where the run is in the queue.
    place: Place,
}

/// A claim, and the run if it is at hand.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) run: RunId,
    pub(crate) epoch: u64,
    pub(crate) content: Option<Box<Run>>,
}

/// What [`Claims::take`] took.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Those due longest first.
    pub(crate) taken: Vec<Taken>,
    /// When the next one is due.
    pub(crate) next_due_ms: Option<u64>,
    /// Whether the queue on disk may have more that is due: [`Claims::refill`] and take again.
    pub(crate) is_short: bool,
}

impl Claims {
    /// Claims at most `limit` runs that are due, of those that are known in memory.
    pub(crate) fn take(&self, now_ms: u64, limit: usize) -> Found {
        let mut found = Found::default();
        let mut table = self.table();
        let Table { held, settling, last_epoch, window } = &mut *table;
        let mut due = |due_ms: u64| {
            found.next_due_ms = Some(found.next_due_ms.map_or(due_ms, |next| next.min(due_ms)));
        };
        let mut places = Vec::new();
        for place in window.places() {
            let (due_ms, run) = place;
            if due_ms > now_ms || places.len() >= limit {
                due(due_ms);
                break;
            }
            if settling.contains(&run) {
                // Where it will be is not known yet: look again soon.
                due(now_ms.saturating_add(1));
            } else {
                places.push(place);
            }
        }
        if let Some(edge_ms) = window.edge_ms() {
            due(edge_ms);
            found.is_short = edge_ms <= now_ms && places.len() < limit;
        }
        for place in places {
            let run = place.1;
            *last_epoch = last_epoch.saturating_add(1);
            held.insert(run, Held { epoch: *last_epoch, place });
            found.taken.push(Taken { run, epoch: *last_epoch, content: window.remove(place) });
        }
        found
    }

    /// Reads on in the queue on disk.
    pub(crate) fn refill(&self, values: &Values) -> Result<(), JournalError> {
        let mut table = self.table();
        let Table { held, window, .. } = &mut *table;
        window.refill(values, |run| held.contains_key(&run))
    }

    /// Takes up a change of a run, if it is held under `epoch` (for none: if it is not held). Until
    /// [`Claims::settle`] nobody can claim it.
    pub(crate) fn begin(&self, run: RunId, epoch: Option<u64>) -> bool {
        let mut table = self.table();
        let may = table.held.get(&run).map(|held| held.epoch) == epoch;
        if may {
            table.settling.insert(run);
        }
        may
    }

    /// Ends a batch: nothing is settling any more, the claims on `ended` are over, and `places` is how the
    /// queue has changed.
    pub(crate) fn settle(&self, ended: &[RunId], places: Vec<Placed>) {
        let mut table = self.table();
        table.settling.clear();
        for run in ended {
            table.held.remove(run);
        }
        for placed in places {
            match placed {
                Placed::Gone(place) => drop(table.window.remove(place)),
                Placed::At(place, content) => match table.held.get_mut(&place.1) {
                    Some(held) => held.place = place,
                    None => table.window.insert(place, content),
                },
            }
        }
    }

    /// Gives a claim back. Whether it was held under `epoch`.
    pub(crate) fn release(&self, run: RunId, epoch: u64) -> bool {
        let mut table = self.table();
        match table.held.get(&run).copied().filter(|held| held.epoch == epoch) {
            Some(held) => {
                table.held.remove(&run);
                table.window.insert(held.place, None);
                true
            }
            None => false,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
