//! What becomes of a run whose step has just failed.

use super::Tries;
use crate::attempt::{Class, Failure};
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

/// Decides after an attempt of a step of this `kind` has failed.
///
/// `tries` is what was counted before this failure; `random` lies in 0..1 and spreads the retries.
pub fn verdict(
    kind: Kind,
    policy: &Policy,
    tries: Tries,
    failure: &Failure,
    now_ms: u64,
    random: f64,
) -> Verdict {
    let delay = match failure.cause.class() {
        Class::Host => Some(host_fault_delay(tries.host_faults.saturating_add(1), random)),
        Class::Rejected => None,
        Class::Retryable | Class::Faulted if kind.is_pure() && !failure.cause.may_pass_when_pure() => None,
        Class::Retryable | Class::Faulted => {
            policy.delay(tries.counted.saturating_add(1), failure.retry_after_ms, random)
        }
    };
    delay.map_or(Verdict::Die, |delay| {
        Verdict::RetryAt(now_ms.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)))
    })
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdict};
    use crate::attempt::{Cause, Failure};
    use crate::manifest::Kind;
    use crate::retry::Policy;
    use crate::run::Tries;

    fn decide(kind: Kind, cause: Cause, counted: u32) -> Verdict {
        let tries = Tries { counted, ..Tries::default() };
        verdict(kind, &Policy::default(), tries, &Failure::new(cause, "x"), 1_000, 0.5)
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
}
