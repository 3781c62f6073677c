//! When a dead letter is redriven without a person: by rules, of which the first that fits decides.
//!
//! They see what a person would: the failure, as rules of [`crate::retry`] do, and its [`Category`]. Their count is
//! the run's, over its whole life and all rules: a run that dies of this and that by turns comes to its end, too.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use humantime::format_duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Category;
use crate::attempt::{Failure, Record};
use crate::duration;
use crate::retry::{self, Condition, InvalidPolicy, MAX_RULES};

/// How long a dead letter may wait for its redrive: less is what `retry` is for, and after more nobody expects it.
const AFTER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 3600);
/// How often a run may be redriven by rules: more is a mistake that nobody would hear of.
const TIMES: RangeInclusive<u32> = 1..=1_000;

/// A rule as an operator writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RedriveRule")]
pub struct RuleConfig {
    /// Which dead letters it is for.
    pub on: On,
    /// How long after its death a run is redriven, from the step that failed; from the start if it was undone.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub after: Duration,
    /// How often a run is redriven by rules in its life, by others included.
    pub times: u32,
}

/// Which dead letters a rule is for: those that every given key matches, each by any of its values. At least one key
/// is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "RedriveOn")]
pub struct On {
    /// What kind of trouble it was, such as `transient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Vec<Category>>,
    /// HTTP statuses of the last attempt's last exchange: `409`, a class such as `5xx`, a range such as `500-504`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Vec<retry::StatusPattern>>,
    /// Causes of the failure, such as `timed-out` or `wall-deadline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "retry::causes")]
    pub cause: Option<Vec<String>>,
    /// Codes of the failure: for a rejection what the plugin chose, such as `out-of-stock`, else the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Vec<String>>,
    /// Systems that the last attempt's last exchange was with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Vec<String>>,
}

/// A redrive that a rule has in store for a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How often the run may be redriven by rules in its life.
    pub times: u32,
}

/// Something that makes no rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidRules {
    /// RFC 6901 JSON pointer into the list of rules.
    pub pointer: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A rule for everything.
    #[error(
        "on has no key, so that every dead letter would be redriven: give category, status, cause, code or system"
    )]
    NoCondition,
    /// A rule for nothing.
    #[error("category is an empty list, which no dead letter has: give at least one, or remove category")]
    NoCategory,
    /// What retries have as well.
    #[error(transparent)]
    Condition(InvalidPolicy),
    /// At once, or when everybody has forgotten it.
    #[error(
        "after is {}: give {} to {}",
        format_duration(*given), format_duration(*AFTER.start()), format_duration(*AFTER.end())
    )]
    After {
        /// What was given.
        given: Duration,
    },
    /// Never, or for ever.
    #[error("times is {given}: give {} to {}", TIMES.start(), TIMES.end())]
    Times {
        /// What was given.
        given: u32,
    },
    /// More than [`MAX_RULES`].
    #[error("there are {0} rules: give at most {MAX_RULES}")]
    TooMany(usize),
}

/// Checked rules. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Rules(Arc<[Rule]>);

#[derive(Debug)]
struct Rule {
    category: Option<Vec<Category>>,
    condition: Option<Condition>,
    after: Duration,
    times: u32,
}

impl Rules {
    /// Checks rules.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn try_new(configs: &[RuleConfig]) -> Result<Self, InvalidRules> {
        if configs.len() > MAX_RULES {
            let problem = Problem::TooMany(configs.len());
            return Err(InvalidRules { pointer: String::new(), problem });
        }
        let rules = configs.iter().enumerate().map(|(index, config)| {
            Rule::try_new(config).map_err(|(pointer, problem)| {
                let pointer = format!("/{index}{pointer}");
                InvalidRules { pointer, problem }
            })
        });
        Ok(Self(rules.collect::<Result<_, _>>()?))
    }

    /// The redrive that a run has before it which dies now of this, after `made` redrives by rules; none if no rule
    /// is for it, or the one that is has redriven it often enough.
    pub fn redrive(
        &self,
        category: Category,
        failure: &Failure,
        record: &Record,
        made: u32,
        now_ms: u64,
    ) -> Option<Redrive> {
        let rule = self.0.iter().find(|rule| rule.matches(category, failure, record))?;
        let after_ms = duration::ms(rule.after);
        let redrive = Redrive { at_ms: now_ms.saturating_add(after_ms), times: rule.times };
        Some(redrive).filter(|redrive| made < redrive.times)
    }
}

