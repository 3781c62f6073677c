//! Points in time at which a workflow starts by itself.
//!
//! A cron pattern is read on the wall clock of its zone. When daylight saving moves that clock:
//!
//! - **forward**, wall times in the gap do not exist. A pattern for one time of day in it (`30 2 * * *`)
//!   fires once, at the end of the gap; one with several (`*/15 * * * *`, `30 2,14 * * *`) skips those in it.
//! - **back**, wall times in the overlap come twice. A pattern for one time of day fires only the first
//!   time; one with several fires both times, so its pace on the absolute time line is kept.
//!
//! That is how Vixie cron and <https://github.com/open-source-cron/ocps> have it. A period (`every`) knows
//! no wall clock: its instants are multiples of it since the Unix epoch, whatever was up or down before.
//! A single time (`at`) written without an offset is read on the wall clock as well: in the gap it means
//! the end of the gap, in the overlap the first of the two.
//!
//! An *instant* is a point in time that the schedule names. It is the fire's identity: with jitter the fire
//! *begins* somewhat later, but the instant stays. [`Schedule::due`] decides which of the instants that have
//! passed are fired; nothing here knows the time by itself.

mod config;
mod due;
mod instants;
mod invalid;
mod moment;

use std::fmt;
use std::time::Duration;

use chrono_tz::Tz;

pub use config::{CatchUp, Config, Overlap};
pub use due::{Due, Fire, GRACE};
pub use invalid::InvalidSchedule;

use instants::Instants;
use moment::Moment;

/// Shortest period: anything faster is a stream, not a schedule.
pub const MIN_PERIOD: Duration = Duration::from_secs(1);
/// Longest period.
pub const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);
/// Longest jitter: with more, nobody can say any longer when a workflow runs.
pub const MAX_JITTER: Duration = Duration::from_secs(3600);
/// Most missed instants that are made up for: more would be a flood after each longer time without service.
pub const MAX_CATCH_UP: u32 = 1_000;
/// Most instants that [`Schedule::preview`] gives.
pub const MAX_PREVIEW: usize = 1_000;

/// A checked schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    instants: Instants,
    start: Option<Moment>,
    end: Option<Moment>,
    jitter_ms: u64,
    catch_up: CatchUp,
    overlap: Overlap,
}

