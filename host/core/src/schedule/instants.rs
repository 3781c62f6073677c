//! The instants that a schedule names, searched forwards and backwards.

use std::fmt;
use std::time::Duration;

use chrono::DateTime;
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::moment::Moment;
use super::{InvalidSchedule, MAX_PERIOD, MIN_PERIOD};

/// Last second that cron patterns are searched in: the end of 4999, where the calendar of croner ends.
const LAST_SECOND: u64 = 95_617_583_999;
/// How many instants are looked at for the shortest gap, which bounds the time that it takes.
const GAPS_LOOKED_AT: usize = 1_000;
/// Up to how many instants of a cron pattern are counted one by one.
const MAX_COUNT: u64 = 1_000;

/// What names instants, none of which is at the epoch itself.
#[derive(Clone, Debug)]
pub(super) enum Instants {
    Cron {
        /// As the operator wrote it.
        text: String,
        /// Boxed, as a parsed pattern is large.
        pattern: Box<Cron>,
        zone: Tz,
    },
    Every {
        period_ms: u64,
    },
    At(Moment),
}

impl Instants {
    pub(super) fn cron(text: &str, zone: Tz) -> Result<Self, InvalidSchedule> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let text = text.trim();
        // The one nickname of Vixie cron for points in time that croner lacks.
        let known = if text.eq_ignore_ascii_case("@midnight") { "@daily" } else { text };
        let pattern = parser.parse(known).map_err(|error| InvalidSchedule::Pattern {
            pattern: text.to_owned(),
            problem: error.to_string().trim_end_matches('.').to_owned(),
        })?;
        match cron_after(&pattern, zone, 0) {
            Some(_) => Ok(Self::Cron { text: text.to_owned(), pattern: Box::new(pattern), zone }),
            None => Err(InvalidSchedule::Never(text.to_owned())),
        }
    }

    pub(super) fn every(period: Duration) -> Result<Self, InvalidSchedule> {
        match u64::try_from(period.as_millis()) {
            Ok(period_ms) if (MIN_PERIOD..=MAX_PERIOD).contains(&period) => Ok(Self::Every { period_ms }),
            Ok(_) | Err(_) => Err(InvalidSchedule::Period(period)),
        }
    }

    /// Whether a zone makes a difference.
    pub(super) fn knows_zone(&self) -> bool {
        match self {
            Self::Cron { .. } => true,
            Self::Every { .. } => false,
            Self::At(moment) => moment.is_local(),
        }
    }

    /// The first instant strictly after `after_ms`.
    pub(super) fn next_after(&self, after_ms: u64) -> Option<u64> {
        match self {
            Self::Cron { pattern, zone, .. } => cron_after(pattern, *zone, after_ms),
            Self::Every { period_ms } => {
                after_ms.checked_div(*period_ms)?.checked_add(1)?.checked_mul(*period_ms)
            }
            Self::At(moment) => Some(moment.ms()).filter(|instant| *instant > after_ms),
        }
    }

    /// The last instant after `after_ms` and not after `upto_ms`.
    pub(super) fn last_within(&self, after_ms: u64, upto_ms: u64) -> Option<u64> {
        if upto_ms <= after_ms {
            return None;
        }
        let last = match self {
            Self::Cron { pattern, zone, .. } => cron_upto(pattern, *zone, upto_ms),
            Self::Every { period_ms } => upto_ms.checked_div(*period_ms)?.checked_mul(*period_ms),
            Self::At(moment) => Some(moment.ms()).filter(|instant| *instant <= upto_ms),
        };
        last.filter(|instant| *instant > after_ms)
    }

    /// How many instants there are after `after_ms` and not after `upto_ms`; those of a cron pattern are
    /// counted up to a thousand.
    pub(super) fn count_within(&self, after_ms: u64, upto_ms: u64) -> u64 {
        match self {
            Self::Cron { .. } => {
                let (mut count, mut upto_ms) = (0, upto_ms);
                while let Some(instant) = self.last_within(after_ms, upto_ms) {
                    count += 1;
                    if count == MAX_COUNT {
                        break;
                    }
                    upto_ms = instant.saturating_sub(1);
                }
                count
            }
            Self::Every { period_ms } => {
                let upto = |ms: u64| ms.checked_div(*period_ms).unwrap_or(0);
                upto(upto_ms).saturating_sub(upto(after_ms))
            }
            Self::At(_) => u64::from(self.last_within(after_ms, upto_ms).is_some()),
        }
    }

    /// The shortest time between two instants, on a wall clock that is never moved; of a cron pattern that
    /// among its first thousand instants.
    pub(super) fn shortest_gap(&self) -> Option<Duration> {
        match self {
            Self::Cron { pattern, .. } => {
                let mut shortest_ms = None;
                let mut instant = cron_after(pattern, Tz::UTC, 0)?;
                for _ in 0..GAPS_LOOKED_AT {
                    let Some(next) = cron_after(pattern, Tz::UTC, instant) else { break };
                    let gap_ms = next.saturating_sub(instant);
                    shortest_ms = Some(shortest_ms.unwrap_or(gap_ms).min(gap_ms));
                    instant = next;
                }
                shortest_ms.map(Duration::from_millis)
            }
            Self::Every { period_ms } => Some(Duration::from_millis(*period_ms)),
            Self::At(_) => None,
        }
    }
}

impl fmt::Display for Instants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron { text, zone, .. } => write!(f, "{text} ({zone})"),
            Self::Every { period_ms } => {
                write!(f, "every {}", humantime::format_duration(Duration::from_millis(*period_ms)))
            }
            Self::At(moment) => write!(f, "at {moment}"),
        }
    }
}

fn cron_after(pattern: &Cron, zone: Tz, after_ms: u64) -> Option<u64> {
    let after = seconds(after_ms, zone).filter(|_| after_ms / 1_000 < LAST_SECOND)?;
    let next = pattern.find_next_occurrence(&after, false).ok()?;
    u64::try_from(next.timestamp_millis()).ok()
}

fn cron_upto(pattern: &Cron, zone: Tz, upto_ms: u64) -> Option<u64> {
    let upto = seconds(upto_ms, zone)?;
    let last = pattern.find_previous_occurrence(&upto, true).ok()?;
    u64::try_from(last.timestamp_millis()).ok()
}

/// The whole second that a point in time is in, at most the last one: croner's searches start at whole
/// seconds, and the one backwards would else miss the second that it starts in.
fn seconds(ms: u64, zone: Tz) -> Option<DateTime<Tz>> {
    let seconds = i64::try_from((ms / 1_000).min(LAST_SECOND)).ok()?;
    Some(DateTime::from_timestamp(seconds, 0)?.with_timezone(&zone))
}
