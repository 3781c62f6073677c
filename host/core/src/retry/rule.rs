//! What is otherwise for some failures.

mod condition;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Backoff, InvalidPolicy, Jitter, Pace, Problem};
use crate::attempt::{Cause, Class, Failure, Record};
use crate::duration;
pub(crate) use condition::{Condition, causes};
pub use condition::{On, StatusPattern};

/// A rule as an operator writes it: what it matches, and a disposition, a pace of its own, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RetryRule")]
pub struct RuleConfig {
    /// Which failures it matches.
    pub on: On,
    /// What becomes of them. Unless given, what the plugin rejected stays rejected and everything else is
    /// retried at the rule's pace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Disposition>,
    /// How many attempts of the step there are at most, those with other failures included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How the delay grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// Delay after the step's first failure.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub first: Option<Duration>,
    /// Longest delay.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub max: Option<Duration>,
    /// How much of each delay is left to chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Jitter>,
}

/// What becomes of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// Another attempt, also where the plugin rejected. What can only repeat itself, such as a trap of a
    /// pure step, is not retried all the same.
    Retry,
    /// A dead letter at once.
    Reject,
}

/// A checked rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    on: Condition,
    then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Reject,
    Retry(Pace),
    /// What is retried anyway is retried so.
    Pace(Pace),
}

impl Rule {
    /// Checks a rule; what it leaves out of its pace is as in `base`. Pointers start at the rule.
    pub(super) fn try_new(
        config: &RuleConfig,
        base: &Pace,
        elapsed: Option<Duration>,
    ) -> Result<Self, InvalidPolicy> {
        let on = Condition::try_new(&config.on).map_err(|error| error.below("/on"))?;
        let at = |key: &str, problem| Err(InvalidPolicy::new(format!("/{key}"), problem));
        let pace = config.pace(base);
        match (config.then, config.own_key()) {
            (None, None) => return Err(InvalidPolicy::new(String::new(), Problem::NoEffect)),
            (Some(Disposition::Reject), Some(key)) => return at(key, Problem::PaceOfReject(key)),
            (Some(Disposition::Reject), None) => return Ok(Self { on, then: Then::Reject }),
            (Some(Disposition::Retry), _) => {
                if let Some(name) = on.hopeless() {
                    return at("then", Problem::Repeats(name));
                }
            }
            (None, Some(_)) => {}
        }
        if let Err(problem) = pace.check() {
            // Of the two, the rule may have given but one.
            let is_by_max = matches!(problem, Problem::FirstOverMax { .. }) && config.first.is_none();
            return at(if is_by_max { "max" } else { problem.key() }, problem);
        }
        if let Some(elapsed) = elapsed.filter(|elapsed| *elapsed < pace.first) {
            return at("first", Problem::ElapsedUnderFirst { elapsed, first: pace.first });
        }
        let then = if config.then.is_some() { Then::Retry(pace) } else { Then::Pace(pace) };
        Ok(Self { on, then })
    }

    pub(super) fn matches(&self, failure: &Failure, record: &Record) -> bool {
        self.on.matches(failure, record)
    }

    /// At what pace an attempt with this cause, which the rule matches, is made again; none if it is not.
    pub(super) fn pace_of(&self, cause: Cause) -> Option<&Pace> {
        match &self.then {
            Then::Reject => None,
            Then::Retry(pace) => Some(pace),
            Then::Pace(pace) => is_retried(cause).then_some(pace),
        }
    }
}

/// Whether there is another attempt where no rule says otherwise.
pub(super) fn is_retried(cause: Cause) -> bool {
    match cause.class() {
        Class::Rejected => false,
        Class::Retryable | Class::Faulted | Class::Host => true,
    }
}

impl RuleConfig {
    fn pace(&self, base: &Pace) -> Pace {
        Pace {
            attempts: self.attempts.unwrap_or(base.attempts),
            backoff: self.backoff.unwrap_or(base.backoff),
            first: self.first.unwrap_or(base.first),
            max: self.max.unwrap_or(base.max),
            jitter: self.jitter.unwrap_or(base.jitter),
        }
    }

    /// The first key of a pace of its own.
    fn own_key(&self) -> Option<&'static str> {
        let given = [
            ("attempts", self.attempts.is_some()),
            ("backoff", self.backoff.is_some()),
            ("first", self.first.is_some()),
            ("max", self.max.is_some()),
            ("jitter", self.jitter.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(key, _)| key)
    }
}
