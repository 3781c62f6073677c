//! What an operator writes under `on.schedule`, as plain data.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::duration;

/// A schedule as an operator writes it: exactly one of `cron`, `every` and `at`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Schedule")]
pub struct Config {
    /// A cron pattern of five fields (minute, hour, day of month, month, day of week), or of six with
    /// seconds first, such as `30 6 * * MON-FRI`; or one of `@yearly`, `@annually`, `@monthly`, `@weekly`,
    /// `@daily`, `@midnight` and `@hourly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// A period of at least one second, such as `15m`, counted from the Unix epoch.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub every: Option<Duration>,
    /// A single point in time: RFC 3339, such as `2026-12-24T18:00:00+01:00`, or without an offset, such as
    /// `2026-12-24T18:00:00`, which is read in `zone`. A local time that daylight saving leaves out is the
    /// end of what it leaves out; of one that comes twice it is the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// IANA name of the time zone that `cron` and local times are read in, such as `Europe/Berlin`; UTC
    /// unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// There is no instant before this point in time, written as for `at`. It does not shift `every`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// There is no instant at or after this point in time, written as for `at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Each fire begins up to this much after its instant, so that many schedules for the same time do not
    /// begin together; at most one hour, and half of the shortest time between two instants. How much
    /// hangs on the workflow's name and the instant alone. None unless given.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub jitter: Option<Duration>,
    /// What is done about instants that were missed while nothing ran; `latest` unless given.
    #[serde(rename = "catch-up", skip_serializing_if = "CatchUp::is_default")]
    pub catch_up: CatchUp,
    /// What is done if the run of an earlier fire has not ended; `allow` unless given.
    #[serde(skip_serializing_if = "Overlap::is_default")]
    pub overlap: Overlap,
}

/// What is done about instants that were missed while nothing ran. An instant whose time to begin is at most
/// a minute past is on time and fires in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// They are passed over.
    None,
    /// The latest is made up for, unless a later one is on time.
    #[default]
    Latest,
    /// All are made up for, but of all that fire at once at most the newest so many, 1 to 1000.
    All(u32),
}

/// By hand, since the derived error for a plain `all` would not say that a number is missing.
impl<'de> Deserialize<'de> for CatchUp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            deny_unknown_fields,
            expecting = "catch-up is none, latest, or all with how many at most, such as { all: 100 }"
        )]
        enum Written {
            Word(Word),
            All { all: u32 },
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            None,
            Latest,
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Word(Word::None) => Self::None,
            Written::Word(Word::Latest) => Self::Latest,
            Written::All { all } => Self::All(all),
        })
    }
}

/// What is done if a schedule fires while the run of an earlier fire has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// Both run.
    #[default]
    Allow,
    /// The new one does not run.
    Skip,
    /// The new one runs after the earlier.
    Queue,
    /// The earlier one is cancelled.
    Cancel,
}

// Defaults are not written, so that a definition which does not mention them keeps its version.

impl CatchUp {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Overlap {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
