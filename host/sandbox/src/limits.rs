//! What a guest uses up while it runs: memory, tables and CPU time.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::engine::{CORE_INSTANCES, MEMORIES, TABLES};

/// Bytes of one table element on the host.
const ELEMENT_BYTES: u64 = 8;

/// Counts all memories and tables of an attempt together against one limit.
///
/// Invariant: `used` is the sum of their present sizes and never above `limit`.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: u64,
    used: u64,
    memories: u64,
    peak: u64,
    /// What the last permitted growth added to memories, should the operating system refuse it.
    pending: u64,
    refused: Option<u64>,
}

impl Memory {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, used: 0, memories: 0, peak: 0, pending: 0, refused: None }
    }

    /// Highest size of the memories together, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }

    /// The size that was asked for and refused, if that ever happened.
    pub(crate) fn refused(&self) -> Option<u64> {
        self.refused
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    fn allows(&mut self, bytes: u64) -> bool {
        let desired = self.used.saturating_add(bytes);
        if desired > self.limit {
            self.refused = Some(desired);
            return false;
        }
        self.used = desired;
        true
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let bytes = desired.saturating_sub(current) as u64;
        if !self.allows(bytes) {
            return Ok(false);
        }
        self.pending = bytes;
        self.memories += bytes;
        self.peak = self.peak.max(self.memories);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        let bytes = std::mem::take(&mut self.pending);
        self.refused.get_or_insert(self.used);
        self.used = self.used.saturating_sub(bytes);
        self.memories = self.memories.saturating_sub(bytes);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.allows((desired.saturating_sub(current) as u64).saturating_mul(ELEMENT_BYTES)))
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}

/// Counts the time in which the guest itself runs.
///
/// It is looked at when the epoch has moved and the guest runs, so it is as fine as the tick. What is
/// spent waiting in host functions and yielded to other attempts is taken off.
#[derive(Clone, Debug)]
pub(crate) struct Cpu {
    began: Instant,
    limit: Duration,
    away: Away,
}

impl Cpu {
    /// Begins to count.
    pub(crate) fn new(limit_ms: u64) -> Self {
        Self { began: Instant::now(), limit: Duration::from_millis(limit_ms), away: Away::default() }
    }

    /// The time that is taken off.
    pub(crate) fn away(&self) -> &Away {
        &self.away
    }

    /// How long the guest itself has run so far.
    pub(crate) fn used(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.away.total())
    }

    /// What to do when the epoch has moved: yield to the executor, or stop the guest.
    pub(crate) fn on_tick(&self) -> wasmtime::Result<UpdateDeadline> {
        if self.used() >= self.limit {
            return Err(CpuExhausted.into());
        }
        let away = self.away.clone();
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(async move { away.during(tokio::task::yield_now()).await }),
        ))
    }
}

/// Time in which the guest does not run although its attempt does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Away(Arc<AtomicU64>);

impl Away {
    /// Awaits `future` and counts how long that takes, without the time in which the future itself works.
    pub(crate) async fn during<F: Future>(&self, future: F) -> F::Output {
        let began = Instant::now();
        let mut busy = Duration::ZERO;
        let mut future = pin!(future);
        let output = poll_fn(|context| {
            let polled = Instant::now();
            let poll = future.as_mut().poll(context);
            busy += polled.elapsed();
            poll
        })
        .await;
        let away = began.elapsed().saturating_sub(busy);
        self.0.fetch_add(u64::try_from(away.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        output
    }

    fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// The guest has used up its CPU time.
#[derive(Debug)]
pub(crate) struct CpuExhausted;

impl fmt::Display for CpuExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the guest has used up its CPU time")
    }
}

impl std::error::Error for CpuExhausted {}

#[cfg(test)]
mod tests {
    use wasmtime::ResourceLimiter as _;

    use super::Memory;

    #[test]
    fn all_memories_and_tables_count_against_one_limit() {
        let mut memory = Memory::new(10 << 16);
        assert!(memory.memory_growing(0, 4 << 16, None).unwrap());
        assert!(memory.memory_growing(0, 4 << 16, None).unwrap());
        assert!(memory.table_growing(0, 8192, None).unwrap());
        assert_eq!(memory.refused(), None);
        assert!(!memory.memory_growing(4 << 16, 6 << 16, None).unwrap());
        assert_eq!(memory.refused(), Some(11 << 16));
        assert_eq!(memory.peak(), 8 << 16);
    }

    #[test]
    fn growth_that_fails_later_is_given_back() {
        let mut memory = Memory::new(10 << 16);
        assert!(memory.memory_growing(0, 9 << 16, None).unwrap());
        memory.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(memory.memory_growing(0, 9 << 16, None).unwrap());
    }
}
