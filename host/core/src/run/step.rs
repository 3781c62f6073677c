//! How far a step is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of a step of which something was journaled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How often it has been tried.
    #[serde(default, skip_serializing_if = "Tries::is_none")]
    pub tries: Tries,
    /// How far it is.
    #[serde(default)]
    pub stand: Stand,
}

/// How often a step has been tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// Number of the last attempt. Goes on over a redrive.
    pub last: u32,
    /// Attempts that count towards the retry policy: since the last redrive, without host faults.
    pub counted: u32,
    /// Host faults in a row, for their backoff.
    pub host_faults: u32,
    /// When the first of the counted attempts failed, in milliseconds since the Unix epoch; 0 if none did.
    #[serde(default)]
    pub since_ms: u64,
}

impl Tries {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How far a step is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// It can be begun, or tried again, at once.
    #[default]
    Open,
    /// An attempt has failed; the next is made at this time, in milliseconds since the Unix epoch.
    Retrying {
        /// Not before this time.
        at_ms: u64,
    },
    /// Its system takes no requests now.
    Parked {
        /// The system.
        system: String,
        /// Since when.
        since_ms: u64,
    },
    /// It is done at this time.
    Sleeping {
        /// When.
        until_ms: u64,
    },
    /// It waits for an event.
    Listening {
        /// Name of the event.
        event: String,
        /// Key of the event.
        key: String,
        /// Since when, in milliseconds since the Unix epoch: the one that has waited longest hears of it.
        since_ms: u64,
        /// Until when; none for ever.
        until_ms: Option<u64>,
    },
    /// It waits for a person to decide.
    Undecided {
        /// Until when; none for ever.
        until_ms: Option<u64>,
    },
    /// It waits for other runs.
    Children(Children),
    /// It is done: with what, stands in this entry.
    Done {
        /// Number of the entry.
        seq: u32,
    },
}

/// The runs that a step has begun, by what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Children {
    /// How many there will be.
    pub total: u32,
    /// How many there are, with those of an earlier round that lie before the last of them.
    pub begun: u32,
    /// How many have succeeded, also in an earlier round.
    pub succeeded: u32,
    /// How many are dead letters.
    pub dead: u32,
    /// How many were cancelled.
    pub cancelled: u32,
    /// What one that failed does to the step.
    pub failures: Failures,
    /// Which round of the step it is.
    pub since: u32,
    /// What the ids of the runs are made with, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Bytes of their outputs so far.
    pub bytes: u64,
}

/// Bytes of all outputs of a step's runs together: they are one document. More are left out, and fail the step.
pub const OUTPUT_BYTES: u64 = 16 << 20;

/// What an item that fails does to its `for-each` step. In each case it is a dead letter of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Failures {
    /// The step waits until it has been redriven to its end; if it is cancelled, the step fails.
    #[default]
    All,
    /// The step goes on once all items have ended, with an error in place of its output.
    Collect,
    /// The step fails at once; items that have not ended are cancelled.
    Stop,
}

impl Children {
    /// Whether the step waits for none of them any more.
    pub fn are_settled(&self) -> bool {
        let ended = self.succeeded.saturating_add(self.cancelled);
        match self.failures {
            Failures::All => ended >= self.total,
            Failures::Collect => ended.saturating_add(self.dead) >= self.total,
            Failures::Stop => ended >= self.total || self.dead > 0 || self.cancelled > 0,
        }
    }
}

impl Stand {
    /// When the step goes on by itself, in milliseconds since the Unix epoch.
    pub fn due_ms(&self) -> Option<u64> {
        match self {
            Self::Retrying { at_ms } => Some(*at_ms),
            Self::Sleeping { until_ms } => Some(*until_ms),
            Self::Listening { until_ms, .. } | Self::Undecided { until_ms } => *until_ms,
            Self::Open | Self::Parked { .. } | Self::Children(_) | Self::Done { .. } => None,
        }
    }

    /// Whether the step waits for something.
    pub fn is_held(&self) -> bool {
        match self {
            Self::Open | Self::Done { .. } => false,
            Self::Retrying { .. }
            | Self::Parked { .. }
            | Self::Sleeping { .. }
            | Self::Listening { .. }
            | Self::Undecided { .. }
            | Self::Children(_) => true,
        }
    }
}
