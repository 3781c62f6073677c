//! How many attempts there are and how long each waits.
//!
//! The base grows by doubling and is cut at the longest delay; jitter then takes some of it away. "Full
//! jitter", the default, and "equal jitter", here `half`, follow
//! <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>: full spreads best the runs
//! that failed together and makes the fewest calls, half keeps a part of each delay certain. A hint such as
//! a server's `Retry-After` is a floor, itself cut at the longest delay. All arithmetic saturates.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MAX_ATTEMPTS, MAX_DELAY, Problem};

/// Least delay that full jitter leaves of a longer one: with less a failing step would spin on the journal.
const FLOOR: Duration = Duration::from_millis(10);
/// First delay after a fault of the host itself.
const HOST_FAULT_FIRST: Duration = Duration::from_millis(100);
/// Longest delay after faults of the host: short, because they cost no attempt.
const HOST_FAULT_MAX: Duration = Duration::from_secs(30);

/// How the delay grows from attempt to attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// It doubles.
    #[default]
    Exponential,
    /// It stays the same.
    Constant,
}

/// How much of a delay is left to chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Jitter {
    /// All of it but 10 ms.
    #[default]
    Full,
    /// Half of it.
    Half,
    /// Nothing: runs that failed together return together.
    None,
}

/// A checked pace of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub(super) attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) first: Duration,
    pub(super) max: Duration,
    pub(super) jitter: Jitter,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            attempts: 8,
            backoff: Backoff::Exponential,
            first: Duration::from_secs(1),
            max: Duration::from_secs(5 * 60),
            jitter: Jitter::Full,
        }
    }
}

impl Pace {
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.attempts == 0 {
            Err(Problem::NoAttempts)
        } else if self.attempts > MAX_ATTEMPTS {
            Err(Problem::TooManyAttempts(self.attempts))
        } else if self.first < Duration::from_millis(1) {
            Err(Problem::NoDelay)
        } else if self.max > MAX_DELAY {
            Err(Problem::MaxTooLong(self.max))
        } else if self.first > self.max {
            Err(Problem::FirstOverMax { first: self.first, max: self.max })
        } else {
            Ok(())
        }
    }

    /// How many attempts there are at most, the first included.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long to wait once `counted` attempts have failed; none if there is no attempt left.
    ///
    /// `retry_after_ms` is what the guest asked for: a floor, cut at the longest delay. `random` is
    /// uniform in `0.0..1.0`; anything else is moved there.
    pub fn delay(&self, counted: u32, retry_after_ms: Option<u64>, random: f64) -> Option<Duration> {
        if counted >= self.attempts {
            return None;
        }
        let delay = self.jitter.apply(self.base(counted), random);
        let floor = retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
        Some(delay.max(floor).min(self.max))
    }

    /// The delay before jitter and hints.
    pub(super) fn base(&self, counted: u32) -> Duration {
        match self.backoff {
            Backoff::Exponential => doubled(self.first, counted).min(self.max),
            Backoff::Constant => self.first,
        }
    }
}

impl Jitter {
    /// Least that jitter leaves of `base`.
    pub(super) fn floor(self, base: Duration) -> Duration {
        match self {
            Self::Full => base.min(FLOOR),
            Self::Half => base / 2,
            Self::None => base,
        }
    }

    /// What jitter leaves of `base`; `random` is uniform in `0.0..1.0`.
    pub(crate) fn apply(self, base: Duration, random: f64) -> Duration {
        let share = if random.is_finite() { random.clamp(0.0, 1.0) } else { 1.0 };
        let floor = self.floor(base);
        floor.saturating_add(base.saturating_sub(floor).mul_f64(share)).min(base)
    }
}

/// How long to wait after `in_a_row` faults of the host itself (from 1): 100 ms doubling to 30 s, less
/// up to half by `random`, which is uniform in `0.0..1.0`. There is no last one, as they cost no attempt.
pub fn host_fault_delay(in_a_row: u32, random: f64) -> Duration {
    Jitter::Half.apply(doubled(HOST_FAULT_FIRST, in_a_row).min(HOST_FAULT_MAX), random)
}

/// `first` doubled once for each failure after the first one, saturating.
pub(crate) fn doubled(first: Duration, failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor)
}
