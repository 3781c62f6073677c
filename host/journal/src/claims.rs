//! Who works on which run, in memory: one process has the journal, and a claim dies with it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;

use crate::error::damaged;
use crate::keys;
use crate::tree::Order;
use crate::values::Values;

/// A place in the queue.
pub(crate) type Place = (u64, RunId);

/// Places that are looked at in one scan beyond those that are asked for.
const SCAN: usize = 64;

/// The claims of this process.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    table: Mutex<Table>,
}

/// Invariant: a run in `held` or in `settling` is never claimed. A run is settling from when the
/// committer takes up a change of it until that change is durable, so nobody acts on what a power cut
/// could take back.
#[derive(Debug, Default)]
struct Table {
    held: HashMap<RunId, Held>,
    settling: HashSet<RunId>,
    last_epoch: u64,
    /// Invariant: every place before it is that of a held run, so scans begin here.
    front: Option<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    epoch: u64,
    /// Where the run is in the queue.
    place: Place,
}

/// What [`Claims::take`] took.
pub(crate) struct Taken {
    /// Runs with their epochs, those due longest first.
    pub(crate) runs: Vec<(RunId, u64)>,
    /// When the next one is due.
    pub(crate) next_due_ms: Option<u64>,
}

impl Claims {
    /// Claims at most `limit` runs that are due.
    pub(crate) fn take(&self, values: &Values, now_ms: u64, limit: usize) -> Result<Taken, JournalError> {
        let mut table = self.table();
        let mut taken = Taken { runs: Vec::new(), next_due_ms: None };
        match table.take(&mut taken, values, now_ms, limit) {
            Ok(()) => Ok(taken),
            Err(error) => {
                for (run, epoch) in taken.runs {
                    table.release(run, epoch);
                }
                Err(error)
            }
        }
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

    /// Ends a batch: nothing is settling any more, the claims on `ended` are over, and `placed` are the
    /// new places in the queue.
    pub(crate) fn settle(&self, ended: &[RunId], placed: &[Place]) {
        let mut table = self.table();
        table.settling.clear();
        for run in ended {
            table.held.remove(run);
        }
        for place in placed {
            table.look_from(*place);
            if let Some(held) = table.held.get_mut(&place.1) {
                held.place = *place;
            }
        }
    }

    /// Gives a claim back. Whether it was held under `epoch`.
    pub(crate) fn release(&self, run: RunId, epoch: u64) -> bool {
        self.table().release(run, epoch)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn due(&mut self, due_ms: u64) {
        self.next_due_ms = Some(self.next_due_ms.map_or(due_ms, |next| next.min(due_ms)));
    }
}

impl Table {
    fn take(
        &mut self,
        taken: &mut Taken,
        values: &Values,
        now_ms: u64,
        limit: usize,
    ) -> Result<(), JournalError> {
        let mut span = keys::queue();
        if let Some((due, run)) = self.front {
            span = span.from(keys::queued(due, run));
        }
        let page = limit.saturating_add(SCAN);
        // Whether every place so far is that of a held run.
        let mut is_front = true;
        loop {
            let keys = values.scan(&span, Order::Ascending, page)?;
            let is_last = keys.len() < page;
            for (key, _) in keys {
                let Some(place) = keys::parse_queued(&key) else {
                    return Err(damaged(&key, "no place in the queue"));
                };
                let (due, run) = place;
                if is_front {
                    self.front = Some(place);
                }
                if self.held.contains_key(&run) {
                } else if self.settling.contains(&run) {
                    // Where it will be is not known yet: look again soon, and from here.
                    is_front = false;
                    taken.due(due.max(now_ms.saturating_add(1)));
                } else if due > now_ms || taken.runs.len() >= limit {
                    taken.due(due);
                    return Ok(());
                } else {
                    let epoch = self.last_epoch.saturating_add(1);
                    self.last_epoch = epoch;
                    self.held.insert(run, Held { epoch, place });
                    taken.runs.push((run, epoch));
                }
                span = span.after(key);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn release(&mut self, run: RunId, epoch: u64) -> bool {
        match self.held.get(&run).copied().filter(|held| held.epoch == epoch) {
            Some(held) => {
                self.held.remove(&run);
                self.look_from(held.place);
                true
            }
            None => false,
        }
    }

    fn look_from(&mut self, place: Place) {
        self.front = self.front.map(|front| front.min(place));
    }
}
