//! How many requests there may be in a period: that a system is sent, or that a sender makes.
//!
//! A token bucket in the form of the generic cell rate algorithm (ITU-T Recommendation I.371, there as
//! "virtual scheduling"): the only state is the instant at which the next request would arrive if all
//! came at an even pace. A request may be early by the burst less one.
//!
//! Time is counted in units of a nanosecond divided by the number of requests, so that the distance of
//! two requests is a whole number of units whatever the rate: 3 requests a second are 3,000 in 1,000
//! seconds, not 2,998. The clock ticks in whole milliseconds; a request may therefore also be early by
//! a millisecond less one unit, else each one that waits for a tick would lose the rest of it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration;

/// Most requests of a period, and of a burst: more limits nothing that one host could send.
pub const MAX_REQUESTS: u32 = 1_000_000;
/// Shortest period: the clock knows no shorter time.
pub const MIN_PERIOD: Duration = Duration::from_millis(1);
/// Longest period. A bucket lives in memory and is full after a start, so that a longer one would
/// promise what a restart breaks.
pub const MAX_PERIOD: Duration = Duration::from_secs(24 * 3600);

/// Nanoseconds of a millisecond.
const NANOS_PER_MS: u128 = 1_000_000;

/// A rate as an operator writes it: `{ requests: 10, per: 1s, burst: 20 }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rate")]
pub struct Config {
    /// How many requests there may be in each period, in the long run.
    pub requests: u32,
    /// The period, such as `1s`; from `1ms` to `24h`.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub per: Duration,
    /// How many requests may come at once after a quiet time; as many as `requests` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// A checked rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units of a millisecond.
    millisecond: u128,
    /// Units between two requests at an even pace.
    interval: u128,
    /// Units by which a request may be early.
    tolerance: u128,
}

/// A combination of settings that makes no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRate {
    /// No request at all.
    #[error("requests is 0, which would let nothing through: give at least 1")]
    NoRequests,
    /// More than [`MAX_REQUESTS`].
    #[error("requests is {0}: give at most {MAX_REQUESTS}")]
    TooManyRequests(u32),
    /// A period under [`MIN_PERIOD`].
    #[error("per ({}) is shorter than {}", humantime::format_duration(*.0), humantime::format_duration(MIN_PERIOD))]
    PeriodTooShort(Duration),
    /// A period over [`MAX_PERIOD`].
    #[error(
        "per ({}) is longer than 24h: what was sent is counted in memory, which a restart would forget",
        humantime::format_duration(*.0)
    )]
    PeriodTooLong(Duration),
    /// A burst of nothing.
    #[error("burst is 0, which would let nothing through: give at least 1, which spaces requests evenly")]
    NoBurst,
    /// A burst over [`MAX_REQUESTS`].
    #[error("burst is {0}: give at most {MAX_REQUESTS}")]
    BurstTooLarge(u32),
}

impl InvalidRate {
    /// The key of [`Config`] that is wrong.
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoRequests | Self::TooManyRequests(_) => "requests",
            Self::PeriodTooShort(_) | Self::PeriodTooLong(_) => "per",
            Self::NoBurst | Self::BurstTooLarge(_) => "burst",
        }
    }
}

impl Rate {
    /// Checks a config.
    ///
    /// # Errors
    /// The first thing that is wrong, as a sentence that names the key.
    pub fn try_new(config: &Config) -> Result<Self, InvalidRate> {
        let burst = config.burst.unwrap_or(config.requests);
        if config.requests == 0 {
            Err(InvalidRate::NoRequests)
        } else if config.requests > MAX_REQUESTS {
            Err(InvalidRate::TooManyRequests(config.requests))
        } else if config.per < MIN_PERIOD {
            Err(InvalidRate::PeriodTooShort(config.per))
        } else if config.per > MAX_PERIOD {
            Err(InvalidRate::PeriodTooLong(config.per))
        } else if burst == 0 {
            Err(InvalidRate::NoBurst)
        } else if burst > MAX_REQUESTS {
            Err(InvalidRate::BurstTooLarge(burst))
        } else {
            let millisecond = NANOS_PER_MS.saturating_mul(config.requests.into());
            let interval = config.per.as_nanos();
            let tolerance = interval
                .saturating_mul(u128::from(burst).saturating_sub(1))
                .saturating_add(millisecond.saturating_sub(1));
            Ok(Self { millisecond, interval, tolerance })
        }
    }
}

/// What is left of a rate. It is full when it is made.
///
/// In any `W` milliseconds (the first counted, the last not) there are at most `burst` +
/// `W` · `requests` / `per` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: Rate,
    /// When the next request would arrive at an even pace, in the rate's units since the epoch.
    arrival: u128,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        Self { rate, arrival: 0 }
    }

    /// The rate that it keeps.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one request's worth.
    ///
    /// # Errors
    /// The first millisecond at which there will be one, if nobody else takes it before. It is never
    /// further away than one request at an even pace, rounded up.
    pub fn take(&mut self, now_ms: u64) -> Result<(), u64> {
        self.settle(now_ms);
        match self.not_before(now_ms) {
            Some(at_ms) => Err(at_ms),
            None => {
                let from = self.arrival.max(self.units(now_ms));
                self.arrival = from.saturating_add(self.rate.interval);
                Ok(())
            }
        }
    }

    /// After a clock that has jumped back: the bucket is as empty as it can be, and not emptier.
    pub(super) fn settle(&mut self, now_ms: u64) {
        let furthest =
            self.units(now_ms).saturating_add(self.rate.tolerance).saturating_add(self.rate.interval);
        self.arrival = self.arrival.min(furthest);
    }

    /// Whether as many takes in a row would succeed as ever do.
    pub fn is_full(&self, now_ms: u64) -> bool {
        self.arrival <= self.units(now_ms)
    }

    /// When a take will succeed; none if it would now. Of a bucket that is settled.
    pub(super) fn not_before(&self, now_ms: u64) -> Option<u64> {
        let earliest = self.arrival.saturating_sub(self.rate.tolerance).div_ceil(self.rate.millisecond);
        let at_ms = u64::try_from(earliest).unwrap_or(u64::MAX);
        (at_ms > now_ms).then_some(at_ms)
    }

    /// How many takes in a row would succeed now. Of a bucket that is settled.
    pub(super) fn room(&self, now_ms: u64) -> usize {
        let furthest = self.units(now_ms).saturating_add(self.rate.tolerance);
        match furthest.checked_sub(self.arrival.max(self.units(now_ms))) {
            Some(early) => {
                usize::try_from(early / self.rate.interval).unwrap_or(usize::MAX).saturating_add(1)
            }
            None => 0,
        }
    }

    fn units(&self, at_ms: u64) -> u128 {
        u128::from(at_ms).saturating_mul(self.rate.millisecond)
    }
}

#[cfg(test)]
mod tests;
