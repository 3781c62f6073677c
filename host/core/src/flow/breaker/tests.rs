#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

fn breaker(config: &str) -> Breaker {
    let config: Config = serde_json::from_str(config).unwrap();
    Breaker::new(Policy::try_new(&config).unwrap().unwrap(), 0)
}

fn go(breaker: &mut Breaker, now_ms: u64) -> Ticket {
    match breaker.admit(now_ms) {
        Admission::Go(ticket) => ticket,
        Admission::NotBefore(at_ms) => panic!("refused until {at_ms}"),
    }
}

/// Lets one attempt through, without jitter.
fn run(breaker: &mut Breaker, outcome: Outcome, now_ms: u64) {
    let ticket = go(breaker, now_ms);
    breaker.ended(ticket, outcome, now_ms, 1.0);
}

#[test]
fn failures_in_a_row_open_it_and_each_failed_probe_doubles_the_opening() {
    let mut breaker = breaker(r#"{"failures":3,"max_open":"1m"}"#);
    // A success between them starts the count anew, what says nothing does not.
    for outcome in [Outcome::Failed, Outcome::Failed, Outcome::Succeeded, Outcome::Failed, Outcome::Failed] {
        run(&mut breaker, outcome, 0);
    }
    run(&mut breaker, Outcome::Neutral, 0);
    run(&mut breaker, Outcome::Limited { retry_after_ms: None }, 0);
    assert_eq!(breaker.phase(), Phase::Closed);
    run(&mut breaker, Outcome::Failed, 1_000);

    let (mut now_ms, mut openings) = (1_000, Vec::new());
    for _ in 0..5 {
        assert_eq!((breaker.phase(), breaker.since_ms()), (Phase::Open, now_ms));
        let Admission::NotBefore(until_ms) = breaker.admit(now_ms) else { panic!("it is open") };
        assert_eq!(breaker.admit(until_ms - 1), Admission::NotBefore(until_ms));
        openings.push((until_ms - now_ms) / 1_000);
        now_ms = until_ms;
        run(&mut breaker, Outcome::Failed, now_ms);
    }
    assert_eq!(openings, [10, 20, 40, 60, 60]);

    run(&mut breaker, Outcome::Succeeded, now_ms + 60_000);
    assert_eq!((breaker.phase(), breaker.since_ms()), (Phase::Closed, now_ms + 60_000));
    for _ in 0..3 {
        run(&mut breaker, Outcome::Failed, now_ms + 70_000);
    }
    assert_eq!(breaker.admit(now_ms + 70_000), Admission::NotBefore(now_ms + 80_000), "as at the first time");
}

#[test]
fn probes_go_one_at_a_time_until_enough_have_succeeded() {
    let mut breaker = breaker(r#"{"failures":1,"probes":2}"#);
    run(&mut breaker, Outcome::Failed, 0);
    let probe = go(&mut breaker, 10_000);
    assert!(probe.is_probe());
    assert_eq!(breaker.admit(10_000), Admission::NotBefore(10_000 + PROBE_POLL_MS));
    breaker.ended(probe, Outcome::Succeeded, 11_000, 1.0);
    assert_eq!(breaker.phase(), Phase::HalfOpen, "one of two");

    // One that is dropped and one that says nothing make room for the next.
    let dropped = go(&mut breaker, 12_000);
    breaker.abandoned(dropped);
    run(&mut breaker, Outcome::Neutral, 12_000);
    run(&mut breaker, Outcome::Succeeded, 12_000);
    assert_eq!(breaker.phase(), Phase::Closed);
    assert!(!go(&mut breaker, 12_000).is_probe());
}

#[test]
fn what_comes_late_from_before_the_opening_changes_nothing() {
    let mut breaker = breaker(r#"{"failures":2}"#);
    let mut early: Vec<_> = (0..8).map(|_| go(&mut breaker, 0)).collect();
    let mut end = |breaker: &mut Breaker, outcome, now_ms| {
        breaker.ended(early.pop().unwrap(), outcome, now_ms, 1.0);
    };
    end(&mut breaker, Outcome::Failed, 1_000);
    end(&mut breaker, Outcome::Failed, 1_000);
    let open = breaker.clone();
    end(&mut breaker, Outcome::Succeeded, 2_000);
    end(&mut breaker, Outcome::Failed, 9_000);
    assert_eq!(breaker, open);

    let probe = go(&mut breaker, 11_000);
    let half_open = breaker.clone();
    end(&mut breaker, Outcome::Succeeded, 11_000);
    end(&mut breaker, Outcome::Failed, 11_000);
    assert_eq!(breaker, half_open);

    breaker.ended(probe, Outcome::Succeeded, 12_000, 1.0);
    end(&mut breaker, Outcome::Failed, 12_000);
    end(&mut breaker, Outcome::Failed, 12_000);
    assert_eq!(breaker.phase(), Phase::Closed, "they failed before it was closed");
}

#[test]
fn a_clock_that_jumps_back_does_not_lengthen_an_opening() {
    let mut breaker = breaker(r#"{"failures":1}"#);
    run(&mut breaker, Outcome::Failed, 3_600_000);
    assert_eq!(breaker.admit(5_000), Admission::NotBefore(15_000));
    assert_eq!(breaker.admit(14_999), Admission::NotBefore(15_000));
    assert!(go(&mut breaker, 15_000).is_probe());
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Admit,
    End(usize, Outcome),
    Abandon(usize),
}

fn acts() -> impl Strategy<Value = Act> {
    let outcomes = prop_oneof![
        Just(Outcome::Succeeded),
        Just(Outcome::Failed),
        Just(Outcome::Failed),
        Just(Outcome::Limited { retry_after_ms: None }),
        Just(Outcome::Neutral),
    ];
    prop_oneof![
        Just(Act::Admit),
        (any::<usize>(), outcomes).prop_map(|(which, outcome)| Act::End(which, outcome)),
        any::<usize>().prop_map(Act::Abandon),
    ]
}

proptest! {
    /// With any clock, random numbers and order of ends.
    #[test]
    fn there_is_one_probe_at_most_and_every_refusal_ends(
        acts in prop::collection::vec((acts(), 0..200_000_u64, any::<f64>()), 1..200),
        failures in 1..4_u32, probes in 1..4_u32,
    ) {
        let config = Config { failures, probes, ..Config::default() };
        let mut breaker = Breaker::new(Policy::try_new(&config).unwrap().unwrap(), 0);
        let mut out: Vec<Ticket> = Vec::new();
        for (act, now_ms, random) in acts {
            match act {
                Act::Admit => match breaker.admit(now_ms) {
                    Admission::Go(ticket) => out.push(ticket),
                    Admission::NotBefore(at_ms) => {
                        prop_assert!(at_ms > now_ms && at_ms <= now_ms + 300_000);
                        let goes = matches!(breaker.clone().admit(at_ms), Admission::Go(_));
                        prop_assert_eq!(goes, breaker.phase() == Phase::Open);
                    }
                },
                Act::End(which, outcome) if !out.is_empty() => {
                    let ticket = out.swap_remove(which % out.len());
                    breaker.ended(ticket, outcome, now_ms, random);
                }
                Act::Abandon(which) if !out.is_empty() => breaker.abandoned(out.swap_remove(which % out.len())),
                Act::End(..) | Act::Abandon(_) => {}
            }
            let probes = out.iter().filter(|ticket| ticket.is_probe()).count();
            let is_probing = matches!(breaker.state, State::HalfOpen { is_probing: true, .. });
            prop_assert_eq!(probes, usize::from(is_probing));
        }
    }

    #[test]
    fn jitter_takes_up_to_half_of_an_opening_away(random in any::<f64>()) {
        let mut breaker = breaker(r#"{"failures":1}"#);
        let ticket = go(&mut breaker, 0);
        breaker.ended(ticket, Outcome::Failed, 0, random);
        let Admission::NotBefore(at_ms) = breaker.admit(0) else { panic!("it is open") };
        prop_assert!((5_000..=10_000).contains(&at_ms));
    }
}

#[test]
fn each_bad_breaker_has_its_own_sentence_and_only_a_word_switches_it_off() {
    let read = |config: &str| Policy::try_new(&serde_json::from_str(config).unwrap());
    let sentences = [
        r#"{"failures":0}"#,
        r#"{"failures":1001}"#,
        r#"{"probes":0}"#,
        r#"{"probes":101}"#,
        r#"{"open":"99ms"}"#,
        r#"{"max_open":"25h"}"#,
        r#"{"open":"10m"}"#,
        r#"{"enabled":false,"probes":0}"#,
    ]
    .map(|config| {
        let invalid = read(config).unwrap_err();
        format!("{}: {invalid}", invalid.key())
    });
    assert_eq!(
        sentences,
        [
            "failures: failures is 0: give at least 1, or write enabled: false to do without a breaker",
            "failures: failures is 1001: give at most 1000, or write enabled: false to do without a breaker",
            "probes: probes is 0: give at least 1, since only a probe that succeeds closes the breaker",
            "probes: probes is 101: give at most 100",
            "open: open (99ms) is shorter than 100ms",
            "max_open: max_open (1day 1h) is longer than 24h",
            "open: open (10m) is longer than max_open (5m): lower open or raise max_open",
            "probes: probes is 0: give at least 1, since only a probe that succeeds closes the breaker",
        ]
    );
    assert_eq!(read(r#"{"enabled":false}"#), Ok(None));
    let default =
        Policy { failures: 5, open: Duration::from_secs(10), max_open: Duration::from_secs(300), probes: 1 };
    assert_eq!(read("{}"), Ok(Some(default)));
    assert!(serde_json::from_str::<Config>(r#"{"threshold":3}"#).is_err());
}
