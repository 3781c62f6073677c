#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::flow::rate;

/// A gate with the default breaker, and a rate as config has it.
fn gate(concurrency: usize, rate: Option<&str>) -> Gate {
    let rate = rate.map(|rate| {
        let config: rate::Config = serde_json::from_str(rate).unwrap();
        Rate::try_new(&config).unwrap()
    });
    let breaker = breaker::Policy::try_new(&breaker::Config::default()).unwrap();
    Gate::new(Policy { concurrency: concurrency.try_into().unwrap(), rate, breaker }, 0)
}

fn go(gate: &mut Gate, now_ms: u64) -> Pass {
    match gate.admit(now_ms) {
        Admit::Go(pass) => pass,
        refused => panic!("{refused:?} at {now_ms}"),
    }
}

fn run(gate: &mut Gate, outcome: Outcome, now_ms: u64) {
    let pass = go(gate, now_ms);
    gate.ended(pass, outcome, now_ms, 1.0);
}

const UNSAID: Outcome = Outcome::Limited { retry_after_ms: None };

#[test]
fn a_full_gate_opens_with_the_next_end_and_a_refusal_uses_nothing_up() {
    let mut gate = gate(2, Some(r#"{"requests":3,"per":"1s"}"#));
    let (one, two) = (go(&mut gate, 0), go(&mut gate, 0));
    assert_eq!((gate.admit(0), gate.admit(0)), (Admit::Full, Admit::Full));
    gate.ended(one, Outcome::Neutral, 0, 0.5);
    let three = go(&mut gate, 0);
    // The rate is used up; that holds whether there is a place or not.
    assert_eq!(gate.admit(0), Admit::NotBefore(333, Reason::Rate));
    gate.abandoned(two);
    assert_eq!(gate.admit(0), Admit::NotBefore(333, Reason::Rate));
    gate.abandoned(three);
    assert_eq!(gate.status(0).in_flight, 0);
}

#[test]
fn the_room_of_a_gate_is_what_it_lets_through() {
    for (concurrency, rate) in
        [(2, r#"{"requests":3,"per":"1s"}"#), (9, r#"{"requests":3,"per":"1s","burst":2}"#)]
    {
        let mut gate = gate(concurrency, Some(rate));
        for now_ms in [0, 1, 333, 400, 1_000, 60_000] {
            let room = gate.room(now_ms).attempts;
            let passes = std::iter::from_fn(|| match gate.admit(now_ms) {
                Admit::Go(pass) => Some(pass),
                Admit::NotBefore(..) | Admit::Full => None,
            });
            let passes: Vec<Pass> = passes.collect();
            assert_eq!(room, passes.len(), "{rate} at {now_ms}");
            let Room { attempts, again_ms } = gate.room(now_ms);
            assert!(attempts == 0 && again_ms.is_none_or(|again_ms| again_ms > now_ms));
            passes.into_iter().for_each(|pass| gate.ended(pass, Outcome::Succeeded, now_ms, 1.0));
        }
    }
}

#[test]
fn a_gate_goes_on_under_other_settings_with_what_is_under_way() {
    let mut gate = gate(2, Some(r#"{"requests":2,"per":"1s"}"#));
    let (one, two) = (go(&mut gate, 0), go(&mut gate, 0));
    let policy = |concurrency: usize, failures: u32, bucket: &Gate| Policy {
        concurrency: concurrency.try_into().unwrap(),
        rate: bucket.bucket.as_ref().map(Bucket::rate),
        breaker: breaker::Policy::try_new(&breaker::Config { failures, ..breaker::Config::default() })
            .unwrap(),
    };
    let wider = policy(3, 1, &gate);
    gate.retune(wider, 0);
    assert_eq!(gate.admit(0), Admit::NotBefore(500, Reason::Rate), "the rate is the same, and used up");
    let three = go(&mut gate, 500);
    assert_eq!(gate.admit(1_000), Admit::Full);
    // One from before the breaker was another says nothing of it; one after does.
    gate.ended(one, Outcome::Failed, 1_000, 1.0);
    assert_eq!(gate.status(1_000).breaker.unwrap().phase, Phase::Closed);
    gate.ended(three, Outcome::Limited { retry_after_ms: Some(30_000) }, 1_000, 1.0);
    let narrow = Policy { rate: None, ..policy(1, 1, &gate) };
    gate.retune(narrow, 1_000);
    assert_eq!(
        gate.admit(1_000),
        Admit::NotBefore(31_000, Reason::Paused),
        "what the system asked for holds"
    );
    assert_eq!(gate.admit(31_000), Admit::Full, "one is under way still");
    gate.abandoned(two);
    run(&mut gate, Outcome::Failed, 31_000);
    assert_eq!(gate.status(31_000).breaker.unwrap().phase, Phase::Open);
}

#[test]
fn one_retry_after_makes_all_wait_and_is_cut_at_an_hour() {
    let mut gate = gate(4, None);
    let (one, two) = (go(&mut gate, 0), go(&mut gate, 0));
    gate.ended(one, Outcome::Limited { retry_after_ms: Some(30_000) }, 1_000, 0.0);
    assert_eq!(gate.admit(1_000), Admit::NotBefore(31_000, Reason::Paused));
    // A shorter wait does not shorten it, and a clock that jumps back begins it anew.
    gate.ended(two, Outcome::Limited { retry_after_ms: Some(1) }, 2_000, 0.0);
    assert_eq!(gate.admit(30_999), Admit::NotBefore(31_000, Reason::Paused));
    assert_eq!(gate.clone().admit(0), Admit::NotBefore(29_000, Reason::Paused));
    run(&mut gate, Outcome::Limited { retry_after_ms: Some(u64::MAX) }, 31_000);
    assert_eq!(gate.admit(31_000), Admit::NotBefore(31_000 + 3_600_000, Reason::Paused));
}

#[test]
fn pauses_of_unsaid_length_double_once_for_all_that_were_refused_together() {
    let mut gate = gate(16, None);
    let (mut now_ms, mut pauses) = (0, Vec::new());
    for _ in 0..11 {
        let passes: Vec<_> = (0..16).map(|_| go(&mut gate, now_ms)).collect();
        for pass in passes {
            gate.ended(pass, UNSAID, now_ms, 1.0);
        }
        let Admit::NotBefore(until_ms, Reason::Paused) = gate.admit(now_ms) else { panic!("no pause") };
        pauses.push((until_ms - now_ms) / 1_000);
        now_ms = until_ms;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    // A success begins anew, but not one that was let through before the pause.
    let (before, limited) = (go(&mut gate, now_ms), go(&mut gate, now_ms));
    gate.ended(limited, Outcome::Limited { retry_after_ms: Some(0) }, now_ms, 0.0);
    gate.ended(before, Outcome::Succeeded, now_ms, 0.0);
    assert_eq!(gate.admit(now_ms), Admit::NotBefore(now_ms + 150_000, Reason::Paused));
    now_ms += 150_000;
    run(&mut gate, UNSAID, now_ms);
    assert_eq!(gate.admit(now_ms), Admit::NotBefore(now_ms + 300_000, Reason::Paused));
    now_ms += 300_000;
    run(&mut gate, Outcome::Succeeded, now_ms);
    run(&mut gate, UNSAID, now_ms);
    assert_eq!(gate.admit(now_ms), Admit::NotBefore(now_ms + 1_000, Reason::Paused));
}

#[test]
fn an_operator_sees_what_holds_a_system_back_longest() {
    let mut gate = gate(8, Some(r#"{"requests":6,"per":"1m"}"#));
    let passes: Vec<_> = (0..6).map(|_| go(&mut gate, 1_000)).collect();
    let show = |gate: &Gate, now_ms| serde_json::to_string(&gate.status(now_ms)).unwrap();
    assert_eq!(
        show(&gate, 1_000),
        r#"{"in_flight":6,"concurrency":8,"breaker":{"phase":"closed","since_ms":0},"blocked":{"not_before_ms":11000,"reason":"rate"}}"#
    );
    for (pass, outcome) in passes.into_iter().zip([Outcome::Failed; 5]) {
        gate.ended(pass, outcome, 2_000, 1.0);
    }
    // It never got back the sixth pass, which was of before the opening.
    assert_eq!(
        show(&gate, 2_000),
        r#"{"in_flight":1,"concurrency":8,"breaker":{"phase":"open","since_ms":2000},"blocked":{"not_before_ms":12000,"reason":"open"}}"#
    );
    assert_eq!(
        show(&gate, 12_000),
        r#"{"in_flight":1,"concurrency":8,"breaker":{"phase":"half-open","since_ms":12000},"blocked":null}"#
    );
    assert_eq!(show(&gate, 2_000), show(&gate.clone(), 2_000), "looking changes nothing");
    let probe = go(&mut gate, 12_000);
    assert!(probe.is_probe());
    gate.ended(probe, UNSAID, 12_000, 1.0);
    assert_eq!(gate.status(12_000).blocked.unwrap().reason, Reason::Rate, "until 21 s, the pause until 13 s");
    assert!(go(&mut gate, 21_000).is_probe(), "a system that limits is not yet back");
    for (reason, name) in [(Reason::Rate, "rate"), (Reason::Open, "open"), (Reason::Paused, "paused")] {
        assert_eq!((reason.name(), serde_json::to_value(reason).unwrap()), (name, name.into()));
    }
}

#[test]
fn without_a_breaker_failures_hold_nothing_back() {
    let policy = Policy { concurrency: NonZeroUsize::MIN, rate: None, breaker: None };
    let mut gate = Gate::new(policy, 0);
    for _ in 0..100 {
        run(&mut gate, Outcome::Failed, 0);
    }
    assert_eq!(gate.status(0), Status { in_flight: 0, concurrency: 1, breaker: None, blocked: None });
}

proptest! {
    /// With any clock, random numbers and order of ends.
    #[test]
    fn passes_never_exceed_the_concurrency_and_every_refusal_ends(
        acts in prop::collection::vec((0..8_u8, any::<usize>(), 0..10_000_000_u64, any::<f64>()), 1..200),
        concurrency in 1..5_usize,
    ) {
        let mut gate = gate(concurrency, Some(r#"{"requests":2,"per":"1s","burst":3}"#));
        let mut passes = Vec::new();
        for (act, which, now_ms, random) in acts {
            let outcome = match act {
                0..=2 => {
                    let seen = gate.status(now_ms);
                    match gate.admit(now_ms) {
                        Admit::Go(pass) => passes.push(pass),
                        Admit::Full => prop_assert_eq!(passes.len(), concurrency),
                        Admit::NotBefore(not_before_ms, reason) => {
                            prop_assert_eq!(seen.blocked, Some(Blocked { not_before_ms, reason }));
                            prop_assert!(not_before_ms > now_ms && not_before_ms <= now_ms + 3_600_000);
                        }
                    }
                    continue;
                }
                3 => Some(Outcome::Succeeded),
                4 => Some(Outcome::Failed),
                5 => Some(Outcome::Limited { retry_after_ms: (which % 2 == 0).then_some(which as u64) }),
                6 => Some(Outcome::Neutral),
                _ => None,
            };
            if !passes.is_empty() {
                let pass = passes.swap_remove(which % passes.len());
                match outcome {
                    Some(outcome) => gate.ended(pass, outcome, now_ms, random),
                    None => gate.abandoned(pass),
                }
            }
            prop_assert_eq!(gate.status(now_ms).in_flight, passes.len());
            prop_assert!(passes.len() <= concurrency);
        }
        // Once all have come back and an hour has passed, work goes on.
        passes.into_iter().for_each(|pass| gate.abandoned(pass));
        prop_assert!(matches!(gate.admit(20_000_000), Admit::Go(_)));
    }
}
