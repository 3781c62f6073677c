use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Just;

use super::*;
use crate::attempt::Cause;
use crate::attempt::tests::{exchange, record};

fn paces() -> impl Strategy<Value = Pace> {
    let jitter = prop_oneof![Just(Jitter::Full), Just(Jitter::Half), Just(Jitter::None)];
    let backoff = prop_oneof![Just(Backoff::Exponential), Just(Backoff::Constant)];
    (1..=MAX_ATTEMPTS, backoff, 1..=604_800_000_u64, 1..=604_800_000_u64, jitter).prop_map(
        |(attempts, backoff, a, b, jitter)| {
            let (first, max) = (Duration::from_millis(a.min(b)), Duration::from_millis(a.max(b)));
            let config = Config { attempts, backoff, first, max, jitter, ..Config::default() };
            *Policy::try_new(&config).unwrap().pace()
        },
    )
}

proptest! {
    #[test]
    fn no_delay_is_over_the_maximum_nor_under_the_floor_of_the_first(
        pace in paces(), counted in any::<u32>(), hint in any::<Option<u64>>(), random in any::<f64>(),
    ) {
        if let Some(delay) = pace.delay(counted, hint, random) {
            prop_assert!(counted < pace.attempts());
            prop_assert!(delay <= pace.max);
            prop_assert!(delay >= pace.jitter.floor(pace.first));
            prop_assert!(delay >= Duration::from_millis(1));
        } else {
            prop_assert!(counted >= pace.attempts());
        }
    }

    #[test]
    fn the_base_never_shrinks(pace in paces(), counted in 0..2_000_u32) {
        prop_assert!(pace.base(counted) <= pace.base(counted + 1));
    }

    #[test]
    fn retry_after_is_a_floor_and_is_clamped_to_max_delay(
        pace in paces(), hint in any::<u64>(), random in 0.0..1.0_f64,
    ) {
        if let Some(delay) = pace.delay(0, Some(hint), random) {
            prop_assert!(delay >= Duration::from_millis(hint).min(pace.max));
            prop_assert!(delay <= pace.max);
        }
    }

    #[test]
    fn host_faults_are_retried_for_ever_and_soon(in_a_row in any::<u32>(), random in any::<f64>()) {
        let delay = host_fault_delay(in_a_row, random);
        prop_assert!(delay >= Duration::from_millis(50) && delay <= Duration::from_secs(30));
    }

    #[test]
    fn what_is_random_moves_the_delay_only_with_jitter(pace in paces(), random in 0.0..1.0_f64) {
        let pace = Pace { jitter: Jitter::None, ..pace };
        prop_assert_eq!(pace.delay(0, None, random), pace.delay(0, None, 0.0));
        let full = Pace { jitter: Jitter::Full, ..pace };
        prop_assert!(full.delay(0, None, random) <= pace.delay(0, None, random));
    }

    #[test]
    fn a_rule_inherits_what_it_does_not_give(pace in paces(), attempts in 1..=MAX_ATTEMPTS) {
        let rule = serde_json::json!({ "on": { "cause": ["trap"] }, "attempts": attempts });
        let Pace { backoff, first, max, jitter, .. } = pace;
        let rules = vec![serde_json::from_value(rule).unwrap()];
        let config = Config { attempts: pace.attempts, backoff, first, max, jitter, elapsed: None, rules };
        prop_assert_eq!(pace_of(&config, Cause::Trap, &[]), Some(Pace { attempts, ..pace }));
        prop_assert_eq!(pace_of(&config, Cause::BadAnswer, &[]), Some(pace));
    }
}

fn parse(config: &str) -> Config {
    serde_json::from_str(config).unwrap()
}

fn pace_of(config: &Config, cause: Cause, exchanges: &[(Option<&str>, Option<u16>)]) -> Option<Pace> {
    let exchanges = exchanges.iter().map(|(system, status)| exchange(*system, *status)).collect();
    let record = record(Failure::new(cause, "x"), exchanges);
    Policy::try_new(config).unwrap().pace_of(record.failure.as_ref().unwrap(), &record).copied()
}

#[test]
fn the_default_doubles_from_a_second_with_full_jitter_and_ends_after_eight_attempts() {
    let policy = Policy::default();
    assert_eq!(Policy::try_new(&Config::default()), Ok(policy.clone()));
    assert_eq!(parse("{}"), Config::default());
    let delays = |random| {
        let delay = |n| policy.pace().delay(n, None, random).map(|delay| delay.as_millis());
        (1..=8).map(delay).collect::<Vec<_>>()
    };
    let seconds = [Some(1), Some(2), Some(4), Some(8), Some(16), Some(32), Some(64), None];
    assert_eq!(delays(1.0), seconds.map(|seconds| seconds.map(|seconds| seconds * 1_000)));
    assert_eq!(delays(0.0), seconds.map(|seconds| seconds.map(|_| 10)));
    assert_eq!(delays(0.5)[..2], [Some(505), Some(1_005)]);
}

