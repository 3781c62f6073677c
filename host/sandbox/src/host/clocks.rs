//! `wasi:clocks`: the machine's clocks for connectors, standing ones for pure components, and none while
//! a config is made ready.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::host::Frozen;
use crate::state::State;

/// Where the monotonic clock stands, in nanoseconds: an hour after its beginning, because programs
/// subtract durations from it.
const STANDING_AT: u64 = 3_600_000_000_000;

/// An attempt's clocks.
pub(crate) enum Clocks {
    /// Time stands; whoever sleeps wakes at once.
    Standing { wall: Duration },
    /// The machine's time. The monotonic clock begins with the attempt.
    Real { began: Instant },
    /// The calendar stands, durations pass.
    Held { wall: Duration, began: Instant },
    /// Refused: every attempt would find the same time in its memory.
    Frozen,
}

impl Clocks {
    pub(crate) fn standing(at_ms: u64) -> Self {
        Self::Standing { wall: Duration::from_millis(at_ms) }
    }

    pub(crate) fn real() -> Self {
        Self::Real { began: Instant::now() }
    }

    pub(crate) fn held(at_ms: u64) -> Self {
        Self::Held { wall: Duration::from_millis(at_ms), began: Instant::now() }
    }

    fn wall(&self) -> Result<Duration, Frozen> {
        match self {
            Self::Standing { wall } | Self::Held { wall, .. } => Ok(*wall),
            Self::Real { .. } => Ok(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            Self::Frozen => Err(Frozen::Time),
        }
    }

    fn monotonic(&self) -> Result<u64, Frozen> {
        match self {
            Self::Standing { .. } => Ok(STANDING_AT),
            Self::Real { began } | Self::Held { began, .. } => {
                let passed = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                Ok(STANDING_AT.saturating_add(passed))
            }
            Self::Frozen => Err(Frozen::Time),
        }
    }

    fn alarm(&self, after: Duration) -> Alarm {
        match self {
            Self::Standing { .. } | Self::Frozen => Alarm::Now,
            Self::Real { .. } | Self::Held { .. } if after.is_zero() => Alarm::Now,
            Self::Real { .. } | Self::Held { .. } => {
                Instant::now().checked_add(after).map_or(Alarm::Never, Alarm::At)
            }
        }
    }
}

struct HasClocks;

impl HasData for HasClocks {
    type Data<'a> = View<'a>;
}

struct View<'a> {
    clocks: &'a Clocks,
    table: &'a mut ResourceTable,
}

fn view<R>(state: &mut State<R>) -> View<'_> {
    View { clocks: &state.wasi.clocks, table: &mut state.table }
}

pub(crate) fn add_to_linker<R: Send + 'static>(linker: &mut Linker<State<R>>) -> wasmtime::Result<()> {
    wall_clock::add_to_linker::<_, HasClocks>(linker, view)?;
    monotonic_clock::add_to_linker::<_, HasClocks>(linker, view)
}

impl wall_clock::Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now = self.clocks.wall()?;
        Ok(wall_clock::Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}

impl monotonic_clock::Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clocks.monotonic()?)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_duration(when.saturating_sub(self.clocks.monotonic()?))
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let alarm = self.table.push(self.clocks.alarm(Duration::from_nanos(when)))?;
        subscribe(self.table, alarm)
    }
}

/// When a sleeper wakes. The attempt's deadline ends longer ones from outside.
enum Alarm {
    Now,
    At(Instant),
    Never,
}

#[async_trait::async_trait]
impl Pollable for Alarm {
    async fn ready(&mut self) {
        match self {
            Self::Now => {}
            Self::At(instant) => tokio::time::sleep_until(*instant).await,
            Self::Never => std::future::pending().await,
        }
    }
}
