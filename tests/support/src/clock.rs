//! Clocks: one that goes with tokio's time, so that what is stamped and what is slept agree, and one that began at
//! another time than today.

use std::time::Instant as Moment;

use stepmill_core::Clock;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// Where a [`TokioClock`] begins, in milliseconds since the Unix epoch.
pub const EPOCH_MS: u64 = 1_700_000_000_000;

/// Tells tokio's time. Under `start_paused` it stands still while anything runs and jumps to the next
/// timer when nothing does: hours pass at once, and each sleeper wakes at its own time exactly.
pub struct TokioClock {
    runtime: Handle,
    start: Instant,
}

impl TokioClock {
    /// A clock of the runtime that this is called in. It says [`EPOCH_MS`] now.
    pub fn start() -> Self {
        Self { runtime: Handle::current(), start: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now_ms(&self) -> u64 {
        // The journal's thread is not the runtime's, and would be told the machine's time.
        let _entered = self.runtime.enter();
        EPOCH_MS + u64::try_from(self.start.elapsed().as_millis()).unwrap()
    }
}

/// Goes as the machine's does, from a time of the test's choice.
pub struct ClockFrom {
    start_ms: u64,
    start: Moment,
}

impl ClockFrom {
    /// A clock that says `start_ms` now, in milliseconds since the Unix epoch.
    pub fn start(start_ms: u64) -> Self {
        Self { start_ms, start: Moment::now() }
    }
}

impl Clock for ClockFrom {
    fn now_ms(&self) -> u64 {
        self.start_ms + u64::try_from(self.start.elapsed().as_millis()).unwrap()
    }
}
