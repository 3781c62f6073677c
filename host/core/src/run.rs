//! The state machine of a run. [`next`] is the only way in which a run changes state, live and in
//! recovery alike.

mod next;
mod verdict;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attempt::{Failure, Record};
use crate::document::Document;
use crate::event::Event;
use crate::id::RunId;

pub use next::{IllegalTransition, next, replay};
pub use verdict::{Verdict, verdict};

/// Where a run stands. Small: documents live in the entries, the state only says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The run.
    pub run: RunId,
    /// Name of the workflow.
    pub workflow: String,
    /// Version of the workflow when it was accepted.
    pub version: String,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub accepted_ms: u64,
    /// When it last changed.
    pub changed_ms: u64,
    /// Number of entries so far.
    pub seq: u32,
    /// For each connector step that has succeeded, the number of the entry that has its output.
    pub results: BTreeMap<String, u32>,
    /// For each step whose attempts were journaled: its tries.
    pub tries: BTreeMap<String, Tries>,
    /// Number of redrives.
    pub redrives: u32,
    /// Number of the entry that holds the payload: 0, or that of a redrive which edited it.
    pub payload: u32,
    /// What it does or waits for.
    pub phase: Phase,
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
}

/// What a run does or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Can go on at once.
    Ready {
        /// Since when.
        since_ms: u64,
    },
    /// Waits to try a step again.
    Retrying {
        /// The step.
        step: String,
        /// Not before this time.
        at_ms: u64,
    },
    /// All steps are done.
    Succeeded,
    /// Failed for good: a dead letter, which waits for a person.
    Dead {
        /// The step that failed.
        step: String,
        /// Why.
        failure: Failure,
    },
    /// Ended by a person.
    Cancelled,
}

impl State {
    /// When the run is to be worked on; none if it is not.
    pub fn due_ms(&self) -> Option<u64> {
        match &self.phase {
            Phase::Ready { since_ms } => Some(*since_ms),
            Phase::Retrying { at_ms, .. } => Some(*at_ms),
            Phase::Succeeded | Phase::Dead { .. } | Phase::Cancelled => None,
        }
    }

    /// Number of the next attempt of a step.
    pub fn next_attempt(&self, step: &str) -> u32 {
        self.tries.get(step).map_or(0, |tries| tries.last).saturating_add(1)
    }
}

/// One entry of a run's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened.
    pub what: What,
    /// Records of the pure steps that ran since the entry before. For the operator only: their
    /// outputs are recomputed, never read back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pure: Vec<Record>,
}

/// What an [`Entry`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The event was accepted. Always the first entry, and nowhere else.
    Accepted {
        /// The run.
        run: RunId,
        /// Name of the workflow.
        workflow: String,
        /// Version of the workflow.
        version: String,
        /// The payload.
        event: Event,
    },
    /// A connector step succeeded.
    StepSucceeded {
        /// Its output.
        output: Document,
        /// The attempt.
        record: Record,
    },
    /// An attempt failed and another will be made.
    AttemptFailed {
        /// The attempt, with its failure.
        record: Record,
        /// When the next one is due.
        retry_at_ms: u64,
    },
    /// An attempt failed and no other will be made: the run is a dead letter.
    Died {
        /// The attempt, with its failure.
        record: Record,
    },
    /// All steps are done.
    Succeeded,
    /// A person set a dead letter going again.
    Redriven {
        /// From the first step, forgetting what connectors answered, or from the failed one.
        from_start: bool,
        /// The payload in place of the accepted one, which is kept in the first entry.
        document: Option<Document>,
        /// Who asked for it.
        by: String,
    },
    /// A person ended the run.
    Cancelled {
        /// Who asked for it.
        by: String,
    },
}
