#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;

fn bucket(requests: u32, per: Duration, burst: u32) -> Bucket {
    Bucket::new(Rate::try_new(&Config { requests, per, burst: Some(burst) }).unwrap())
}

/// Rates from far under to far over one request a millisecond.
fn rates() -> impl Strategy<Value = (u32, Duration, u32)> {
    (1..50_u32, 1_000_000..3_000_000_000_u64, 1..30_u32)
        .prop_map(|(requests, nanos, burst)| (requests, Duration::from_nanos(nanos), burst))
}

proptest! {
    #[test]
    fn no_window_has_more_than_the_burst_and_its_share(
        (requests, per, burst) in rates(), steps in prop::collection::vec(0..200_u64, 1..150),
    ) {
        let mut bucket = bucket(requests, per, burst);
        let (mut now_ms, mut taken) = (1_000_u64, Vec::new());
        for step in steps {
            now_ms += step;
            for _ in 0..3 {
                if bucket.take(now_ms).is_ok() {
                    taken.push(now_ms);
                }
            }
        }
        for (i, from_ms) in taken.iter().enumerate() {
            for (j, last_ms) in taken.iter().enumerate().skip(i) {
                let over_burst = (j - i + 1).saturating_sub(burst as usize) as u128;
                let nanos = u128::from(last_ms + 1 - from_ms) * NANOS_PER_MS;
                prop_assert!(over_burst * per.as_nanos() <= nanos * u128::from(requests));
            }
        }
    }

    #[test]
    fn a_take_succeeds_at_the_time_that_a_refusal_names_and_not_before(
        (requests, per, burst) in rates(), clock in prop::collection::vec(0..10_000_u64, 1..60),
    ) {
        // The clock jumps to and fro.
        let mut bucket = bucket(requests, per, burst);
        for now_ms in clock {
            if let Err(at_ms) = bucket.take(now_ms) {
                let interval = per / requests;
                prop_assert!(at_ms > now_ms);
                prop_assert!(Duration::from_millis(at_ms - now_ms - 1) <= interval);
                prop_assert_eq!(bucket.take(at_ms - 1), Err(at_ms));
                prop_assert_eq!(bucket.take(at_ms), Ok(()));
            }
        }
    }

    #[test]
    fn no_rate_and_no_time_is_too_much_for_the_arithmetic(
        requests in 1..=MAX_REQUESTS, burst in 1..=MAX_REQUESTS, nanos in 1_000_000..=86_400_000_000_000_u64,
        clock in prop::collection::vec(any::<u64>(), 1..20),
    ) {
        let mut bucket = bucket(requests, Duration::from_nanos(nanos), burst);
        for now_ms in clock {
            prop_assert!(bucket.take(now_ms).err().is_none_or(|at_ms| at_ms > now_ms));
        }
    }
}

#[test]
fn three_a_second_are_exact_in_the_long_run() {
    let mut bucket = bucket(3, Duration::from_secs(1), 1);
    let (mut now_ms, mut at) = (0, Vec::new());
    for _ in 0..3_000 {
        assert_eq!(bucket.take(now_ms), Ok(()));
        at.push(now_ms);
        now_ms = bucket.take(now_ms).unwrap_err();
    }
    assert_eq!(at[..5], [0, 333, 666, 1_000, 1_333]);
    assert_eq!(now_ms, 1_000_000);
}

#[test]
fn a_burst_comes_at_once_and_then_one_at_a_time() {
    let mut bucket = bucket(10, Duration::from_secs(1), 20);
    let taken = (0..30).filter(|_| bucket.take(5_000).is_ok()).count();
    assert_eq!((taken, bucket.take(5_000)), (20, Err(5_100)));
    // Half of the burst is back after a second.
    assert_eq!((0..30).filter(|_| bucket.take(6_000).is_ok()).count(), 10);
    // The clock jumps back by an hour: one at an even pace is waited for, not an hour.
    let mut late = bucket;
    assert_eq!(late.take(3_600_000 + 6_000), Ok(()));
    assert_eq!((0..30).filter(|_| late.take(3_606_000).is_ok()).count(), 19);
    assert_eq!(late.take(6_000), Err(6_100));
}

#[test]
fn a_bucket_is_full_again_when_it_would_take_a_whole_burst() {
    let config = Config { requests: 1, per: Duration::from_secs(10), burst: Some(2) };
    let mut bucket = Bucket::new(Rate::try_new(&config).unwrap());
    assert!(bucket.is_full(1_000_000));
    bucket.take(1_000_000).unwrap();
    assert!(!bucket.is_full(1_009_999) && bucket.is_full(1_010_000));
}

#[test]
fn each_bad_rate_has_its_own_sentence() {
    let sentence = |config: &str| {
        let invalid = Rate::try_new(&serde_json::from_str(config).unwrap()).unwrap_err();
        format!("{}: {invalid}", invalid.key())
    };
    let sentences = [
        r#"{"requests":0,"per":"1s"}"#,
        r#"{"requests":1000001,"per":"1s"}"#,
        r#"{"requests":1,"per":"999us"}"#,
        r#"{"requests":1,"per":"25h"}"#,
        r#"{"requests":1,"per":"1s","burst":0}"#,
        r#"{"requests":1,"per":"1s","burst":1000001}"#,
    ]
    .map(sentence);
    assert_eq!(
        sentences,
        [
            "requests: requests is 0, which would let nothing through: give at least 1",
            "requests: requests is 1000001: give at most 1000000",
            "per: per (999us) is shorter than 1ms",
            "per: per (1day 1h) is longer than 24h: what was sent is counted in memory, which a restart would forget",
            "burst: burst is 0, which would let nothing through: give at least 1, which spaces requests evenly",
            "burst: burst is 1000001: give at most 1000000",
        ]
    );
    assert!(serde_json::from_str::<Config>(r#"{"requests":1}"#).is_err(), "there is no default period");
    let same = |burst| Rate::try_new(&Config { requests: 10, per: Duration::from_secs(1), burst });
    assert_eq!(same(None), same(Some(10)));
}
