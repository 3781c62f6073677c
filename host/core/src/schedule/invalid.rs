//! What can be wrong with a schedule.

use std::time::Duration;

use super::{MAX_CATCH_UP, MAX_JITTER};

/// A schedule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// None of `cron`, `every` and `at`.
    #[error(
        "a schedule has cron, such as \"30 6 * * MON-FRI\", or every, such as 15m, or at, such as \
         2026-12-24T18:00:00+01:00"
    )]
    Neither,
    /// More than one of them.
    #[error("a schedule has one of cron, every and at, not several: write a workflow for each")]
    Several,
    /// Not a cron pattern.
    #[error(
        "cron is {pattern:?}, which is no pattern ({problem}): give five fields, such as \
         \"30 6 * * MON-FRI\", or a name, such as \"@daily\""
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
    /// Not a point in time.
    #[error(
        "{key} is {text:?}, which is no point in time: give one such as 2026-12-24T18:00:00+01:00, or \
         without an offset to have it read in zone, such as 2026-12-24T18:00:00"
    )]
    Moment {
        /// `at`, `start` or `end`.
        key: &'static str,
        /// What was given.
        text: String,
    },
    /// A point in time that cannot be counted.
    #[error("{key} is {text:?}: give a time after the start of 1970, which times are counted from")]
    BeforeEpoch {
        /// `at`, `start` or `end`.
        key: &'static str,
        /// What was given.
        text: String,
    },
    /// Not a time zone.
    #[error("zone is {0:?}, which is no time zone: give an IANA name, such as Europe/Berlin")]
    Zone(String),
    /// A zone that nothing is read in.
    #[error(
        "zone has no meaning here, as only cron and times without an offset are read in it: remove it, or \
         the offset"
    )]
    ZoneWithoutUse,
    /// The end is not after the start.
    #[error("end ({end}) is not after start ({start}): give a later end or an earlier start")]
    EndBeforeStart {
        /// The start.
        start: String,
        /// The end.
        end: String,
    },
    /// There would be instants, were it not for start and end.
    #[error(
        "no instant is left by start and end, so that the schedule would never fire: give an earlier start, \
         a later end or neither"
    )]
    OutOfBounds,
    /// A jitter out of bounds.
    #[error(
        "jitter is {}: give at most {}",
        humantime::format_duration(*.0),
        humantime::format_duration(MAX_JITTER)
    )]
    Jitter(Duration),
    /// A jitter that would run fires into each other.
    #[error(
        "jitter is {}, which is over half of the {} that instants are apart: give at most {}",
        humantime::format_duration(*jitter),
        humantime::format_duration(*gap),
        humantime::format_duration(*gap / 2)
    )]
    JitterOverGap {
        /// What was given.
        jitter: Duration,
        /// The shortest time between two instants.
        gap: Duration,
    },
    /// Too many missed instants, or none, to be made up for.
    #[error("catch-up is all: {0}: give 1 to {MAX_CATCH_UP}, or write none to make up for nothing")]
    CatchUp(u32),
}

impl InvalidSchedule {
    /// The key of [`Config`](super::Config) that is wrong; none if it is their combination.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::Neither | Self::Several | Self::OutOfBounds => None,
            Self::Pattern { .. } | Self::Never(_) => Some("cron"),
            Self::Period(_) => Some("every"),
            Self::Moment { key, .. } | Self::BeforeEpoch { key, .. } => Some(key),
            Self::Zone(_) | Self::ZoneWithoutUse => Some("zone"),
            Self::EndBeforeStart { .. } => Some("end"),
            Self::Jitter(_) | Self::JitterOverGap { .. } => Some("jitter"),
            Self::CatchUp(_) => Some("catch-up"),
        }
    }
}
