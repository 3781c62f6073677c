#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::{Config, Schedule};

fn cron(pattern: &str, zone: &str) -> Schedule {
    let config = Config { cron: Some(pattern.into()), zone: Some(zone.into()), every: None };
    Schedule::try_new(&config).unwrap()
}

/// The next `count` instants after `after` in RFC 3339, in UTC.
fn instants(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let mut at = u64::try_from(DateTime::parse_from_rfc3339(after).unwrap().timestamp_millis()).unwrap();
    let mut instants = Vec::new();
    for _ in 0..count {
        at = schedule.next_after(at).unwrap();
        let time = DateTime::from_timestamp_millis(i64::try_from(at).unwrap()).unwrap();
        instants.push(time.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    instants
}

// Europe/Berlin in 2026: the clock goes from 02:00 to 03:00 on 29 March (01:00 UTC) and from 03:00
// to 02:00 on 25 October (01:00 UTC).

#[test]
fn a_fixed_time_in_the_gap_fires_once_at_its_end() {
    let schedule = cron("30 2 * * *", "Europe/Berlin");
    assert_eq!(
        instants(&schedule, "2026-03-28T00:00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
}

#[test]
fn a_fixed_time_in_the_overlap_fires_the_first_time_only() {
    let schedule = cron("30 2 * * *", "Europe/Berlin");
    assert_eq!(
        instants(&schedule, "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
}

#[test]
fn a_repeating_pattern_keeps_its_pace_over_gap_and_overlap() {
    let schedule = cron("*/30 * * * *", "Europe/Berlin");
    assert_eq!(
        instants(&schedule, "2026-03-29T00:20:00Z", 3),
        ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
    );
    assert_eq!(
        instants(&schedule, "2026-10-25T00:20:00Z", 4),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"]
    );
}

#[test]
fn six_fields_begin_with_seconds_and_names_of_days_are_known() {
    let schedule = cron("15 30 6 * * MON-FRI", "UTC");
    assert_eq!(
        instants(&schedule, "2026-10-23T06:30:15Z", 1),
        ["2026-10-26T06:30:15Z"],
        "strictly after, and over the weekend"
    );
}

#[test]
fn each_mistake_names_its_key_and_says_what_is_expected() {
    let sentence = |json: &str| {
        let error = Schedule::try_new(&serde_json::from_str::<Config>(json).unwrap()).unwrap_err();
        format!("{}: {error}", error.key().unwrap_or("-"))
    };
    assert!(sentence("{}").starts_with("-: a schedule has cron"));
    assert!(sentence(r#"{"cron":"* * * * *","every":"5m"}"#).starts_with("-: a schedule has either"));
    let pattern = sentence(r#"{"cron":"61 * * * *"}"#);
    assert!(pattern.starts_with("cron: cron is \"61 * * * *\", which is no pattern"), "{pattern}");
    assert!(sentence(r#"{"cron":"0 0 30 2 *"}"#).ends_with("there is no such date"));
    assert_eq!(sentence(r#"{"every":"10ms"}"#), "every: every is 10ms: give 1s to 366 days");
    assert!(sentence(r#"{"cron":"* * * * *","zone":"Berlin"}"#).starts_with("zone: zone is \"Berlin\""));
    assert!(sentence(r#"{"every":"5m","zone":"UTC"}"#).starts_with("zone: zone has no meaning"));
}

proptest! {
    #[test]
    fn a_period_fires_at_its_multiples_and_strictly_later(seconds in 1..31_000_000_u64, after in any::<u64>()) {
        let every = Some(Duration::from_secs(seconds));
        let schedule = Schedule::try_new(&Config { every, ..Config::default() }).unwrap();
        if let Some(next) = schedule.next_after(after) {
            prop_assert!(next > after && next - after <= seconds * 1_000);
            prop_assert_eq!(next % (seconds * 1_000), 0);
        }
    }

    #[test]
    fn cron_always_moves_forward(after in 0..4_102_444_800_000_u64) {
        let schedule = cron("*/7 1-3 * * *", "Europe/Berlin");
        let next = schedule.next_after(after).unwrap();
        prop_assert!(next > after && next - after < 26 * 3_600_000);
    }
}