#[test]
fn half_jitter_leaves_half_of_a_delay_and_none_all_of_it() {
    let delay =
        |jitter, random| Pace { jitter, ..Pace::default() }.delay(1, None, random).unwrap().as_millis();
    assert_eq!((delay(Jitter::Half, 0.0), delay(Jitter::Half, 1.0)), (500, 1_000));
    assert_eq!((delay(Jitter::None, 0.0), delay(Jitter::None, 1.0)), (1_000, 1_000));
}

#[test]
fn the_first_rule_of_which_every_key_matches_decides() {
    let config = parse(
        r#"{ "elapsed": "2h", "rules": [
            { "on": { "status": [409, "5xx"], "system": ["erp", "crm"] }, "then": "reject" },
            { "on": { "status": ["500-504", "429"] }, "attempts": 50, "first": "10s" },
            { "on": { "cause": ["rejected"], "code": ["out-of-stock", "rejected"] },
              "then": "retry", "max": "1h" },
            { "on": { "cause": ["retry-asked"] }, "jitter": "half" } ] }"#,
    );
    let asked = |exchanges: &[_]| pace_of(&config, Cause::RetryAsked, exchanges);
    let (erp, shop) = (Some("erp"), Some("shop"));
    let hour = Duration::from_secs(3_600);
    let (base, rule) = (Pace::default(), Duration::from_secs(10));
    let (busy, half) = (Pace { attempts: 50, first: rule, ..base }, Pace { jitter: Jitter::Half, ..base });
    assert_eq!(asked(&[(erp, Some(500))]), None);
    assert_eq!(asked(&[(erp, Some(409))]), None);
    assert_eq!(asked(&[(erp, Some(410))]), Some(half));
    assert_eq!(asked(&[(shop, Some(504))]), Some(busy));
    assert_eq!(asked(&[(None, Some(429))]), Some(busy));
    assert_eq!(asked(&[(shop, Some(505))]), Some(half));
    assert_eq!(asked(&[(erp, Some(503)), (erp, None)]), Some(half));
    assert_eq!(asked(&[]), Some(half));
    assert_eq!(pace_of(&config, Cause::Rejected, &[]), Some(Pace { max: hour, ..base }));
    // A pace alone does not make a rejection retryable.
    assert_eq!(pace_of(&config, Cause::Rejected, &[(shop, Some(500))]), None);
    assert_eq!(pace_of(&config, Cause::Trap, &[]), Some(base));
    let failure = |code: &str| Failure { code: code.into(), ..Failure::new(Cause::Rejected, "x") };
    let is_retried = |code| {
        let record = record(failure(code), vec![]);
        Policy::try_new(&config).unwrap().pace_of(&failure(code), &record).is_some()
    };
    assert_eq!((is_retried("out-of-stock"), is_retried("out-of-range")), (true, false));
    assert_eq!(
        config.systems().collect::<Vec<_>>(),
        [("/rules/0/on/system/0".into(), "erp"), ("/rules/0/on/system/1".into(), "crm")]
    );
}

#[test]
fn a_config_survives_being_written_and_means_the_same_however_a_status_is_spelt() {
    let config = parse(
        r#"{ "jitter": "none", "elapsed": "1h",
             "rules": [{ "on": { "status": [409] }, "then": "retry", "max": "10s" }] }"#,
    );
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(parse(&text), config);
    assert_eq!(parse(&text.replace("\"409\"", "409")), config);
    assert!(!serde_json::to_string(&Config::default()).unwrap().contains("elapsed"));
}

/// A config, the pointer to what is wrong in it, and the sentence.
#[test]
fn each_mistake_has_its_own_sentence_and_its_place() {
    for block in include_str!("tests/mistakes.txt").split("\n\n") {
        let mut lines = block.lines();
        let (config, pointer) = (lines.next().unwrap(), lines.next().unwrap());
        let sentence = lines.collect::<Vec<_>>().join(" ");
        let error = Policy::try_new(&parse(config)).unwrap_err();
        assert_eq!((error.pointer(), error.to_string()), (pointer, sentence), "{config}");
    }
}

#[test]
fn a_policy_has_a_hundred_rules_at_most() {
    let rules = vec![r#"{"on":{"status":[429]},"then":"reject"}"#; 101].join(",");
    let error = Policy::try_new(&parse(&format!(r#"{{"rules":[{rules}]}}"#))).unwrap_err();
    assert_eq!(
        (error.pointer(), error.to_string().as_str()),
        ("/rules", "there are 101 rules: give at most 100")
    );
}

#[test]
fn what_is_no_policy_at_all_is_not_read() {
    for config in [
        r#"{"retries":3}"#,
        r#"{"jitter":true}"#,
        r#"{"jitter":"equal"}"#,
        r#"{"elapsed":3600}"#,
        r#"{"rules":[{"then":"reject"}]}"#,
        r#"{"rules":[{"on":{"state":[409]},"then":"reject"}]}"#,
        r#"{"rules":[{"on":{"status":409},"then":"reject"}]}"#,
        r#"{"rules":[{"on":{"status":[409.5]},"then":"reject"}]}"#,
        r#"{"rules":[{"on":{"status":[409]},"then":"die"}]}"#,
        r#"{"rules":[{"on":{"status":[409]},"elapsed":"1h"}]}"#,
    ] {
        assert!(serde_json::from_str::<Config>(config).is_err(), "{config}");
    }
}
