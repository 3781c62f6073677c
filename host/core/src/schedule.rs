//! Points in time at which a workflow starts by itself.
//!
//! A cron pattern is read on the wall clock of its zone. When daylight saving moves that clock:
//!
//! - **forward**, wall times in the gap do not exist. A pattern for fixed times in it (`30 2 * * *`) fires
//!   once, at the end of the gap; one that repeats within the hour (`*/15 * * * *`) skips them.
//! - **back**, wall times in the overlap come twice. A pattern for fixed times fires only the first time;
//!   one that repeats fires in both hours, so its pace on the absolute time line is kept.
//!
//! That is how Vixie cron and <https://github.com/open-source-cron/ocps> have it. A period (`every`) knows
//! no wall clock: its instants are multiples of it since the Unix epoch, whatever was up or down before.

use std::fmt;
use std::time::Duration;

use chrono::DateTime;
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration;

/// Shortest period: anything faster is a stream, not a schedule.
pub const MIN_PERIOD: Duration = Duration::from_secs(1);
/// Longest period.
pub const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);

/// A schedule as an operator writes it: exactly one of `cron` and `every`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Schedule")]
pub struct Config {
    /// A cron pattern of five fields (minute, hour, day of month, month, day of week), or of six with
    /// seconds first, such as `30 6 * * MON-FRI`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// A period of at least one second, such as `15m`, counted from the Unix epoch.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub every: Option<Duration>,
    /// IANA name of the time zone that `cron` is read in, such as `Europe/Berlin`; UTC unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// A checked schedule.
#[derive(Clone, Debug)]
pub struct Schedule(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Boxed, as a parsed pattern is large.
    Cron {
        pattern: Box<Cron>,
        zone: Tz,
    },
    Every {
        period_ms: u64,
    },
}

/// A schedule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// Neither `cron` nor `every`.
    #[error("a schedule has cron, such as \"30 6 * * MON-FRI\", or every, such as 15m")]
    Neither,
    /// Both of them.
    #[error("a schedule has either cron or every, not both: write two workflows")]
    Both,
    /// Not a cron pattern.
    #[error(
        "cron is {pattern:?}, which is no pattern ({problem}): give five fields, such as \"30 6 * * MON-FRI\""
    )]
    Pattern {
        /// What was given.
        pattern: String,
        /// What the parser says.
        problem: String,
    },
    /// A pattern that never comes about.
    #[error("cron is {0:?}, which never comes about: there is no such date")]
    Never(String),
    /// A period out of bounds.
    #[error("every is {}: give 1s to 366 days", humantime::format_duration(*.0))]
    Period(Duration),
    /// Not a time zone.
    #[error("zone is {0:?}, which is no time zone: give an IANA name, such as Europe/Berlin")]
    Zone(String),
    /// A zone without a cron pattern.
    #[error("zone has no meaning with every, which is counted from the Unix epoch: remove it or use cron")]
    ZoneWithEvery,
}

impl InvalidSchedule {
    /// The key of [`Config`] that is wrong; none if it is their combination.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::Neither | Self::Both => None,
            Self::Pattern { .. } | Self::Never(_) => Some("cron"),
            Self::Period(_) => Some("every"),
            Self::Zone(_) | Self::ZoneWithEvery => Some("zone"),
        }
    }
}

impl Schedule {
    /// Checks a config.
    ///
    /// # Errors
    /// The first thing that is wrong, as a sentence that names the key.
    pub fn try_new(config: &Config) -> Result<Self, InvalidSchedule> {
        match (&config.cron, config.every) {
            (None, None) => Err(InvalidSchedule::Neither),
            (Some(_), Some(_)) => Err(InvalidSchedule::Both),
            (None, Some(period)) => {
                if config.zone.is_some() {
                    return Err(InvalidSchedule::ZoneWithEvery);
                }
                let milliseconds = u64::try_from(period.as_millis()).ok();
                match milliseconds.filter(|_| (MIN_PERIOD..=MAX_PERIOD).contains(&period)) {
                    Some(period_ms) => Ok(Self(Kind::Every { period_ms })),
                    None => Err(InvalidSchedule::Period(period)),
                }
            }
            (Some(pattern), None) => {
                let zone = match &config.zone {
                    Some(zone) => zone.parse().map_err(|_| InvalidSchedule::Zone(zone.clone()))?,
                    None => Tz::UTC,
                };
                let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
                let parsed = parser.parse(pattern).map_err(|error| InvalidSchedule::Pattern {
                    pattern: pattern.clone(),
                    problem: error.to_string().trim_end_matches('.').to_owned(),
                })?;
                let schedule = Self(Kind::Cron { pattern: Box::new(parsed), zone });
                match schedule.next_after(0) {
                    Some(_) => Ok(schedule),
                    None => Err(InvalidSchedule::Never(pattern.clone())),
                }
            }
        }
    }

    /// The next instant strictly after `after_ms`; both in milliseconds since the Unix epoch. None if
    /// there is none within the years that the calendar knows.
    pub fn next_after(&self, after_ms: u64) -> Option<u64> {
        match &self.0 {
            Kind::Every { period_ms } => {
                after_ms.checked_div(*period_ms)?.checked_add(1)?.checked_mul(*period_ms)
            }
            Kind::Cron { pattern, zone } => {
                let after =
                    DateTime::from_timestamp_millis(i64::try_from(after_ms).ok()?)?.with_timezone(zone);
                let next = pattern.find_next_occurrence(&after, false).ok()?;
                u64::try_from(next.timestamp_millis()).ok()
            }
        }
    }
}

/// As an operator would say it: `30 6 * * MON-FRI (Europe/Berlin)` or `every 15m`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Cron { pattern, zone } => write!(f, "{pattern} ({zone})"),
            Kind::Every { period_ms } => {
                write!(f, "every {}", humantime::format_duration(Duration::from_millis(*period_ms)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
