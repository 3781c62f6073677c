//! A single point in time as an operator writes it.

use std::fmt;

use chrono::{
    DateTime, Duration, FixedOffset, LocalResult, NaiveDateTime, SecondsFormat, TimeZone as _, Utc,
};
use chrono_tz::Tz;

use super::InvalidSchedule;

/// Local times, such as `2026-12-24T18:00:00`.
const LOCAL: &str = "%Y-%m-%dT%H:%M:%S";
/// How long such a text is, since the parser also takes shorter and longer fields.
const LOCAL_LENGTH: usize = "2026-12-24T18:00:00".len();

/// More than any wall clock has ever been off UTC or been moved by, in hours.
const FAR_HOURS: i64 = 50;

/// A point in time after the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    ms: u64,
    /// With the offset that it was written with, or that its zone has then.
    time: DateTime<FixedOffset>,
    local: bool,
}

impl Moment {
    /// Reads the `text` of `key`: RFC 3339, or a local time in `zone`.
    pub(super) fn try_new(key: &'static str, text: &str, zone: Tz) -> Result<Self, InvalidSchedule> {
        let refused = || InvalidSchedule::Moment { key, text: text.to_owned() };
        let (time, local) = match DateTime::parse_from_rfc3339(text) {
            Ok(time) => (time, false),
            Err(_) if text.len() == LOCAL_LENGTH => {
                let wall = NaiveDateTime::parse_from_str(text, LOCAL).map_err(|_| refused())?;
                (resolve(wall, zone).ok_or_else(refused)?.fixed_offset(), true)
            }
            Err(_) => return Err(refused()),
        };
        match u64::try_from(time.timestamp_millis()) {
            Ok(ms) if ms > 0 => Ok(Self { ms, time, local }),
            Ok(_) | Err(_) => Err(InvalidSchedule::BeforeEpoch { key, text: text.to_owned() }),
        }
    }

    /// Milliseconds since the Unix epoch; never 0.
    pub(super) fn ms(self) -> u64 {
        self.ms
    }

    /// Whether it was written without an offset.
    pub(super) fn is_local(self) -> bool {
        self.local
    }
}

/// In RFC 3339.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// When the clock of `zone` shows `wall`: the first time if it does twice; if it never does, the end of
/// the gap that `wall` is in.
fn resolve(wall: NaiveDateTime, zone: Tz) -> Option<DateTime<Tz>> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time),
        LocalResult::None => {
            let utc = Utc.from_utc_datetime(&wall);
            let mut before = utc.checked_sub_signed(Duration::hours(FAR_HOURS))?;
            let mut after = utc.checked_add_signed(Duration::hours(FAR_HOURS))?;
            // Invariant: the clock is before the gap at `before` and behind it at `after`.
            while (after - before).num_seconds() > 1 {
                let middle = before + Duration::seconds((after - before).num_seconds() / 2);
                if middle.with_timezone(&zone).naive_local() < wall {
                    before = middle;
                } else {
                    after = middle;
                }
            }
            Some(after.with_timezone(&zone))
        }
    }
}