impl Rule {
    fn try_new(config: &RuleConfig) -> Result<Self, (String, Problem)> {
        let RuleConfig { on, after, times } = config;
        let at = |pointer: &str, problem| Err((pointer.to_owned(), problem));
        if on.category.as_ref().is_some_and(Vec::is_empty) {
            return at("/on/category", Problem::NoCategory);
        }
        let condition = match (on.condition(), &on.category) {
            (Some(condition), _) => {
                let condition = Condition::try_new(&condition);
                Some(condition.map_err(|error| {
                    (format!("/on{}", error.pointer()), Problem::Condition(error.clone()))
                })?)
            }
            (None, Some(_)) => None,
            (None, None) => return at("/on", Problem::NoCondition),
        };
        if !AFTER.contains(after) {
            return at("/after", Problem::After { given: *after });
        }
        if !TIMES.contains(times) {
            return at("/times", Problem::Times { given: *times });
        }
        Ok(Self { category: on.category.clone(), condition, after: *after, times: *times })
    }

    fn matches(&self, category: Category, failure: &Failure, record: &Record) -> bool {
        self.category.as_ref().is_none_or(|categories| categories.contains(&category))
            && self.condition.as_ref().is_none_or(|condition| condition.matches(failure, record))
    }
}

impl On {
    /// The keys that rules of retries have as well; none if none of them is given.
    fn condition(&self) -> Option<retry::On> {
        let Self { category: _, status, cause, code, system } = self.clone();
        let on = retry::On { status, cause, code, system };
        (on != retry::On::default()).then_some(on)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use serde_json::{Value, json};

    use super::{Redrive, Rules};
    use crate::attempt::tests::{exchange, record};
    use crate::attempt::{Cause, Failure};
    use crate::dead::Category;

    fn rules(config: Value) -> Result<Rules, String> {
        let configs: Vec<super::RuleConfig> = serde_json::from_value(config).unwrap();
        Rules::try_new(&configs).map_err(|error| format!("{} {error}", error.pointer))
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_counts_the_redrives_of_all() {
        let rules = rules(json!([
            { "on": { "category": ["transient"], "system": ["erp"] }, "after": "1h", "times": 3 },
            { "on": { "category": ["transient", "limit"] }, "after": "1d", "times": 5 },
            { "on": { "cause": ["rejected"], "status": ["4xx"] }, "after": "2d", "times": 1 },
        ]))
        .unwrap();
        let redrive = |category, cause, system, made| {
            let failure = Failure::new(cause, "x");
            let record = record(failure.clone(), vec![exchange(Some(system), Some(409))]);
            rules.redrive(category, &failure, &record, made, 1_000)
        };
        let (hour, day) = (3_600_000_u64, 86_400_000_u64);
        let planned = |after_ms, times| Some(Redrive { at_ms: 1_000 + after_ms, times });
        use Category::{Data, Limit, Transient};
        use Cause::{Rejected, RetryAsked};
        assert_eq!(redrive(Transient, RetryAsked, "erp", 0), planned(hour, 3));
        assert_eq!(redrive(Transient, RetryAsked, "erp", 2), planned(hour, 3));
        // Not the next rule, although that one would still do it.
        assert_eq!(redrive(Transient, RetryAsked, "erp", 3), None);
        assert_eq!(redrive(Transient, RetryAsked, "crm", 3), planned(day, 5));
        assert_eq!(redrive(Limit, RetryAsked, "erp", 4), planned(day, 5));
        assert_eq!(redrive(Data, Rejected, "crm", 0), planned(2 * day, 1));
        assert_eq!(redrive(Data, RetryAsked, "crm", 0), None);
        let none = Rules::default();
        let failure = Failure::new(Rejected, "x");
        assert_eq!(none.redrive(Data, &failure, &record(failure.clone(), vec![]), 0, 0), None);
    }

    #[test]
    fn every_mistake_in_a_rule_has_its_sentence() {
        let with = |on: Value, after: &str, times: u32| {
            rules(json!([{ "on": on, "after": after, "times": times }])).unwrap_err()
        };
        let on = json!({ "category": ["auth"] });
        for (said, sentence) in [
            (with(json!({}), "1h", 1), "/0/on on has no key, so that every dead letter would be redriven"),
            (with(json!({ "category": [] }), "1h", 1), "/0/on/category category is an empty list"),
            (with(json!({ "status": ["9xx"] }), "1h", 1), "/0/on/status/0 \"9xx\" is no HTTP status"),
            (with(json!({ "cause": ["host"] }), "1h", 1), "/0/on/cause/0 no rule decides on \"host\""),
            (with(on.clone(), "10ms", 1), "/0/after after is 10ms: give 1s to "),
            (with(on.clone(), "2years", 1), "/0/after after is 2years"),
            (with(on.clone(), "1h", 0), "/0/times times is 0: give 1 to 1000"),
            (with(on, "1h", 1_001), "/0/times times is 1001"),
        ] {
            assert!(said.starts_with(sentence), "{said}");
        }
    }
}
