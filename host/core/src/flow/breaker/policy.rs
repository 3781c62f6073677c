//! The settings of a breaker.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration;

/// Most failures in a row that may be asked for: a breaker that waits for more never opens.
pub const MAX_FAILURES: u32 = 1_000;
/// Most probes that may be asked for. They go one by one, so that more would hold a healthy system back.
pub const MAX_PROBES: u32 = 100;
/// Shortest opening: anything shorter is no rest for a system.
pub const MIN_OPEN: Duration = Duration::from_millis(100);
/// Longest opening, since a system that is back must be found within a day.
pub const MAX_OPEN: Duration = Duration::from_secs(24 * 3600);

/// A breaker as an operator writes it. Whatever is left out has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Breaker")]
pub struct Config {
    /// `false` for no breaker: a system that is down is then called by every attempt of every run.
    pub enabled: bool,
    /// How many failures in a row open the breaker; 5 unless given.
    pub failures: u32,
    /// How long it is open the first time; 10 s unless given. It doubles with each failed probe.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub open: Duration,
    /// How long it is open at most; 5 min unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub max_open: Duration,
    /// How many probes must succeed, one after the other, to close it; 1 unless given.
    pub probes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 5,
            open: Duration::from_secs(10),
            max_open: Duration::from_secs(5 * 60),
            probes: 1,
        }
    }
}

/// The checked settings of a breaker that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) failures: u32,
    pub(super) open: Duration,
    pub(super) max_open: Duration,
    pub(super) probes: u32,
}

/// A combination of settings that makes no breaker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBreaker {
    /// It would be open before anything has failed.
    #[error("failures is 0: give at least 1, or write enabled: false to do without a breaker")]
    NoFailures,
    /// More than [`MAX_FAILURES`].
    #[error("failures is {0}: give at most {MAX_FAILURES}, or write enabled: false to do without a breaker")]
    TooManyFailures(u32),
    /// It would never close.
    #[error("probes is 0: give at least 1, since only a probe that succeeds closes the breaker")]
    NoProbes,
    /// More than [`MAX_PROBES`].
    #[error("probes is {0}: give at most {MAX_PROBES}")]
    TooManyProbes(u32),
    /// An opening under [`MIN_OPEN`].
    #[error("open ({}) is shorter than {}", humantime::format_duration(*.0), humantime::format_duration(MIN_OPEN))]
    OpenTooShort(Duration),
    /// The longest opening is over [`MAX_OPEN`].
    #[error("max_open ({}) is longer than 24h", humantime::format_duration(*.0))]
    MaxTooLong(Duration),
    /// The first opening is over the longest.
    #[error(
        "open ({}) is longer than max_open ({}): lower open or raise max_open",
        humantime::format_duration(*open),
        humantime::format_duration(*max_open)
    )]
    OpenOverMax {
        /// First opening.
        open: Duration,
        /// Longest opening.
        max_open: Duration,
    },
}

impl InvalidBreaker {
    /// The key of [`Config`] that is wrong.
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoFailures | Self::TooManyFailures(_) => "failures",
            Self::NoProbes | Self::TooManyProbes(_) => "probes",
            Self::OpenTooShort(_) | Self::OpenOverMax { .. } => "open",
            Self::MaxTooLong(_) => "max_open",
        }
    }
}

impl Policy {
    /// Checks a config; none if it switches the breaker off. The other keys are checked all the same.
    ///
    /// # Errors
    /// The first thing that is wrong, as a sentence that names the keys.
    pub fn try_new(config: &Config) -> Result<Option<Self>, InvalidBreaker> {
        let Config { enabled, failures, open, max_open, probes } = *config;
        if failures == 0 {
            Err(InvalidBreaker::NoFailures)
        } else if failures > MAX_FAILURES {
            Err(InvalidBreaker::TooManyFailures(failures))
        } else if probes == 0 {
            Err(InvalidBreaker::NoProbes)
        } else if probes > MAX_PROBES {
            Err(InvalidBreaker::TooManyProbes(probes))
        } else if open < MIN_OPEN {
            Err(InvalidBreaker::OpenTooShort(open))
        } else if max_open > MAX_OPEN {
            Err(InvalidBreaker::MaxTooLong(max_open))
        } else if open > max_open {
            Err(InvalidBreaker::OpenOverMax { open, max_open })
        } else {
            Ok(enabled.then_some(Self { failures, open, max_open, probes }))
        }
    }
}