impl Schedule {
    /// Checks a config.
    ///
    /// # Errors
    /// The first thing that is wrong, as a sentence that names the key.
    pub fn try_new(config: &Config) -> Result<Self, InvalidSchedule> {
        let zone = match &config.zone {
            Some(zone) => zone.parse().map_err(|_| InvalidSchedule::Zone(zone.clone()))?,
            None => Tz::UTC,
        };
        let moment = |key: &'static str, text: &Option<String>| {
            text.as_ref().map(|text| Moment::try_new(key, text, zone)).transpose()
        };
        let start = moment("start", &config.start)?;
        let end = moment("end", &config.end)?;
        let instants = match (&config.cron, config.every, moment("at", &config.at)?) {
            (None, None, None) => return Err(InvalidSchedule::Neither),
            (Some(pattern), None, None) => Instants::cron(pattern, zone)?,
            (None, Some(period), None) => Instants::every(period)?,
            (None, None, Some(at)) => Instants::At(at),
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                return Err(InvalidSchedule::Several);
            }
        };
        if config.zone.is_some()
            && !instants.knows_zone()
            && ![start, end].into_iter().flatten().any(|moment| moment.is_local())
        {
            return Err(InvalidSchedule::ZoneWithoutUse);
        }
        if let (Some(start), Some(end)) = (start, end)
            && end.ms() <= start.ms()
        {
            return Err(InvalidSchedule::EndBeforeStart { start: start.to_string(), end: end.to_string() });
        }
        let jitter_ms = jitter(config.jitter, &instants)?;
        if let CatchUp::All(newest) = config.catch_up
            && !(1..=MAX_CATCH_UP).contains(&newest)
        {
            return Err(InvalidSchedule::CatchUp(newest));
        }
        let (catch_up, overlap) = (config.catch_up, config.overlap);
        let schedule = Self { instants, start, end, jitter_ms, catch_up, overlap };
        match schedule.next_after(0) {
            Some(_) => Ok(schedule),
            None => Err(InvalidSchedule::OutOfBounds),
        }
    }

    /// The next instant strictly after `after_ms`; both in milliseconds since the Unix epoch. None if
    /// there is none before `end` and within the years that the calendar knows.
    pub fn next_after(&self, after_ms: u64) -> Option<u64> {
        let (after_ms, upto_ms) = self.bound(after_ms, u64::MAX);
        self.instants.next_after(after_ms).filter(|instant| *instant <= upto_ms)
    }

    /// The next instants strictly after `after_ms`, at most `count` of them and at most [`MAX_PREVIEW`],
    /// in milliseconds since the Unix epoch.
    pub fn preview(&self, after_ms: u64, count: usize) -> Vec<u64> {
        std::iter::successors(self.next_after(after_ms), |instant| self.next_after(*instant))
            .take(count.min(MAX_PREVIEW))
            .collect()
    }

    /// What is done if the run of an earlier fire has not ended.
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }

    /// The last instant after `after_ms` and not after `upto_ms`.
    fn last_within(&self, after_ms: u64, upto_ms: u64) -> Option<u64> {
        let (after_ms, upto_ms) = self.bound(after_ms, upto_ms);
        self.instants.last_within(after_ms, upto_ms)
    }

    /// How many instants there are after `after_ms` and not after `upto_ms`; those of a cron pattern are
    /// counted up to a thousand.
    fn count_within(&self, after_ms: u64, upto_ms: u64) -> u64 {
        let (after_ms, upto_ms) = self.bound(after_ms, upto_ms);
        self.instants.count_within(after_ms, upto_ms)
    }

    /// Narrows an interval, open below and closed above, to what lies from start on and before end.
    fn bound(&self, after_ms: u64, upto_ms: u64) -> (u64, u64) {
        let start_ms = self.start.map_or(0, Moment::ms);
        let end_ms = self.end.map_or(u64::MAX, Moment::ms);
        (after_ms.max(start_ms.saturating_sub(1)), upto_ms.min(end_ms.saturating_sub(1)))
    }
}

/// Checks a jitter against the instants that it is for; gives milliseconds.
///
/// Half a gap at most, so that fires stay apart. Gaps are those of the wall clock: what daylight saving
/// narrows once a year refuses no config, as no fire begins once the next instant has come.
fn jitter(jitter: Option<Duration>, instants: &Instants) -> Result<u64, InvalidSchedule> {
    let Some(jitter) = jitter.filter(|jitter| !jitter.is_zero()) else { return Ok(0) };
    let jitter_ms = match u64::try_from(jitter.as_millis()) {
        Ok(jitter_ms) if jitter <= MAX_JITTER => jitter_ms,
        Ok(_) | Err(_) => return Err(InvalidSchedule::Jitter(jitter)),
    };
    match instants.shortest_gap() {
        Some(gap) if jitter > gap / 2 => Err(InvalidSchedule::JitterOverGap { jitter, gap }),
        Some(_) | None => Ok(jitter_ms),
    }
}

/// As an operator would say it: `30 6 * * MON-FRI (Europe/Berlin)` or `every 15m`, followed by what differs
/// from the defaults, as in `every 15m, jitter 5m, catch-up none`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.instants)?;
        if let Some(start) = self.start {
            write!(f, ", from {start}")?;
        }
        if let Some(end) = self.end {
            write!(f, ", before {end}")?;
        }
        if self.jitter_ms > 0 {
            write!(f, ", jitter {}", humantime::format_duration(Duration::from_millis(self.jitter_ms)))?;
        }
        match self.catch_up {
            CatchUp::None => write!(f, ", catch-up none")?,
            CatchUp::Latest => {}
            CatchUp::All(newest) => write!(f, ", catch-up all of the newest {newest}")?,
        }
        match self.overlap {
            Overlap::Allow => Ok(()),
            Overlap::Skip => write!(f, ", overlap skip"),
            Overlap::Queue => write!(f, ", overlap queue"),
            Overlap::Cancel => write!(f, ", overlap cancel"),
        }
    }
}

#[cfg(test)]
mod tests;
