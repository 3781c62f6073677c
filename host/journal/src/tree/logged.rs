//! The tree of a journal on disk, in three layers: the log, which makes changes durable; what of it the
//! tree below does not have yet, in memory; and sled, which is brought up to date a segment at a time.
//!
//! A run that comes and goes within a segment so reaches sled once, in its last state. Reads look at the
//! newest layer first.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use stepmill_core::journal::JournalError;

use super::drain::{Drain, Load};
use super::overlay::{Overlay, combine, scan_layers};
use super::{Base, Changes, Order, Pair, Tree};
use crate::error::io;
use crate::keys::Span;
use crate::log::Log;

/// See the module's header.
pub(crate) struct LoggedTree {
    /// None once it is closed.
    log: Mutex<Option<Log>>,
    layers: Arc<Layers>,
    drain: Drain,
}

/// The layers that readers see.
pub(super) struct Layers {
    overlay: RwLock<Overlay>,
    pub(super) base: Base,
}

impl LoggedTree {
    /// A tree over `base`, which has everything that was committed before, and a new log.
    pub(crate) fn start(base: Base, log: Log) -> std::io::Result<Self> {
        let layers = Arc::new(Layers { overlay: RwLock::default(), base });
        let drain = Drain::start(Arc::clone(&layers))?;
        Ok(Self { log: Mutex::new(Some(log)), layers, drain })
    }

    /// Sends the segment on its way to the tree below, once the one before has arrived there: so the
    /// memory of the overlay is bounded.
    fn rotate(&self, log: &mut Log) -> Result<(), JournalError> {
        self.drain.wait()?;
        let segment = log.rotate().map_err(io("failed to begin a segment of the journal's log"))?;
        let changes = self.layers.overlay_mut().drain();
        self.drain.send(Load { changes, segment: Some(segment) });
        Ok(())
    }

    /// Begins a segment before the one is full, and waits until the tree below has it.
    #[cfg(test)]
    pub(super) fn rotate_now(&self, waits: bool) {
        let mut guard = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let log = guard.as_mut().expect("the tree is open");
        self.rotate(log).expect("the segment is begun");
        if waits {
            self.drain.wait().expect("the tree takes it");
        }
    }

    /// Brings the tree below up to date and ends the log, so that the next start has nothing to replay.
    fn close(&self, log: Log) -> Result<(), JournalError> {
        self.drain.wait()?;
        let changes = self.layers.overlay_mut().drain();
        self.drain.send(Load { changes, segment: None });
        self.drain.wait()?;
        log.close().map_err(io("failed to remove the journal's log"))
    }
}

impl Layers {
    fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tree for LoggedTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let change = self.layers.overlay().get(key);
        change.map_or_else(|| self.layers.base.get(key), Ok)
    }

    fn first_byte(&self, key: &[u8]) -> Result<Option<u8>, JournalError> {
        let change = self.layers.overlay().first_byte(key);
        match change {
            Some(byte) => Ok(byte),
            None => Ok(self.layers.base.get(key)?.map(|value| value.first().copied().unwrap_or_default())),
        }
    }

    fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError> {
        // What the overlay loses after it was looked at, the tree below has gained before.
        let changes = |span: &Span, limit| self.layers.overlay().changes(span, order, limit);
        scan_layers(span, order, limit, changes, |part, changes, found| {
            combine(self.layers.base.pairs(part, order)?, changes, order, limit, found)
        })
    }

    fn commit(&self, changes: Changes) -> Result<(), JournalError> {
        let mut guard = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(log) = guard.as_mut() else { return Err(JournalError::Closed) };
        self.drain.check()?;
        if log.is_full() {
            self.rotate(log)?;
        }
        log.append(&changes).map_err(io("failed to write to the journal's log"))?;
        self.layers.overlay_mut().extend(changes);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, Log::bytes);
        self.layers.base.bytes().saturating_add(log)
    }
}

impl Drop for LoggedTree {
    fn drop(&mut self) {
        let log = self.log.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(log) = log
            && let Err(error) = self.close(log)
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the journal's log is left to be replayed at the next start"
            );
        }
    }
}
