//! Who works on which run, in memory: one process has the journal, and a claim dies with it.

mod windows;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stepmill_core::RunId;
use stepmill_core::journal::{Front, JournalError};
use stepmill_core::run::{Place, Queue};

use crate::values::Values;

use windows::Windows;
pub(crate) use windows::{Content, Run};

/// The claims of this process.
#[derive(Debug)]
pub(crate) struct Claims {
    table: Mutex<Table>,
}

/// Invariant: a run in `held` or in `settling` is never claimed. A run is settling from when the
/// committer takes up a change of it until that change is durable; it may be held meanwhile.
#[derive(Debug, Default)]
struct Table {
    held: HashMap<RunId, Held>,
    settling: HashSet<RunId>,
    last_epoch: u64,
    windows: Windows,
}

#[derive(Clone, Debug)]
struct Held {
    epoch: u64,
    /// Where the run is in the queues.
    places: Vec<Place>,
    /// Whether these are all: if it was not at hand, that is known once it has been read.
    are_all: bool,
}

/// How a run has moved in the queues.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The run.
    pub(crate) run: RunId,
    /// All places that it had.
    pub(crate) gone: Vec<Place>,
    /// All places that it has.
    pub(crate) at: Vec<Place>,
    /// What a claim of it would read, where that is at hand.
    pub(crate) content: Option<Content>,
}

/// A claim, and the run if it is at hand.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) run: RunId,
    pub(crate) epoch: u64,
    pub(crate) content: Option<Box<Run>>,
}

impl Claims {
    /// Nobody's claims, over the queues of a journal.
    pub(crate) fn open(values: &Values) -> Result<Self, JournalError> {
        let table = Table { windows: Windows::open(values)?, ..Table::default() };
        Ok(Self { table: Mutex::new(table) })
    }

    /// Claims at most `most` runs of a queue that are due, of those that are known in memory, those due longest
    /// first. Answers too whether the queue on disk may have more that is due: [`Claims::refill`] and take again.
    pub(crate) fn take(&self, now_ms: u64, queue: &Queue, most: usize) -> (Vec<Taken>, bool) {
        let mut table = self.table();
        let Table { held, settling, last_epoch, windows } = &mut *table;
        let is_due = |(due_ms, _): &(u64, RunId)| *due_ms <= now_ms;
        // Where one that is settling will be is not known yet.
        let is_free = |(_, run): &(u64, RunId)| !settling.contains(run) && !held.contains_key(run);
        let places = windows.places(queue).take_while(is_due).filter(is_free).take(most);
        let places: Vec<_> = places.collect();
        let is_short = places.len() < most && windows.edge_ms(queue).is_some_and(|edge| edge <= now_ms);
        let mut taken = Vec::with_capacity(places.len());
        for (due_ms, run) in places {
            // One may have two places in this queue.
            if held.contains_key(&run) {
                continue;
            }
            let content = windows.remove(queue, (due_ms, run));
            *last_epoch = last_epoch.saturating_add(1);
            let epoch = *last_epoch;
            let places = vec![Place { queue: queue.clone(), due_ms }];
            held.insert(run, Held { epoch, places, are_all: content.is_some() });
            taken.push(Taken { run, epoch, content });
        }
        (taken, is_short)
    }

    /// Reads on in a queue on disk.
    pub(crate) fn refill(&self, values: &Values, queue: &Queue) -> Result<(), JournalError> {
        let mut table = self.table();
        let Table { held, windows, .. } = &mut *table;
        // One that is not read yet may come back without having been.
        windows.refill(values, queue, |run| held.get(&run).is_some_and(|held| held.are_all))
    }

    /// Takes a claimed run, which was read with these places, out of its other queues too.
    pub(crate) fn know(&self, run: RunId, epoch: u64, places: Vec<Place>) {
        let mut table = self.table();
        let Table { held, windows, .. } = &mut *table;
        // What has become of it since it was claimed is known better than what was read.
        let held = held.get_mut(&run).filter(|held| held.epoch == epoch && !held.are_all);
        if let Some(held) = held {
            for place in &places {
                windows.remove(&place.queue, (place.due_ms, run));
            }
            (held.places, held.are_all) = (places, true);
        }
    }

