use std::time::Duration;

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;

use super::{cron, instants, ms, schedule};
use crate::schedule::{Config, Schedule};

/// What an `at` without an offset means, in UTC.
fn at(time: &str, zone: &str) -> String {
    let at = schedule(&format!(r#"{{"at":"{time}","zone":"{zone}"}}"#));
    instants(&at, "1970-01-01T00:00:00Z", 1).concat()
}

// In 2026 the clock of Europe/Berlin goes from 02:00 to 03:00 on 29 March (01:00 UTC) and from 03:00 to
// 02:00 on 25 October (01:00 UTC); that of America/New_York from 02:00 to 03:00 on 8 March (07:00 UTC) and
// from 02:00 to 01:00 on 1 November (06:00 UTC); that of Australia/Lord_Howe from 02:00 to 01:30 on 5 April
// (15:00 UTC the day before) and from 02:00 to 02:30 on 4 October (15:30 UTC the day before).

#[test]
fn a_fixed_time_in_the_gap_fires_once_at_its_end() {
    assert_eq!(
        instants(&cron("30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        instants(&cron("30 2 * * *", "America/New_York"), "2026-03-07T00:00:00Z", 3),
        ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]
    );
    assert_eq!(
        instants(&cron("15 2 * * *", "Australia/Lord_Howe"), "2026-10-02T00:00:00Z", 3),
        ["2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]
    );
}

#[test]
fn a_fixed_time_in_the_overlap_fires_the_first_time_only() {
    assert_eq!(
        instants(&cron("30 2 * * *", "Europe/Berlin"), "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
    assert_eq!(
        instants(&cron("30 1 * * *", "America/New_York"), "2026-10-31T12:00:00Z", 2),
        ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
    );
    assert_eq!(
        instants(&cron("45 1 * * *", "Australia/Lord_Howe"), "2026-04-03T20:00:00Z", 2),
        ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]
    );
}

#[test]
fn a_repeating_pattern_keeps_its_pace_over_gap_and_overlap() {
    let half_hours = cron("*/30 * * * *", "Europe/Berlin");
    assert_eq!(
        instants(&half_hours, "2026-03-29T00:20:00Z", 3),
        ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
    );
    assert_eq!(
        instants(&half_hours, "2026-10-25T00:20:00Z", 4),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"]
    );
    assert_eq!(
        instants(&cron("@hourly", "America/New_York"), "2026-11-01T04:30:00Z", 3),
        ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"]
    );
    let lord_howe = cron("*/15 * * * *", "Australia/Lord_Howe");
    assert_eq!(
        instants(&lord_howe, "2026-04-04T14:40:00Z", 4),
        ["2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:15:00Z", "2026-04-04T15:30:00Z"]
    );
    assert_eq!(
        instants(&lord_howe, "2026-10-03T15:10:00Z", 3),
        ["2026-10-03T15:15:00Z", "2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z"]
    );
}

#[test]
fn of_several_times_a_day_those_in_the_gap_are_skipped_and_those_in_the_overlap_come_twice() {
    let twice_a_day = cron("30 2,14 * * *", "Europe/Berlin");
    assert_eq!(
        instants(&twice_a_day, "2026-03-28T12:00:00Z", 2),
        ["2026-03-28T13:30:00Z", "2026-03-29T12:30:00Z"]
    );
    assert_eq!(
        instants(&twice_a_day, "2026-10-24T13:00:00Z", 3),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T13:30:00Z"]
    );
}

#[test]
fn a_local_time_in_the_gap_is_its_end_and_in_the_overlap_the_first() {
    let table = [
        ("2026-03-29T01:59:59", "Europe/Berlin", "2026-03-29T00:59:59Z"),
        ("2026-03-29T02:00:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("2026-03-29T02:59:59", "Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("2026-03-29T03:00:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        ("2026-10-25T03:00:00", "Europe/Berlin", "2026-10-25T02:00:00Z"),
        ("2026-03-08T02:30:00", "America/New_York", "2026-03-08T07:00:00Z"),
        ("2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00Z"),
        ("2026-10-04T02:15:00", "Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
        ("2026-10-04T02:30:00", "Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
        ("2026-04-05T01:45:00", "Australia/Lord_Howe", "2026-04-04T14:45:00Z"),
        // The day that was left out when Samoa crossed the date line.
        ("2011-12-30T12:00:00", "Pacific/Apia", "2011-12-30T10:00:00Z"),
        ("2026-12-24T18:00:00", "UTC", "2026-12-24T18:00:00Z"),
    ];
    for (time, zone, utc) in table {
        assert_eq!(at(time, zone), utc, "{time} in {zone}");
    }
}

#[test]
fn a_local_time_without_a_zone_is_read_in_utc() {
    let at = schedule(r#"{"at":"2026-12-24T18:00:00"}"#);
    assert_eq!(instants(&at, "2026-01-01T00:00:00Z", 1), ["2026-12-24T18:00:00Z"]);
}

#[test]
fn the_leap_day_comes_every_four_years_but_not_in_2100() {
    let leap_day = cron("0 12 29 2 *", "UTC");
    assert_eq!(
        instants(&leap_day, "2026-01-01T00:00:00Z", 2),
        ["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]
    );
    assert_eq!(
        instants(&leap_day, "2096-01-01T00:00:00Z", 2),
        ["2096-02-29T12:00:00Z", "2104-02-29T12:00:00Z"]
    );
}

#[test]
fn six_fields_begin_with_seconds_and_names_of_days_are_known() {
    assert_eq!(
        instants(&cron("15 30 6 * * MON-FRI", "UTC"), "2026-10-23T06:30:15Z", 1),
        ["2026-10-26T06:30:15Z"],
        "strictly after, and over the weekend"
    );
}

#[test]
fn each_nickname_means_what_vixie_cron_means_by_it() {
    // A Sunday.
    let table = [
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("@annually", "2027-01-01T00:00:00Z"),
        ("@monthly", "2026-04-01T00:00:00Z"),
        ("@weekly", "2026-03-22T00:00:00Z"),
        ("@daily", "2026-03-16T00:00:00Z"),
        ("@midnight", "2026-03-16T00:00:00Z"),
        ("@hourly", "2026-03-15T13:00:00Z"),
        (" @Midnight ", "2026-03-16T00:00:00Z"),
    ];
    for (nickname, next) in table {
        assert_eq!(instants(&cron(nickname, "UTC"), "2026-03-15T12:30:00Z", 1), [next], "{nickname}");
    }
    assert_eq!(
        instants(&cron("@daily", "Europe/Berlin"), "2026-03-15T12:30:00Z", 1),
        ["2026-03-15T23:00:00Z"],
        "on the clock of the zone"
    );
}

/// Where the clocks of the zones above are moved, and of one that moves at midnight.
const MOVES: [(&str, &str); 8] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("America/Santiago", "2026-04-05T03:00:00Z"),
    ("America/Santiago", "2026-09-06T04:00:00Z"),
];

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

    /// `due` searches backwards, `next_after` forwards, and both through gaps and overlaps.
    #[test]
    fn the_search_backwards_finds_what_the_search_forwards_finds(
        (zone, change) in select(MOVES.as_slice()),
        minute in 0..60, hour in 0..4, step in select([7, 15, 20, 30].as_slice()),
        before_ms in 0..100_000_000_u64, after_ms in 0..100_000_000_u64,
    ) {
        let patterns = [
            format!("{minute} {hour} * * *"),
            format!("{minute} {hour},14 * * *"),
            format!("*/{step} * * * *"),
            format!("*/{step} {hour} * * *"),
            format!("30 {minute} {hour}-{} * * *", hour + 2),
        ];
        let (from_ms, to_ms) = (ms(change) - before_ms, ms(change) + after_ms);
        for pattern in patterns {
            let schedule = cron(&pattern, zone);
            let next_after = |instant: u64| schedule.next_after(instant).filter(|next| *next <= to_ms);
            let forwards: Vec<u64> =
                std::iter::successors(next_after(from_ms), |instant| next_after(*instant)).collect();
            let mut backwards = Vec::new();
            let mut upto_ms = to_ms;
            while let Some(instant) = schedule.last_within(from_ms, upto_ms) {
                backwards.push(instant);
                upto_ms = instant - 1;
            }
            backwards.reverse();
            prop_assert_eq!(forwards, backwards, "{}", pattern);
        }
    }
}
