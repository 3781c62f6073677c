//! Whether a failed attempt is made again, and when.
//!
//! A [`Policy`] has a [`Pace`] (how many attempts there are and how long each waits), the time within
//! which the last of them begins, and rules for single kinds of failure. Rules are tried in order and the
//! first that matches decides: to reject, to retry what a guest rejected, or another pace.
//!
//! Every count and time is the step's, not the rule's: `attempts: 50` of a rule means that a failure which
//! the rule matches is tried again unless 50 attempts have failed, whatever of.
//!
//! Faults of the host have no policy: see [`host_fault_delay`].
//!
//! ```
//! use stepmill_core::retry::{Config, Policy};
//!
//! let config: Config = serde_json::from_str(
//!     r#"{ "attempts": 8, "elapsed": "2h", "rules": [
//!         { "on": { "status": [409], "system": ["erp"] }, "then": "reject" },
//!         { "on": { "status": [429] }, "attempts": 50, "first": "10s" } ] }"#,
//! ).unwrap();
//! assert_eq!(Policy::try_new(&config).unwrap().pace().attempts(), 8);
//! ```

mod invalid;
mod pace;
mod rule;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::attempt::{Failure, Record};
use crate::duration;
use rule::Rule;

pub use invalid::{InvalidPolicy, Problem};
pub(crate) use pace::doubled;
pub use pace::{Backoff, Jitter, Pace, host_fault_delay};
pub(crate) use rule::{Condition, causes};
pub use rule::{Disposition, On, RuleConfig, StatusPattern};

/// Most attempts that a policy may have: more is a mistake that would keep a run alive for years.
pub const MAX_ATTEMPTS: u32 = 1_000;
/// Longest delay that a policy may have, since a run that waits longer is forgotten by people.
pub const MAX_DELAY: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most rules that a policy may have, as each is tried on every failure.
pub const MAX_RULES: usize = 100;

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
    /// How much of each delay is left to chance, so that runs which failed together do not return
    /// together.
    pub jitter: Jitter,
    /// Longest time from the step's first failed attempt to the beginning of a further one, such as `1h`;
    /// faults of the host do not count. Unless given, `attempts` alone ends the retries.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub elapsed: Option<Duration>,
    /// What is otherwise for some failures. The first rule that matches decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleConfig>,
}

impl Default for Config {
    fn default() -> Self {
        let pace = Pace::default();
        Self {
            attempts: pace.attempts,
            backoff: pace.backoff,
            first: pace.first,
            max: pace.max,
            jitter: pace.jitter,
            elapsed: None,
            rules: Vec::new(),
        }
    }
}

impl Config {
    /// The systems that rules name, each with its RFC 6901 pointer into this config, such as
    /// `/rules/0/on/system/1`, so that whoever knows the systems can check that they exist.
    pub fn systems(&self) -> impl Iterator<Item = (String, &str)> {
        self.rules.iter().enumerate().flat_map(|(rule, config)| {
            let systems = config.on.system.iter().flatten().enumerate();
            systems.map(move |(index, system)| (format!("/rules/{rule}/on/system/{index}"), system.as_str()))
        })
    }

    fn pace(&self) -> Pace {
        Pace {
            attempts: self.attempts,
            backoff: self.backoff,
            first: self.first,
            max: self.max,
            jitter: self.jitter,
        }
    }
}

/// A checked retry policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pace: Pace,
    elapsed: Option<Duration>,
    rules: Vec<Rule>,
}

impl Policy {
    /// Checks a config.
    ///
    /// # Errors
    /// The first thing that is wrong, as a sentence that names the key, and its pointer.
    pub fn try_new(config: &Config) -> Result<Self, InvalidPolicy> {
        let pace = config.pace();
        pace.check().map_err(|problem| InvalidPolicy::new(format!("/{}", problem.key()), problem))?;
        if let Some(elapsed) = config.elapsed.filter(|elapsed| *elapsed < pace.first) {
            let problem = Problem::ElapsedUnderFirst { elapsed, first: pace.first };
            return Err(InvalidPolicy::new("/elapsed".into(), problem));
        }
        if config.rules.len() > MAX_RULES {
            return Err(InvalidPolicy::new("/rules".into(), Problem::TooManyRules(config.rules.len())));
        }
        let rules = config.rules.iter().enumerate().map(|(index, rule)| {
            Rule::try_new(rule, &pace, config.elapsed)
                .map_err(|error| error.below(&format!("/rules/{index}")))
        });
        Ok(Self { pace, elapsed: config.elapsed, rules: rules.collect::<Result<_, _>>()? })
    }

    /// The pace of failures that no rule matches.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// How many attempts there are at most of failures that no rule matches, the first included.
    pub fn attempts(&self) -> u32 {
        self.pace.attempts
    }

    /// At what pace an attempt with this failure is made again; none if it is not.
    pub fn pace_of(&self, failure: &Failure, record: &Record) -> Option<&Pace> {
        match self.rules.iter().find(|rule| rule.matches(failure, record)) {
            Some(rule) => rule.pace_of(failure.cause),
            None => rule::is_retried(failure.cause).then_some(&self.pace),
        }
    }

    /// Whether an attempt may begin at `at_ms` if the first failed one that counts failed at `since_ms`,
    /// both in milliseconds since the Unix epoch.
    pub fn is_in_time(&self, since_ms: u64, at_ms: u64) -> bool {
        self.elapsed.is_none_or(|elapsed| Duration::from_millis(at_ms.saturating_sub(since_ms)) <= elapsed)
    }
}

#[cfg(test)]
mod tests;
