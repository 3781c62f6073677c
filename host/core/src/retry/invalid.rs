//! What can be wrong with a policy, and where.

use std::time::Duration;

use humantime::format_duration;

use super::{MAX_ATTEMPTS, MAX_DELAY, MAX_RULES};

/// Something in a [`Config`](super::Config) that makes no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidPolicy {
    pointer: String,
    problem: Problem,
}

impl InvalidPolicy {
    pub(super) fn new(pointer: String, problem: Problem) -> Self {
        Self { pointer, problem }
    }

    /// The same, found in what is at `pointer`.
    pub(super) fn below(self, pointer: &str) -> Self {
        Self { pointer: format!("{pointer}{}", self.pointer), ..self }
    }

    /// RFC 6901 JSON pointer into the config of what is wrong, such as `/rules/1/on/status/0`. May name a
    /// key that is missing.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
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
        format_duration(*first),
        format_duration(*max)
    )]
    FirstOverMax {
        /// First delay.
        first: Duration,
        /// Longest delay.
        max: Duration,
    },
    /// The longest delay is over [`MAX_DELAY`].
    #[error("max ({}) is longer than {}", format_duration(*.0), format_duration(MAX_DELAY))]
    MaxTooLong(Duration),
    /// The time is over before the first delay is.
    #[error(
        "elapsed ({}) is shorter than first ({}), so there would be no time for a second attempt: raise \
         elapsed or lower first; attempts: 1 means that nothing is retried",
        format_duration(*elapsed),
        format_duration(*first)
    )]
    ElapsedUnderFirst {
        /// Time for all attempts.
        elapsed: Duration,
        /// First delay.
        first: Duration,
    },
    /// More than [`MAX_RULES`].
    #[error("there are {0} rules: give at most {MAX_RULES}")]
    TooManyRules(usize),
    /// A rule without a condition.
    #[error(
        "on has no key, so the rule would match every failure: give status, cause, code or system; what \
         holds for every failure is written beside rules"
    )]
    NoCondition,
    /// A condition that nothing fulfils.
    #[error("{0} is an empty list, which matches no failure: give at least one value, or remove {0}")]
    NoValues(&'static str),
    /// Not a status.
    #[error(
        "{0:?} is no HTTP status: give one from 100 to 599, a class such as 5xx or a range such as 500-504"
    )]
    Status(String),
    /// Not a cause.
    #[error(
        "there is no cause {given:?} ({}known: {known})",
        meant.map(|name| format!("did you mean {name:?}? ")).unwrap_or_default()
    )]
    Cause {
        /// What was given.
        given: String,
        /// The nearest name.
        meant: Option<&'static str>,
        /// All causes that rules decide on.
        known: String,
    },
    /// A cause of which no policy decides.
    #[error("no rule decides on {0:?}: a fault of the host is retried until it passes and costs no attempt")]
    HostCause(&'static str),
    /// A cause that another attempt does not help, in any step.
    #[error(
        "then: retry cannot help {0:?}: another attempt would see the same data and fail in the same way"
    )]
    Repeats(&'static str),
    /// A code that no failure has.
    #[error(
        "{0:?} is no code that a failure can have: codes are made of lower-case letters, digits and single \
         dashes, such as out-of-stock"
    )]
    Code(String),
    /// A rule that changes nothing.
    #[error(
        "the rule says what it matches but not what to do: give then: reject, then: retry, or a pace of its \
         own, such as attempts"
    )]
    NoEffect,
    /// A pace of attempts that are never made.
    #[error("{0} has no meaning with then: reject, after which there is no attempt: remove one of them")]
    PaceOfReject(&'static str),
}

impl Problem {
    /// The key of a pace that is to be changed.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::NoAttempts | Self::TooManyAttempts(_) => "attempts",
            Self::NoDelay | Self::FirstOverMax { .. } => "first",
            Self::MaxTooLong(_) => "max",
            Self::ElapsedUnderFirst { .. } => "elapsed",
            Self::TooManyRules(_) => "rules",
            Self::NoCondition => "on",
            Self::NoValues(key) | Self::PaceOfReject(key) => key,
            Self::Status(_) => "status",
            Self::Cause { .. } | Self::HostCause(_) | Self::Repeats(_) => "cause",
            Self::Code(_) => "code",
            Self::NoEffect => "then",
        }
    }
}
