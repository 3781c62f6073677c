use proptest::prelude::{prop_assert, proptest};

use super::{instants, schedule};
use crate::schedule::{CatchUp, Config, MAX_PREVIEW, Overlap, Schedule};

/// The sentence of the mistake in a config in JSON, after the key that it is about.
fn mistake(json: &str) -> String {
    let error = Schedule::try_new(&serde_json::from_str::<Config>(json).unwrap()).unwrap_err();
    format!("{}: {error}", error.key().unwrap_or("-"))
}

#[test]
fn each_mistake_names_its_key_and_says_what_is_expected() {
    let several = "-: a schedule has one of cron, every and at, not several: write a workflow for each";
    let no_moment = "which is no point in time: give one such as 2026-12-24T18:00:00+01:00, or without an offset \
                     to have it read in zone, such as 2026-12-24T18:00:00";
    let no_use = "zone: zone has no meaning here, as only cron and times without an offset are read in it: \
                  remove it, or the offset";
    let nothing_left = "-: no instant is left by start and end, so that the schedule would never fire: give an \
                        earlier start, a later end or neither";
    let pattern = |given: &str, problem: &str| {
        format!(
            "cron: cron is \"{given}\", which is no pattern ({problem}): give five fields, such as \
             \"30 6 * * MON-FRI\", or a name, such as \"@daily\""
        )
    };
    let fields = "Invalid pattern: Pattern must have 5 or 6 fields when years are disallowed";
    let table: [(&str, &str); 28] = [
        (
            "{}",
            "-: a schedule has cron, such as \"30 6 * * MON-FRI\", or every, such as 15m, or at, such as \
             2026-12-24T18:00:00+01:00",
        ),
        (r#"{"cron":"* * * * *","every":"5m"}"#, several),
        (r#"{"cron":"* * * * *","at":"2026-12-24T18:00:00Z"}"#, several),
        (r#"{"every":"5m","at":"2026-12-24T18:00:00Z"}"#, several),
        (r#"{"cron":"61 * * * *"}"#, &pattern("61 * * * *", "Component error: Number out of bounds")),
        (r#"{"cron":"@reboot"}"#, &pattern("@reboot", fields)),
        (r#"{"cron":"* * * * * * 2026"}"#, &pattern("* * * * * * 2026", fields)),
        (r#"{"cron":""}"#, &pattern("", "CronPattern cannot be an empty string")),
        (
            r#"{"cron":"0 0 30 2 *"}"#,
            "cron: cron is \"0 0 30 2 *\", which never comes about: there is no such date",
        ),
        (r#"{"every":"10ms"}"#, "every: every is 10ms: give 1s to 366 days"),
        (r#"{"every":"367days"}"#, "every: every is 1year 1day 18h: give 1s to 366 days"),
        (r#"{"at":"24 December"}"#, &format!("at: at is \"24 December\", {no_moment}")),
        (r#"{"at":"2026-02-30T12:00:00"}"#, &format!("at: at is \"2026-02-30T12:00:00\", {no_moment}")),
        (r#"{"every":"5m","start":"2026-12-24"}"#, &format!("start: start is \"2026-12-24\", {no_moment}")),
        (r#"{"every":"5m","end":"18:00:00"}"#, &format!("end: end is \"18:00:00\", {no_moment}")),
        (
            r#"{"every":"5m","start":"1970-01-01T00:00:00Z"}"#,
            "start: start is \"1970-01-01T00:00:00Z\": give a time after the start of 1970, which times are \
             counted from",
        ),
        (
            r#"{"cron":"* * * * *","zone":"Berlin"}"#,
            "zone: zone is \"Berlin\", which is no time zone: give an IANA name, such as Europe/Berlin",
        ),
        (r#"{"every":"5m","zone":"UTC"}"#, no_use),
        (r#"{"at":"2026-12-24T18:00:00Z","zone":"UTC"}"#, no_use),
        (
            r#"{"every":"5m","zone":"Europe/Berlin","start":"2026-07-01T02:00:00","end":"2026-07-01T00:00:00Z"}"#,
            "end: end (2026-07-01T00:00:00Z) is not after start (2026-07-01T02:00:00+02:00): give a later end or \
             an earlier start",
        ),
        (r#"{"every":"1h","start":"2026-07-01T00:00:01Z","end":"2026-07-01T01:00:00Z"}"#, nothing_left),
        (r#"{"cron":"@yearly","start":"2026-01-02T00:00:00Z","end":"2027-01-01T00:00:00Z"}"#, nothing_left),
        (r#"{"at":"2026-12-24T18:00:00Z","start":"2026-12-24T18:00:01Z"}"#, nothing_left),
        (r#"{"at":"2026-12-24T18:00:00Z","end":"2026-12-24T18:00:00Z"}"#, nothing_left),
        (r#"{"every":"1day","jitter":"61m"}"#, "jitter: jitter is 1h 1m: give at most 1h"),
        (
            r#"{"every":"10m","jitter":"6m"}"#,
            "jitter: jitter is 6m, which is over half of the 10m that instants are apart: give at most 5m",
        ),
        (
            r#"{"cron":"0,5 9-17 * * *","jitter":"151s"}"#,
            "jitter: jitter is 2m 31s, which is over half of the 5m that instants are apart: give at most 2m 30s",
        ),
        (
            r#"{"every":"5m","catch-up":{"all":1001}}"#,
            "catch-up: catch-up is all: 1001: give 1 to 1000, or write none to make up for nothing",
        ),
    ];
    for (config, sentence) in table {
        assert_eq!(mistake(config), sentence, "{config}");
    }
    assert!(mistake(r#"{"every":"5m","catch-up":{"all":0}}"#).starts_with("catch-up: catch-up is all: 0:"));
}

#[test]
fn the_bounds_of_jitter_are_within_what_is_allowed() {
    for config in [
        r#"{"every":"10m","jitter":"5m"}"#,
        r#"{"every":"1day","jitter":"1h"}"#,
        r#"{"cron":"0,5 9-17 * * *","jitter":"150s"}"#,
        r#"{"cron":"0 0 29 2 *","jitter":"1h"}"#,
        r#"{"at":"2026-12-24T18:00:00Z","jitter":"1h"}"#,
        r#"{"every":"1s","jitter":"0s"}"#,
    ] {
        schedule(config);
    }
}

#[test]
fn keys_and_values_that_are_not_known_are_refused() {
    for config in [
        r#"{"every":"5m","catch_up":"none"}"#,
        r#"{"every":"5m","overlap":"wait"}"#,
        r#"{"every":"5m","jitter":"often"}"#,
    ] {
        assert!(serde_json::from_str::<Config>(config).is_err(), "{config}");
    }
}

#[test]
fn a_catch_up_that_is_not_known_is_answered_with_those_that_are() {
    for catch_up in [r#""all""#, r#""newest""#, "100", r#"{"all":-1}"#, r#"{"all":1,"none":1}"#, "{}", "null"]
    {
        let error = serde_json::from_str::<Config>(&format!(r#"{{"catch-up":{catch_up}}}"#)).unwrap_err();
        let expected = "catch-up is none, latest, or all with how many at most, such as { all: 100 }";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn what_is_written_is_read_again_and_defaults_are_not_written() {
    let full = r#"{"cron":"0 6 * * *","zone":"Europe/Berlin","start":"2026-01-01T00:00:00","end":"2027-01-01T00:00:00Z","jitter":"5m","catch-up":{"all":100},"overlap":"cancel"}"#;
    let plain = r#"{"every":"5m"}"#;
    for json in [full, plain, r#"{"at":"2026-12-24T18:00:00Z","catch-up":"none","overlap":"queue"}"#] {
        let config: Config = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&config).unwrap(), json);
    }
    let config: Config =
        serde_json::from_str(r#"{"every":"300s","catch-up":"latest","overlap":"allow"}"#).unwrap();
    assert_eq!(serde_json::to_string(&config).unwrap(), plain, "so that the workflow's version stays");
    assert_eq!((config.catch_up, config.overlap), (CatchUp::Latest, Overlap::Allow));
}

#[test]
fn a_schedule_reads_as_an_operator_would_say_it() {
    let table = [
        (r#"{"cron":" 30 6 * * mon-FRI ","zone":"Europe/Berlin"}"#, "30 6 * * mon-FRI (Europe/Berlin)"),
        (r#"{"cron":"@Midnight"}"#, "@Midnight (UTC)"),
        (r#"{"every":"90m","jitter":"5m","overlap":"skip"}"#, "every 1h 30m, jitter 5m, overlap skip"),
        (
            r#"{"at":"2026-12-24T18:00:00","zone":"Europe/Berlin","catch-up":"none"}"#,
            "at 2026-12-24T18:00:00+01:00, catch-up none",
        ),
        (
            r#"{"every":"1h","start":"2026-07-01T00:00:00","end":"2026-08-01T00:00:00-04:00","zone":"Europe/Berlin","catch-up":{"all":100},"overlap":"queue"}"#,
            "every 1h, from 2026-07-01T00:00:00+02:00, before 2026-08-01T00:00:00-04:00, catch-up all of the \
             newest 100, overlap queue",
        ),
    ];
    for (config, said) in table {
        assert_eq!(schedule(config).to_string(), said);
    }
}

#[test]
fn overlap_is_told_as_it_was_written() {
    let table = [("skip", Overlap::Skip), ("queue", Overlap::Queue), ("cancel", Overlap::Cancel)];
    for (written, overlap) in table.into_iter().chain([("allow", Overlap::Allow)]) {
        assert_eq!(schedule(&format!(r#"{{"every":"5m","overlap":"{written}"}}"#)).overlap(), overlap);
    }
}

#[test]
fn start_is_the_first_possible_instant_and_end_is_none_any_more() {
    let hourly = schedule(r#"{"every":"1h","start":"2026-07-01T06:00:00Z","end":"2026-07-01T08:00:00Z"}"#);
    assert_eq!(
        instants(&hourly, "2026-01-01T00:00:00Z", 9),
        ["2026-07-01T06:00:00Z", "2026-07-01T07:00:00Z"]
    );
    let late = schedule(
        r#"{"cron":"@daily","zone":"Europe/Berlin","start":"2026-07-01T00:00:01","end":"2026-07-03T00:00:01"}"#,
    );
    assert_eq!(instants(&late, "2026-01-01T00:00:00Z", 9), ["2026-07-01T22:00:00Z", "2026-07-02T22:00:00Z"]);
}

#[test]
fn a_preview_ends_with_the_instants_and_at_its_bound() {
    let at = schedule(r#"{"at":"2026-12-24T18:00:00.250+01:00"}"#);
    assert_eq!(instants(&at, "2026-12-24T17:00:00Z", 5), ["2026-12-24T17:00:00.250Z"]);
    assert!(instants(&at, "2026-12-24T17:00:00.250Z", 5).is_empty());
    assert_eq!(schedule(r#"{"every":"1s"}"#).preview(0, usize::MAX).len(), MAX_PREVIEW);
    assert!(schedule(r#"{"every":"1s"}"#).preview(u64::MAX, 1).is_empty());
    assert!(schedule(r#"{"cron":"* * * * *"}"#).preview(u64::MAX, 1).is_empty());
}

proptest! {
    #[test]
    fn any_text_is_a_pattern_or_refused(
        pattern in "([-0-9*/,?LW#+@A-Z]{1,4} ){4,5}[-0-9*/,?LW#+A-Z]{1,4}|@?\\PC{0,20}",
    ) {
        let config = Config { cron: Some(pattern), ..Config::default() };
        if let Err(error) = Schedule::try_new(&config) {
            prop_assert!(error.key() == Some("cron"));
        }
    }

    #[test]
    fn any_text_is_a_time_or_refused(time in "[-+0-9]{4,5}-[0-9]{1,2}-[0-9]{1,2}T[0-9:]{6,8}(Z|[+]02:00)?|\\PC{0,25}") {
        let config = Config { at: Some(time), ..Config::default() };
        if let Err(error) = Schedule::try_new(&config) {
            prop_assert!(error.key() == Some("at"));
        }
    }
}
