//! When a failed attempt is made again.
//!
//! The base grows by doubling and is cut at [`Config::max`]; jitter takes up to half of it away, so
//! that runs which failed together do not come back together and yet none comes back at once. A hint
//! such as a server's `Retry-After` is a floor, itself cut at the maximum. All arithmetic saturates.
//!
//! The split of base and jitter follows "equal jitter" of
//! <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration;

/// Most attempts that a policy may have: more is a mistake that would keep a run alive for years.
pub const MAX_ATTEMPTS: u32 = 1_000;
/// Longest delay that a policy may have, since a run that waits longer is forgotten by people.
pub const MAX_DELAY: Duration = Duration::from_secs(7 * 24 * 3600);

/// First delay after a fault of the host itself.
const HOST_FAULT_FIRST: Duration = Duration::from_millis(100);
/// Longest delay after faults of the host: short, because they cost no attempt.
const HOST_FAULT_MAX: Duration = Duration::from_secs(30);

/// A retry policy as an operator writes it. Whatever is left out has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Retry")]
pub struct Config {
    /// How many attempts there are at most, the first included; 8 unless given.
    pub attempts: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// Delay after the first failure; 1 s unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub first: Duration,
    /// Longest delay; 5 min unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub max: Duration,
    /// Whether up to half of each delay is taken away at random, so that runs which failed together
    /// do not return together.
    pub jitter: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            attempts: 8,
            backoff: Backoff::Exponential,
            first: Duration::from_secs(1),
            max: Duration::from_secs(5 * 60),
            jitter: true,
        }
    }
}

/// How the delay grows from attempt to attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// It doubles.
    #[default]
    Exponential,
    /// It stays the same.
    Constant,
}

/// A checked retry policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    config: Config,
}

/// A combination of settings that makes no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// No attempt at all.
    #[error("attempts is 0: give at least 1, which means that nothing is retried")]
    NoAttempts,
    /// More than [`MAX_ATTEMPTS`].
    #[error("attempts is {0}: give at most {MAX_ATTEMPTS}")]
    TooManyAttempts(u32),
    /// A zero first delay, which would spin.
    #[error("first is zero: give at least 1ms, else failed attempts would be repeated without a pause")]
    NoDelay,
    /// The first delay is over the longest.
    #[error(
        "first ({}) is longer than max ({}): lower first or raise max",
        humantime::format_duration(*first),
        humantime::format_duration(*max)
    )]
    FirstOverMax {
        /// First delay.
        first: Duration,
        /// Longest delay.
        max: Duration,
    },
    /// The longest delay is over [`MAX_DELAY`].
    #[error("max ({}) is longer than {}", humantime::format_duration(*.0), humantime::format_duration(MAX_DELAY))]
    MaxTooLong(Duration),
}

impl Policy {
    /// Checks a config.
    ///
    /// # Errors
    /// The first bad combination, as a sentence that names the keys.
    pub fn try_new(config: &Config) -> Result<Self, InvalidPolicy> {
        if config.attempts == 0 {
            Err(InvalidPolicy::NoAttempts)
        } else if config.attempts > MAX_ATTEMPTS {
            Err(InvalidPolicy::TooManyAttempts(config.attempts))
        } else if config.first < Duration::from_millis(1) {
            Err(InvalidPolicy::NoDelay)
        } else if config.max > MAX_DELAY {
            Err(InvalidPolicy::MaxTooLong(config.max))
        } else if config.first > config.max {
            Err(InvalidPolicy::FirstOverMax { first: config.first, max: config.max })
        } else {
            Ok(Self { config: config.clone() })
        }
    }

    /// How many attempts there are at most, the first included.
    pub fn attempts(&self) -> u32 {
        self.config.attempts
    }

    /// How long to wait once `counted` attempts have failed; none if there is no attempt left.
    ///
    /// `retry_after_ms` is what the guest asked for: a floor, cut at the longest delay. `random` is
    /// uniform in `0.0..1.0`; anything else is moved there.
    pub fn delay(&self, counted: u32, retry_after_ms: Option<u64>, random: f64) -> Option<Duration> {
        if counted >= self.config.attempts {
            return None;
        }
        let base = self.base(counted);
        let delay = if self.config.jitter { jittered(base, random) } else { base };
        let floor = retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
        Some(delay.max(floor).min(self.config.max))
    }

    /// The delay before jitter and hints.
    fn base(&self, counted: u32) -> Duration {
        match self.config.backoff {
            Backoff::Exponential => doubled(self.config.first, counted).min(self.config.max),
            Backoff::Constant => self.config.first,
        }
    }
}

