use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::{ms, schedule, time};
use crate::schedule::{CatchUp, Config, Due, Fire, GRACE, Schedule};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const YEAR_MS: u64 = 365 * DAY_MS;

/// What is fired between two times, in UTC.
fn fired(schedule: &Schedule, cursor: &str, now: &str) -> Vec<String> {
    let due = schedule.due("w", ms(cursor), ms(now));
    due.fires.into_iter().map(|fire| time(fire.instant_ms)).collect()
}

#[test]
fn what_is_done_about_missed_instants_is_as_configured() {
    let daily = |catch_up: &str| schedule(&format!(r#"{{"cron":"0 6 * * *","catch-up":{catch_up}}}"#));
    let missed = ("2026-03-01T06:00:00Z", "2026-03-05T12:00:00Z");
    assert!(fired(&daily("\"none\""), missed.0, missed.1).is_empty());
    assert_eq!(fired(&daily("\"latest\""), missed.0, missed.1), ["2026-03-05T06:00:00Z"]);
    assert_eq!(
        fired(&daily(r#"{"all":3}"#), missed.0, missed.1),
        ["2026-03-03T06:00:00Z", "2026-03-04T06:00:00Z", "2026-03-05T06:00:00Z"]
    );
    assert_eq!(fired(&daily(r#"{"all":100}"#), missed.0, missed.1).len(), 4);
    for (catch_up, skipped) in [("\"none\"", 4), ("\"latest\"", 3), (r#"{"all":3}"#, 1)] {
        let due = daily(catch_up).due("w", ms(missed.0), ms(missed.1));
        assert_eq!((due.skipped, due.cursor_ms), (skipped, ms("2026-03-05T06:00:00Z")), "{catch_up}");
        assert_eq!(due.next_ms, Some(ms("2026-03-06T06:00:00Z")));
    }
}

#[test]
fn an_instant_within_the_grace_is_on_time_and_fires_in_any_case() {
    let none = schedule(r#"{"cron":"0 6 * * *","catch-up":"none"}"#);
    assert_eq!(fired(&none, "2026-03-01T06:00:00Z", "2026-03-03T06:01:00Z"), ["2026-03-03T06:00:00Z"]);
    assert!(fired(&none, "2026-03-01T06:00:00Z", "2026-03-03T06:01:00.001Z").is_empty());
    let latest = schedule(r#"{"cron":"*/10 * * * * *"}"#);
    assert_eq!(
        fired(&latest, "2026-03-03T06:00:00Z", "2026-03-03T06:00:35Z"),
        ["2026-03-03T06:00:10Z", "2026-03-03T06:00:20Z", "2026-03-03T06:00:30Z"]
    );
}

#[test]
fn a_missed_instant_is_not_made_up_for_when_a_later_one_is_on_time() {
    let latest = schedule(r#"{"cron":"0 6 * * *"}"#);
    assert_eq!(fired(&latest, "2026-03-01T06:00:00Z", "2026-03-03T06:00:30Z"), ["2026-03-03T06:00:00Z"]);
}

#[test]
fn a_single_time_fires_once_and_then_there_is_nothing_to_look_for() {
    let at = schedule(r#"{"at":"2026-12-24T18:00:00Z"}"#);
    let instant_ms = ms("2026-12-24T18:00:00Z");
    let before = at.due("w", instant_ms - DAY_MS, instant_ms - 1);
    assert_eq!((before.fires.len(), before.next_ms), (0, Some(instant_ms)));
    assert_eq!(before.cursor_ms, instant_ms - DAY_MS, "nothing was to be decided");
    let missed = at.due("w", before.cursor_ms, instant_ms + YEAR_MS);
    let fire = Fire { instant_ms, begin_ms: instant_ms };
    assert_eq!(missed, Due { fires: vec![fire], cursor_ms: instant_ms, next_ms: None, skipped: 0 });
    assert!(at.due("w", missed.cursor_ms, instant_ms + YEAR_MS).fires.is_empty());
}

#[test]
fn a_year_of_missed_seconds_is_computed_and_not_walked_through() {
    let now_ms = 10 * YEAR_MS;
    let due = schedule(r#"{"every":"1s","catch-up":{"all":1000}}"#).due("w", now_ms - YEAR_MS, now_ms);
    assert_eq!((due.fires.len(), due.skipped), (1_000, 31_536_000 - 1_000));
    assert_eq!((due.cursor_ms, due.next_ms), (now_ms, Some(now_ms + 1_000)));
    let due = schedule(r#"{"every":"1s"}"#).due("w", 0, u64::MAX);
    assert_eq!((due.fires.len(), due.next_ms), (60, None), "those within the grace");
    let due = schedule(r#"{"cron":"* * * * * *","catch-up":"none"}"#).due("w", 1, now_ms);
    assert_eq!((due.fires.len(), due.skipped, due.cursor_ms), (61, 1_000, now_ms));
}

#[test]
fn a_clock_set_back_fires_nothing_and_repeats_nothing() {
    let every = schedule(r#"{"every":"1m","catch-up":{"all":1000}}"#);
    let now_ms = 1_000 * MINUTE_MS;
    let due = every.due("w", now_ms - MINUTE_MS, now_ms);
    for back_ms in [0, 1, MINUTE_MS, now_ms] {
        let again = every.due("w", due.cursor_ms, now_ms - back_ms);
        let next_ms = Some(now_ms + MINUTE_MS);
        assert_eq!(again, Due { fires: vec![], cursor_ms: now_ms, next_ms, skipped: 0 });
    }
}

#[test]
fn an_instant_waits_for_its_jitter_and_the_cursor_waits_with_it() {
    let hourly = schedule(r#"{"cron":"@hourly","jitter":"30m","catch-up":"none"}"#);
    let instant_ms = ms("2026-03-01T06:00:00Z");
    let cursor_ms = instant_ms - 60 * MINUTE_MS;
    let waiting = hourly.due("w", cursor_ms, instant_ms);
    let begin_ms = waiting.next_ms.unwrap();
    assert!(begin_ms > instant_ms, "the dice of this name and instant do not fall on zero");
    assert_eq!(
        waiting,
        Due { fires: vec![], cursor_ms, next_ms: Some(begin_ms), skipped: 0 },
        "the instant is undecided"
    );
    assert_eq!(hourly.due("w", cursor_ms, begin_ms - 1), waiting);
    let grace_ms = u64::try_from(GRACE.as_millis()).unwrap();
    for late_ms in [0, grace_ms] {
        let due = hourly.due("w", cursor_ms, begin_ms + late_ms);
        assert_eq!((due.fires, due.cursor_ms), (vec![Fire { instant_ms, begin_ms }], instant_ms));
    }
    assert!(hourly.due("w", cursor_ms, begin_ms + grace_ms + 1).fires.is_empty(), "missed");
}

#[test]
fn a_missed_instant_is_decided_while_the_next_waits_for_its_jitter() {
    let hourly = schedule(r#"{"cron":"@hourly","jitter":"30m"}"#);
    let six_ms = ms("2026-03-01T06:00:00Z");
    let due = hourly.due("w", six_ms - 180 * MINUTE_MS, six_ms);
    assert_eq!(due.fires.first().map(|fire| fire.instant_ms), Some(six_ms - 60 * MINUTE_MS));
    assert_eq!((due.cursor_ms, due.skipped), (six_ms - 60 * MINUTE_MS, 1));
    assert!(due.next_ms.unwrap() > six_ms && due.next_ms.unwrap() <= six_ms + 30 * MINUTE_MS);
}

#[test]
fn jitter_hangs_on_the_name_and_the_instant_and_stays_the_same_in_later_versions() {
    let daily = schedule(r#"{"every":"1day","jitter":"1h"}"#);
    let later_ms = |name: &str, day: u64| {
        let fires = daily.due(name, (day - 1) * DAY_MS, (day + 1) * DAY_MS - 1).fires;
        fires.first().unwrap().begin_ms - day * DAY_MS
    };
    assert_eq!(
        [later_ms("a", 20_000), later_ms("a", 20_001), later_ms("b", 20_000)],
        [1_855_745, 739_303, 2_489_125],
        "what was drawn before a restart must be drawn after it"
    );
    let drawn: BTreeSet<u64> = (20_000..20_100).map(|day| later_ms("a", day)).collect();
    let (least, most) = (drawn.first().unwrap() / MINUTE_MS, drawn.last().unwrap() / MINUTE_MS);
    assert!(drawn.len() == 100 && least < 6 && most > 54, "spread from {least} to {most} minutes");
}

#[test]
fn a_fire_begins_before_the_next_instant_even_where_the_clock_is_put_back() {
    let schedule = schedule(r#"{"cron":"2,58 2 * * *","zone":"Europe/Berlin","jitter":"28m"}"#);
    let (last_ms, next_ms) = (ms("2026-10-25T00:58:00Z"), ms("2026-10-25T01:02:00Z"));
    assert_eq!(schedule.next_after(last_ms), Some(next_ms));
    for name in 0..100 {
        let begin_ms = schedule.fire(&name.to_string(), last_ms).begin_ms;
        assert!(begin_ms >= last_ms && begin_ms < next_ms, "{}", time(begin_ms));
    }
}

/// Schedules of all kinds, and the longest time that holds no more than a thousand of their instants.
fn schedules() -> impl Strategy<Value = (Config, u64)> {
    let kinds = [
        (r#"{"every":"1s"}"#, 900_000),
        (r#"{"every":"1s","jitter":"500ms"}"#, 900_000),
        (r#"{"every":"7m","jitter":"3m"}"#, 4 * DAY_MS),
        (r#"{"every":"1h","start":"2026-10-24T12:30:00Z","end":"2026-10-26T12:00:00Z"}"#, 4 * DAY_MS),
        (r#"{"cron":"*/13 * * * * *","jitter":"3s"}"#, 10_000_000),
        (r#"{"cron":"*/15 * * * *","zone":"Europe/Berlin"}"#, 4 * DAY_MS),
        (r#"{"cron":"30 2 * * *","zone":"Europe/Berlin","jitter":"1h"}"#, 4 * DAY_MS),
        (r#"{"cron":"5,50 1,2 * * *","zone":"Europe/Berlin","jitter":"7m"}"#, 4 * DAY_MS),
        // Four minutes apart where the clock is put back.
        (r#"{"cron":"2,58 2 * * *","zone":"Europe/Berlin","jitter":"28m"}"#, 4 * DAY_MS),
        (r#"{"at":"2026-10-25T02:30:00","zone":"Europe/Berlin","jitter":"1h"}"#, 4 * DAY_MS),
    ];
    let catch_up =
        prop_oneof![Just(CatchUp::None), Just(CatchUp::Latest), (1..=1_000_u32).prop_map(CatchUp::All)];
    (select(kinds.to_vec()), catch_up).prop_map(|((json, span_ms), catch_up)| {
        let config: Config = serde_json::from_str(json).unwrap();
        (Config { catch_up, ..config }, span_ms)
    })
}

/// What [`Schedule::due`] is to say, found by walking forward through all instants.
fn walked(schedule: &Schedule, catch_up: CatchUp, cursor_ms: u64, now_ms: u64) -> (Vec<u64>, u64, u64) {
    let begun =
        |instant_ms: &u64| *instant_ms <= now_ms && schedule.fire("w", *instant_ms).begin_ms <= now_ms;
    let next_after = |instant_ms: u64| schedule.next_after(instant_ms);
    let instants = std::iter::successors(next_after(cursor_ms), |instant_ms| next_after(*instant_ms));
    let decided: Vec<u64> = instants.take_while(begun).collect();
    let newest = match catch_up {
        CatchUp::None => 0,
        CatchUp::Latest => 1,
        CatchUp::All(newest) => usize::try_from(newest).unwrap(),
    };
    let on_time = |instant_ms: &u64| now_ms - schedule.fire("w", *instant_ms).begin_ms <= 60_000;
    let passed = decided.len().saturating_sub(newest);
    let passed = decided.iter().take(passed).position(on_time).unwrap_or(passed);
    let cursor_ms = decided.last().copied().unwrap_or(cursor_ms);
    (decided.get(passed..).unwrap().to_vec(), cursor_ms, u64::try_from(passed).unwrap())
}

proptest! {
    #[test]
    fn what_is_computed_is_what_a_walk_through_all_instants_finds(
        (config, span_ms) in schedules(), offset_ms in 0..2 * DAY_MS, part in 0.0..1.0_f64,
    ) {
        let schedule = Schedule::try_new(&config).unwrap();
        let cursor_ms = ms("2026-10-24T00:00:00Z") + offset_ms;
        let now_ms = cursor_ms + Duration::from_millis(span_ms).mul_f64(part).as_millis() as u64;
        let due = schedule.due("w", cursor_ms, now_ms);
        let fired: Vec<u64> = due.fires.iter().map(|fire| fire.instant_ms).collect();
        prop_assert_eq!((fired, due.cursor_ms, due.skipped), walked(&schedule, config.catch_up, cursor_ms, now_ms));
        let undecided = schedule.next_after(due.cursor_ms);
        prop_assert_eq!(due.next_ms, undecided.map(|instant_ms| schedule.fire("w", instant_ms).begin_ms));
        prop_assert!(due.next_ms.is_none_or(|next_ms| next_ms > now_ms));
    }

    #[test]
    fn fires_ascend_within_bounds_and_never_repeat_whatever_the_clock_does(
        (config, span_ms) in schedules(), parts in proptest::collection::vec(-0.3..0.5_f64, 1..12),
    ) {
        let schedule = Schedule::try_new(&config).unwrap();
        let jitter_ms = config.jitter.map_or(0, |jitter| jitter.as_millis() as u64);
        let mut cursor_ms = ms("2026-10-24T12:00:00Z");
        let mut now_ms = cursor_ms;
        let mut last_ms = cursor_ms;
        let mut last_begin_ms = cursor_ms;
        for part in parts {
            now_ms = now_ms.saturating_add_signed((span_ms as f64 * part) as i64);
            let due = schedule.due("w", cursor_ms, now_ms);
            for fire in &due.fires {
                prop_assert!(fire.instant_ms > last_ms && fire.begin_ms > last_begin_ms, "{due:?}");
                prop_assert!(fire.begin_ms >= fire.instant_ms && fire.begin_ms <= fire.instant_ms + jitter_ms);
                prop_assert!(fire.begin_ms <= now_ms && fire.instant_ms <= due.cursor_ms);
                (last_ms, last_begin_ms) = (fire.instant_ms, fire.begin_ms);
            }
            prop_assert!(due.cursor_ms >= cursor_ms && due.cursor_ms <= now_ms.max(cursor_ms));
            let again = schedule.due("w", due.cursor_ms, now_ms);
            prop_assert_eq!(again, Due { fires: vec![], skipped: 0, ..due.clone() });
            cursor_ms = due.cursor_ms;
        }
    }

    #[test]
    fn a_time_in_parts_fires_what_the_whole_fires_where_all_are_made_up_for(
        (config, span_ms) in schedules(), mut parts in proptest::collection::vec(0.0..1.0_f64, 1..6),
    ) {
        let schedule = Schedule::try_new(&Config { catch_up: CatchUp::All(1_000), ..config }).unwrap();
        let from_ms = ms("2026-10-24T12:00:00Z");
        parts.sort_by(f64::total_cmp);
        let mut cursor_ms = from_ms;
        let mut fires = Vec::new();
        for part in parts.into_iter().chain([1.0]) {
            let now_ms = from_ms + Duration::from_millis(span_ms).mul_f64(part).as_millis() as u64;
            let due = schedule.due("w", cursor_ms, now_ms);
            fires.extend(due.fires);
            cursor_ms = due.cursor_ms;
        }
        let whole = schedule.due("w", from_ms, from_ms + span_ms);
        prop_assert_eq!((fires, cursor_ms, 0), (whole.fires, whole.cursor_ms, whole.skipped));
    }

    #[test]
    fn any_numbers_are_answered((config, _) in schedules(), name in ".*", cursor_ms in any::<u64>(), now_ms in any::<u64>()) {
        let schedule = Schedule::try_new(&config).unwrap();
        let due = schedule.due(&name, cursor_ms, now_ms);
        prop_assert!(due.fires.iter().all(|fire| fire.instant_ms > cursor_ms && fire.begin_ms <= now_ms));
        prop_assert!(due.cursor_ms >= cursor_ms);
    }
}
