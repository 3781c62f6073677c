//! Whether a request was signed just now.

use chrono::DateTime;

use super::Refusal;
use super::recipe::{Timestamp, Unit};

/// Longest way to write a time: RFC 3339 with nanoseconds and an offset has 35 characters.
const LONGEST: usize = 40;

impl Timestamp {
    /// Both ends of the tolerance are within it.
    pub fn check(&self, written: &[u8], tolerance_ms: u64, now_ms: u64) -> Result<(), Refusal> {
        check(self.unit.ms(written).ok_or(self.at.malformed())?, tolerance_ms, now_ms)
    }
}

/// Whether a time is near to now. Both ends of the tolerance are within it.
pub(super) fn check(signed_ms: u64, tolerance_ms: u64, now_ms: u64) -> Result<(), Refusal> {
    if now_ms.saturating_sub(signed_ms) > tolerance_ms {
        Err(Refusal::TooOld)
    } else if signed_ms.saturating_sub(now_ms) > tolerance_ms {
        Err(Refusal::TooNew)
    } else {
        Ok(())
    }
}

impl Unit {
    /// In milliseconds since the Unix epoch; what lies before it is at it.
    pub(super) fn ms(self, written: &[u8]) -> Option<u64> {
        let text = std::str::from_utf8(written).ok().filter(|text| text.len() <= LONGEST)?;
        let whole =
            || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
        match self {
            Self::Seconds => Some(whole()?.saturating_mul(1_000)),
            Self::Milliseconds => whole(),
            Self::Rfc3339 => {
                let time = DateTime::parse_from_rfc3339(text).ok()?;
                Some(u64::try_from(time.timestamp_millis()).unwrap_or(0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn times_are_read_in_their_unit_and_in_no_other_way() {
        assert_eq!(Unit::Seconds.ms(b"1700000000"), Some(1_700_000_000_000));
        assert_eq!(Unit::Seconds.ms(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(Unit::Milliseconds.ms(b"1700000000000"), Some(1_700_000_000_000));
        assert_eq!(Unit::Rfc3339.ms(b"2023-11-14T22:13:20.634234626Z"), Some(1_700_000_000_634));
        assert_eq!(Unit::Rfc3339.ms(b"1969-11-14T22:13:20Z"), Some(0));
        for wrong in ["", "-1", "+1", " 1", "1.0", "1e9", "18446744073709551616", "0x1", "١"] {
            assert_eq!(Unit::Seconds.ms(wrong.as_bytes()), None, "{wrong}");
        }
        for wrong in ["1700000000", "2023-11-14T22:13:20", "+2023-11-14T22:13:20Z", "12023-11-14T22:13:20Z"] {
            assert_eq!(Unit::Rfc3339.ms(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
