//! Simulated time: tokio's paused clock, with jumps of the machine's own on top.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use stepmill_core::Clock;
use tokio::time::Instant;

/// Where the clock begins, in milliseconds since the Unix epoch.
pub const EPOCH_MS: u64 = 1_700_000_000_000;

/// Looks at the clock in which a millisecond goes by.
const LOOKS_A_MS: u64 = 3;

/// Tells simulated time. It is set forth and back, as an operator or NTP does it, and goes on a little now and
/// then while something is computed: two looks at it need not agree.
#[derive(Debug)]
pub struct SimClock {
    start: Instant,
    offset_ms: AtomicI64,
    looks: AtomicU64,
}

impl SimClock {
    /// A clock of the runtime that this is called in.
    pub fn start() -> Self {
        Self { start: Instant::now(), offset_ms: AtomicI64::new(0), looks: AtomicU64::new(0) }
    }

    /// Sets the clock forth or back.
    pub fn jump(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap();
        let computed = self.looks.fetch_add(1, Ordering::Relaxed) / LOOKS_A_MS;
        (EPOCH_MS + passed + computed).saturating_add_signed(self.offset_ms.load(Ordering::Relaxed))
    }
}
