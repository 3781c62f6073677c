//! What is told of attempts that were made again with a candidate: the lines of a backtest, and what `/api/shadow`
//! has.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepmill_core::RunId;

/// A line of a backtest's NDJSON. The last one is the summary or an error; without either it has broken off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// What came of one attempt.
    Attempt(Box<Tried>),
    /// How far it is.
    Progress {
        /// Runs that have been looked at.
        runs: u64,
    },
    /// All that came of it.
    Summary(Box<Summary>),
    /// Why it cannot go on.
    Error {
        /// The sentence.
        message: String,
    },
}

/// An attempt that was made again with the candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The run.
    pub run: RunId,
    /// Number of the attempt.
    pub number: u32,
    /// When it began, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What a candidate does with an attempt, against what was done then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word.
    pub result: Outcome,
    /// Where it differs: at most [`DIFFERENCES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// In a sentence, where the differences do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Differences of one attempt that are told.
pub const DIFFERENCES: usize = 50;

/// What came of an attempt, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The same as then: the same output or the same failure, and the same requests.
    Equal,
    /// Something else.
    Changed,
    /// The candidate failed where the attempt did not.
    Failed,
    /// The candidate asked for an exchange that was not recorded, or not as a whole.
    Unrecorded,
    /// The run's config is none for the candidate.
    InvalidConfig,
    /// Nothing was compared.
    Skipped,
}

impl Outcome {
    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Unrecorded => "unrecorded",
            Self::InvalidConfig => "invalid-config",
            Self::Skipped => "skipped",
        }
    }
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The output document, or that there is one.
    Output,
    /// Its media type.
    MediaType,
    /// The failure.
    Failure,
    /// A request that was sent then.
    Request,
}

impl Part {
    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::MediaType => "media-type",
            Self::Failure => "failure",
            Self::Request => "request",
        }
    }
}

/// One place at which the candidate differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// In what.
    pub part: Part,
    /// RFC 6901 JSON pointer into it; empty for the whole.
    pub pointer: String,
    /// What there was; none if there was nothing. Long values are cut, and then text.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "there")]
    pub recorded: Option<Value>,
    /// What the candidate has there; none if nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "there")]
    pub candidate: Option<Value>,
}

/// All that came of a backtest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the workflow.
    pub workflow: String,
    /// Id of the step.
    pub step: String,
    /// The candidate.
    pub candidate: Named,
    /// Runs that were looked at.
    pub runs: u64,
    /// How many of their attempts ended how.
    pub counts: Counts,
    /// What is to be known of the figures, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A component by what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its SHA-256, in hexadecimal.
    pub digest: String,
}

impl Named {
    /// What names a component.
    pub fn of(loaded: &stepmill_sandbox::Loaded) -> Self {
        let manifest = &loaded.manifest;
        Self { name: manifest.name.clone(), version: manifest.version.clone(), digest: loaded.digest.clone() }
    }
}

/// How many attempts ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// See [`Outcome::Equal`].
    pub equal: u64,
    /// See [`Outcome::Changed`].
    pub changed: u64,
    /// See [`Outcome::Failed`].
    pub failed: u64,
    /// See [`Outcome::Unrecorded`].
    pub unrecorded: u64,
    /// See [`Outcome::InvalidConfig`].
    pub invalid_config: u64,
    /// See [`Outcome::Skipped`].
    pub skipped: u64,
}

impl Counts {
    /// Counts an attempt.
    pub fn add(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Equal => &mut self.equal,
            Outcome::Changed => &mut self.changed,
            Outcome::Failed => &mut self.failed,
            Outcome::Unrecorded => &mut self.unrecorded,
            Outcome::InvalidConfig => &mut self.invalid_config,
            Outcome::Skipped => &mut self.skipped,
        };
        *count = count.saturating_add(1);
    }

    /// Attempts that the candidate does not do the same with.
    pub fn different(&self) -> u64 {
        self.changed
            .saturating_add(self.failed)
            .saturating_add(self.unrecorded)
            .saturating_add(self.invalid_config)
    }

    /// Attempts that were compared.
    pub fn compared(&self) -> u64 {
        self.equal.saturating_add(self.different())
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A value that is there, though it be null.
mod there {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(deserializer).map(Some)
    }
}
