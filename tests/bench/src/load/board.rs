//! Where the stub says which orders have come, and the senders look.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::Notify;

use super::pool::ORDERS;

/// Most connections.
const CONNECTIONS: usize = 1_024;

/// One order on its way.
#[derive(Default)]
struct Slot {
    /// The connection that waits for it.
    connection: AtomicUsize,
    /// When it arrived, in nanoseconds from the board's epoch; 0 if it did not.
    arrived: AtomicU64,
}

/// All orders on their way.
pub(crate) struct Board {
    epoch: Instant,
    slots: Vec<Slot>,
    waiting: Vec<Notify>,
    next: AtomicU64,
    /// Orders that have come.
    pub(crate) arrivals: AtomicU64,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            slots: (0..ORDERS).map(|_| Slot::default()).collect(),
            waiting: (0..CONNECTIONS).map(|_| Notify::new()).collect(),
            next: AtomicU64::new(0),
            arrivals: AtomicU64::new(0),
        }
    }
}

impl Board {
    /// Id of the next event.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// An order is about to be sent.
    pub(crate) fn expect(&self, order: usize, connection: usize) {
        self.slots[order].connection.store(connection, Ordering::Relaxed);
        self.slots[order].arrived.store(0, Ordering::Release);
    }

    /// An order has come.
    pub(crate) fn arrive(&self, order: usize) {
        self.arrivals.fetch_add(1, Ordering::Relaxed);
        let slot = &self.slots[order];
        let nanos = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap();
        // A repeated order does not move its arrival.
        if slot.arrived.compare_exchange(0, nanos, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.waiting[slot.connection.load(Ordering::Relaxed)].notify_one();
        }
    }

    /// Waits until an order has come and answers the time from `sent` to then, in nanoseconds.
    pub(crate) async fn arrived(&self, order: usize, connection: usize, sent: Instant) -> u64 {
        loop {
            let nanos = self.slots[order].arrived.load(Ordering::Acquire);
            if nanos > 0 {
                let sent = u64::try_from(sent.duration_since(self.epoch).as_nanos()).unwrap();
                return nanos.saturating_sub(sent);
            }
            self.waiting[connection].notified().await;
        }
    }
}