    /// Takes up a change of a run by somebody who has not claimed it: until [`Claims::settle`] nobody can claim
    /// it. Whether somebody holds it.
    pub(crate) fn begin(&self, run: RunId) -> bool {
        let mut table = self.table();
        table.settling.insert(run);
        table.held.contains_key(&run)
    }

    /// Takes up a change of a run by whoever holds it under `epoch`. Whether somebody does.
    pub(crate) fn begin_claimed(&self, run: RunId, epoch: u64) -> bool {
        let mut table = self.table();
        let may = table.held.get(&run).is_some_and(|held| held.epoch == epoch);
        if may {
            table.settling.insert(run);
        }
        may
    }

    /// Ends a batch: nothing is settling any more, the claims on `ended` are over, and `placed` is how the
    /// queues have changed.
    pub(crate) fn settle(&self, ended: &[RunId], placed: Vec<Placed>) {
        let mut table = self.table();
        table.settling.clear();
        for run in ended {
            table.held.remove(run);
        }
        let Table { held, windows, .. } = &mut *table;
        for Placed { run, gone, at, content } in placed {
            for place in gone {
                windows.remove(&place.queue, (place.due_ms, run));
            }
            match held.get_mut(&run) {
                Some(held) => (held.places, held.are_all) = (at, true),
                None => windows.insert(run, at, content),
            }
        }
    }

    /// Gives a claim back. Whether it was held under `epoch`.
    pub(crate) fn release(&self, run: RunId, epoch: u64) -> bool {
        let mut table = self.table();
        let Table { held, windows, .. } = &mut *table;
        if held.get(&run).is_none_or(|held| held.epoch != epoch) {
            return false;
        }
        if let Some(Held { places, .. }) = held.remove(&run) {
            // If these are not all, the others were not taken out.
            windows.insert(run, places, None);
        }
        true
    }

    /// The queues that have runs which nobody holds, with their heads. Of one that is settling it is not known
    /// yet when it is due: `now_ms` is over by then.
    pub(crate) fn fronts(&self, now_ms: u64) -> Vec<Front> {
        let table = self.table();
        let Table { held, settling, windows, .. } = &*table;
        let mut fronts = Vec::new();
        for queue in windows.queues() {
            let mut due_ms = None;
            let mut note = |at: u64| due_ms = Some(due_ms.map_or(at, |due: u64| due.min(at)));
            let mut is_known = false;
            for (at, run) in windows.places(queue).filter(|(_, run)| !held.contains_key(run)) {
                if settling.contains(&run) {
                    note(at.max(now_ms.saturating_add(1)));
                } else {
                    note(at);
                    is_known = true;
                    break;
                }
            }
            if let Some(edge_ms) = windows.edge_ms(queue).filter(|_| !is_known) {
                note(edge_ms);
            }
            fronts.extend(due_ms.map(|due_ms| Front { queue: queue.clone(), due_ms }));
        }
        fronts
    }

    /// What is wrong with what is known of the places that there are. To be asked between batches.
    pub(crate) fn check(&self, places: &BTreeSet<(Place, RunId)>, wrong: &mut Vec<String>) {
        let table = self.table();
        let Table { held, windows, .. } = &*table;
        for (place, run) in places {
            let is_known = match held.get(run) {
                Some(held) => !held.are_all || held.places.contains(place),
                None => windows.has(&place.queue, (place.due_ms, *run)),
            };
            if !is_known {
                wrong.push(format!("{run} is not known to be at {place:?}"));
            }
        }
        for queue in windows.queues() {
            for (due_ms, run) in windows.places(queue) {
                let place = Place { queue: queue.clone(), due_ms };
                let may_be_held = held.get(&run).is_none_or(|held| !held.are_all);
                if !places.contains(&(place.clone(), run)) || !may_be_held {
                    wrong.push(format!("{run} is taken to be at {place:?}"));
                }
            }
        }
        for (run, held) in held {
            let is_there = |place: &Place| places.contains(&(place.clone(), *run));
            if !held.places.iter().all(is_there) {
                wrong.push(format!("{run} is held at {:?}", held.places));
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