/// How long to wait after `in_a_row` faults of the host itself (from 1): 100 ms doubling to 30 s, less
/// up to half by `random`, which is uniform in `0.0..1.0`. There is no last one, as they cost no attempt.
pub fn host_fault_delay(in_a_row: u32, random: f64) -> Duration {
    jittered(doubled(HOST_FAULT_FIRST, in_a_row).min(HOST_FAULT_MAX), random)
}

/// `first` doubled once for each failure after the first one, saturating.
pub(crate) fn doubled(first: Duration, failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor)
}

/// Between half of `base` and the whole of it.
pub(crate) fn jittered(base: Duration, random: f64) -> Duration {
    let share = if random.is_finite() { random.clamp(0.0, 1.0) } else { 1.0 };
    let half = base / 2;
    half.saturating_add(half.mul_f64(share)).min(base)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn policies() -> impl Strategy<Value = Policy> {
        (1..=MAX_ATTEMPTS, any::<bool>(), 1..=604_800_000_u64, 1..=604_800_000_u64, any::<bool>()).prop_map(
            |(attempts, constant, a, b, jitter)| {
                let backoff = if constant { Backoff::Constant } else { Backoff::Exponential };
                let (first, max) = (Duration::from_millis(a.min(b)), Duration::from_millis(a.max(b)));
                Policy::try_new(&Config { attempts, backoff, first, max, jitter }).unwrap()
            },
        )
    }

    proptest! {
        #[test]
        fn no_delay_is_over_the_maximum_nor_under_half_of_the_first(
            policy in policies(), counted in any::<u32>(), hint in any::<Option<u64>>(), random in any::<f64>(),
        ) {
            if let Some(delay) = policy.delay(counted, hint, random) {
                prop_assert!(counted < policy.attempts());
                prop_assert!(delay <= policy.config.max);
                prop_assert!(delay >= policy.config.first / 2);
            } else {
                prop_assert!(counted >= policy.attempts());
            }
        }

        #[test]
        fn the_base_never_shrinks(policy in policies(), counted in 0..2_000_u32) {
            prop_assert!(policy.base(counted) <= policy.base(counted + 1));
        }

        #[test]
        fn retry_after_is_a_floor_and_is_clamped_to_max_delay(
            policy in policies(), hint in any::<u64>(), random in 0.0..1.0_f64,
        ) {
            if let Some(delay) = policy.delay(0, Some(hint), random) {
                prop_assert!(delay >= Duration::from_millis(hint).min(policy.config.max));
                prop_assert!(delay <= policy.config.max);
            }
        }

        #[test]
        fn host_faults_are_retried_for_ever_and_soon(in_a_row in any::<u32>(), random in any::<f64>()) {
            let delay = host_fault_delay(in_a_row, random);
            prop_assert!(delay >= HOST_FAULT_FIRST / 2 && delay <= HOST_FAULT_MAX);
        }

        #[test]
        fn what_is_random_moves_the_delay_only_with_jitter(policy in policies(), random in 0.0..1.0_f64) {
            let policy = Policy { config: Config { jitter: false, ..policy.config } };
            prop_assert_eq!(policy.delay(0, None, random), policy.delay(0, None, 0.0));
        }
    }

    #[test]
    fn the_default_doubles_from_a_second_and_ends_after_eight_attempts() {
        let policy = Policy::default();
        assert_eq!(Policy::try_new(&Config::default()), Ok(policy.clone()));
        let whole: Vec<_> =
            (1..=8).map(|n| policy.delay(n, None, 1.0).map(|delay| delay.as_secs())).collect();
        let seconds = [Some(1), Some(2), Some(4), Some(8), Some(16), Some(32), Some(64), None];
        assert_eq!(whole, seconds);
        assert_eq!(policy.delay(1, None, 0.0), Some(Duration::from_millis(500)));
    }

    #[test]
    fn each_bad_combination_has_its_own_sentence() {
        let sentence = |config: &str| {
            let config: Config = serde_json::from_str(config).unwrap();
            Policy::try_new(&config).unwrap_err().to_string()
        };
        assert_eq!(
            sentence(r#"{"attempts":0}"#),
            "attempts is 0: give at least 1, which means that nothing is retried"
        );
        assert_eq!(sentence(r#"{"attempts":1001}"#), "attempts is 1001: give at most 1000");
        assert_eq!(
            sentence(r#"{"first":"0s"}"#),
            "first is zero: give at least 1ms, else failed attempts would be repeated without a pause"
        );
        assert_eq!(
            sentence(r#"{"first":"10m"}"#),
            "first (10m) is longer than max (5m): lower first or raise max"
        );
        assert_eq!(sentence(r#"{"max":"8d"}"#), "max (8days) is longer than 7days");
        assert!(serde_json::from_str::<Config>(r#"{"retries":3}"#).is_err());
    }
}
