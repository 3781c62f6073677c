//! What becomes of a run whose step has just failed.

use std::time::Duration;

use super::Tries;
use crate::attempt::{Class, Record};
use crate::duration;
use crate::manifest::Kind;
use crate::retry::{Policy, host_fault_delay};

/// Another attempt, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again, not before this time (milliseconds since the Unix epoch).
    RetryAt(u64),
    /// The run is a dead letter.
    Die,
}

/// Decides after an attempt of a step of this `kind` has failed, as `record` has it. (One without a
/// failure has nothing to be tried again for; [`next`](super::next) refuses to let a run die of it.)
///
/// `tries` is what was counted before this failure; `since_ms` is when the first of those that count
/// failed, none if this is the first; `random` lies in 0..1 and spreads the retries.
pub fn verdict(
    kind: Kind,
    policy: &Policy,
    tries: Tries,
    record: &Record,
    since_ms: Option<u64>,
    now_ms: u64,
    random: f64,
) -> Verdict {
    let Some(failure) = &record.failure else { return Verdict::Die };
    let after = |delay: Duration| now_ms.saturating_add(duration::ms(delay));
    match failure.cause.class() {
        Class::Host => Verdict::RetryAt(after(host_fault_delay(tries.host_faults.saturating_add(1), random))),
        Class::Rejected | Class::Retryable | Class::Faulted if !failure.cause.may_pass(kind) => Verdict::Die,
        Class::Rejected | Class::Retryable | Class::Faulted => {
            let counted = tries.counted.saturating_add(1);
            policy
                .pace_of(failure, record)
                .and_then(|pace| pace.delay(counted, failure.retry_after_ms, random))
                .map(after)
                .filter(|at_ms| policy.is_in_time(since_ms.unwrap_or(now_ms), *at_ms))
                .map_or(Verdict::Die, Verdict::RetryAt)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_ne, proptest};

    use super::{Verdict, verdict};
    use crate::attempt::tests::{exchange, record};
    use crate::attempt::{Cause, Class, Failure, Record};
    use crate::manifest::Kind;
    use crate::retry::Policy;
    use crate::run::Tries;

    const NOW_MS: u64 = 1_000_000;
    const KINDS: [Kind; 3] = [Kind::Transform, Kind::Validate, Kind::Connector];

    fn failed(cause: Cause) -> Record {
        record(Failure::new(cause, "x"), vec![exchange(Some("erp"), Some(429))])
    }

    fn decide(kind: Kind, cause: Cause, counted: u32) -> Verdict {
        let tries = Tries { counted, ..Tries::default() };
        verdict(kind, &Policy::default(), tries, &failed(cause), None, NOW_MS, 0.5)
    }

    fn policy(config: &str) -> Policy {
        Policy::try_new(&serde_json::from_str(config).unwrap()).unwrap()
    }

    #[test]
    fn a_trap_is_tried_again_in_a_connector_and_final_in_a_pure_step() {
        assert!(matches!(decide(Kind::Connector, Cause::Trap, 0), Verdict::RetryAt(_)));
        assert_eq!(decide(Kind::Transform, Cause::Trap, 0), Verdict::Die);
        assert!(matches!(decide(Kind::Transform, Cause::WallDeadline, 0), Verdict::RetryAt(_)));
    }

    #[test]
    fn host_faults_never_kill_a_run_and_rejections_always_do() {
        assert!(matches!(decide(Kind::Connector, Cause::Host, u32::MAX), Verdict::RetryAt(_)));
        assert_eq!(decide(Kind::Connector, Cause::Rejected, 0), Verdict::Die);
    }

    #[test]
    fn a_used_up_policy_kills_the_run() {
        assert_eq!(decide(Kind::Connector, Cause::RetryAsked, u32::MAX - 1), Verdict::Die);
    }

    #[test]
    fn a_record_without_a_failure_is_not_tried_again() {
        let record = Record { failure: None, ..failed(Cause::Trap) };
        let policy = Policy::default();
        let verdict = verdict(Kind::Connector, &policy, Tries::default(), &record, None, NOW_MS, 0.5);
        assert_eq!(verdict, Verdict::Die);
    }

    #[test]
    fn a_rule_rejects_retries_or_sets_another_pace() {
        let policy = policy(
            r#"{ "attempts": 2, "rules": [
                { "on": { "cause": ["bad-answer"] }, "then": "reject" },
                { "on": { "cause": ["rejected"] }, "then": "retry" },
                { "on": { "status": [429], "cause": ["retry-asked"] },
                  "attempts": 50, "first": "10s", "jitter": "none", "backoff": "constant" } ] }"#,
        );
        let decide = |cause, counted| {
            let tries = Tries { counted, ..Tries::default() };
            verdict(Kind::Connector, &policy, tries, &failed(cause), None, NOW_MS, 0.5)
        };
        assert_eq!(decide(Cause::BadAnswer, 0), Verdict::Die);
        assert!(matches!(decide(Cause::Rejected, 0), Verdict::RetryAt(_)));
        assert_eq!(decide(Cause::Rejected, 1), Verdict::Die);
        assert_eq!(decide(Cause::RetryAsked, 48), Verdict::RetryAt(NOW_MS + 10_000));
        assert_eq!(decide(Cause::RetryAsked, 49), Verdict::Die);
        assert_eq!(decide(Cause::Trap, 1), Verdict::Die);
    }

    #[test]
    fn elapsed_counts_from_the_first_failure_to_the_next_attempt_and_a_hint_does_not_stretch_it() {
        let policy = policy(r#"{ "attempts": 100, "first": "10s", "elapsed": "60s", "jitter": "none" }"#);
        let decide = |since_ms, hint_ms| {
            let mut record = failed(Cause::RetryAsked);
            record.failure.as_mut().unwrap().retry_after_ms = hint_ms;
            verdict(Kind::Connector, &policy, Tries::default(), &record, since_ms, NOW_MS, 0.5)
        };
        assert_eq!(decide(None, None), Verdict::RetryAt(NOW_MS + 10_000));
        assert_eq!(decide(Some(NOW_MS - 50_000), None), Verdict::RetryAt(NOW_MS + 10_000));
        assert_eq!(decide(Some(NOW_MS - 50_001), None), Verdict::Die);
        assert_eq!(decide(None, Some(60_001)), Verdict::Die);
        // A clock that was set back takes nothing away.
        assert_eq!(decide(Some(u64::MAX), None), Verdict::RetryAt(NOW_MS + 10_000));
    }

    #[test]
    fn no_rule_retries_what_only_repeats_itself_nor_decides_on_a_fault_of_the_host() {
        let every_status = |then: &str| {
            policy(&format!(r#"{{ "rules": [{{ "on": {{ "status": ["100-599"] }}, "then": "{then}" }}] }}"#))
        };
        let decide = |policy: &Policy, kind, cause| {
            verdict(kind, policy, Tries::default(), &failed(cause), None, NOW_MS, 0.5)
        };
        let (retry, reject) = (every_status("retry"), every_status("reject"));
        for (kind, cause) in KINDS.into_iter().flat_map(|kind| Cause::ALL.map(|cause| (kind, cause))) {
            let is_retried = matches!(decide(&retry, kind, cause), Verdict::RetryAt(_));
            assert_eq!(is_retried, cause.may_pass(kind), "{kind:?} {cause:?}");
            let is_rejected = decide(&reject, kind, cause) == Verdict::Die;
            assert_eq!(is_rejected, cause.class() != Class::Host, "{kind:?} {cause:?}");
        }
    }

    proptest! {
        #[test]
        fn no_attempt_begins_before_now_or_after_the_time_is_over(
            kind in 0..3_usize, cause in 0..Cause::ALL.len(), counted in 0..10_u32,
            hint in any::<Option<u64>>(), since in any::<Option<u64>>(), now_ms in any::<u64>(),
            random in any::<f64>(),
        ) {
            let policy = policy(
                r#"{ "attempts": 9, "elapsed": "10m",
                     "rules": [{ "on": { "status": ["4xx"] }, "then": "retry" }] }"#,
            );
            let (kind, cause) = (KINDS[kind], Cause::ALL[cause]);
            let mut record = failed(cause);
            record.failure.as_mut().unwrap().retry_after_ms = hint;
            let tries = Tries { counted, ..Tries::default() };
            match verdict(kind, &policy, tries, &record, since, now_ms, random) {
                Verdict::RetryAt(at_ms) => {
                    prop_assert!(at_ms >= now_ms);
                    let is_host = cause.class() == Class::Host;
                    prop_assert!(is_host || at_ms.saturating_sub(since.unwrap_or(now_ms)) <= 600_000);
                    prop_assert!(cause.may_pass(kind) && (is_host || counted < 8));
                }
                Verdict::Die => prop_assert_ne!(cause.class(), Class::Host),
            }
        }
    }
}
