//! What is written to a run's journal.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Failures, Lane, Parent, Quiet};
use crate::attempt::{Failure, Record};
use crate::dead::{Category, Fingerprint, Redrive};
use crate::document::Document;
use crate::event::Event;
use crate::id::RunId;

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
    /// Who wrote it has nothing left to do for the run until a step that waits goes on, as far as they know:
    /// they have seen this many entries, the ones written with this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests: Option<u32>,
}

/// What an [`Entry`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The event was accepted. Always the first entry, and nowhere else.
    Accepted(Box<Accepted>),
    /// A further event for a run that gathers them.
    Gathered {
        /// The payload.
        event: Event,
    },
    /// A held run may begin.
    Released {
        /// Who asked for it.
        by: String,
        /// Its place in its lane, which it comes to now: given by the journal.
        #[serde(default)]
        ticket: u64,
    },
    /// It is the run's turn in its lane.
    Turn,
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
    /// A step could not be tried, as its system takes no requests now.
    Parked {
        /// The step.
        step: String,
        /// The system.
        system: String,
    },
    /// A step has begun that waits for something other than an attempt.
    Began {
        /// The step.
        step: String,
        /// What it waits for.
        pending: Pending,
    },
    /// So many more runs were begun by a step.
    Spawned {
        /// The step.
        step: String,
        /// How many.
        count: u32,
    },
    /// Something became of a run that a step has begun.
    Child {
        /// The step.
        step: String,
        /// Which round of the step it belongs to.
        since: u32,
        /// Which item it is.
        index: u32,
        /// The run.
        run: RunId,
        /// What became of it.
        became: Became,
    },
    /// The event that a step waits for has come.
    Heard {
        /// The step.
        step: String,
        /// The event.
        event: Event,
    },
    /// A person has decided what a step waits for.
    Decided {
        /// The step.
        step: String,
        /// What they decided.
        decision: Decision,
    },
    /// The time is over that a step waits for.
    Elapsed {
        /// The step.
        step: String,
    },
    /// Nothing but that the run rests.
    Rests,
    /// A step failed for good: the run is a dead letter, or undoes what it has done and becomes one then.
    Died {
        /// The attempt, with its failure.
        record: Record,
        /// What kind of trouble it is.
        category: Category,
        /// The same for failures that are equal but for numbers, names and the like.
        fingerprint: Fingerprint,
        /// Whether there is something to undo.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
        /// The redrive that a rule has in store for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        redrive: Option<Redrive>,
    },
    /// What the run had done is undone.
    Undone,
    /// All steps are done.
    Succeeded {
        /// What the workflow says its output is, for whoever asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Document>,
    },
    /// A person set a dead letter going again, or a rule did when its time had come.
    Redriven {
        /// From the first step, forgetting what connectors answered, or from the failed one.
        from_start: bool,
        /// The payload in place of the accepted one, which is kept in the first entry.
        document: Option<Document>,
        /// The version of the workflow to go on by, in place of the one before. Steps that wait begin anew then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Who asked for it.
        by: String,
        /// Whether it is the redrive that a rule had in store.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_rule: bool,
    },
    /// A person wants to hear nothing of a dead letter for a while.
    Snoozed {
        /// Until when, in milliseconds since the Unix epoch; a time that is over ends it.
        until_ms: u64,
        /// Who asked for it.
        by: String,
    },
    /// A person ended the run.
    Cancelled {
        /// Who asked for it.
        by: String,
        /// Whether what it has done is undone first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
    },
}

/// The first entry of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The run.
    pub run: RunId,
    /// Name of the workflow.
    pub workflow: String,
    /// Version of the workflow.
    pub version: String,
    /// The payload.
    pub event: Event,
    /// How long the run may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The run that begins this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// What its idempotency keys begin with in place of its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The lane that it goes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// How further events are gathered before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gather: Option<Gather>,
    /// Whether it waits for a person before all else: its source holds what it is sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
}

/// How events that belong together become one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gather {
    /// What the events of one run have in common. Unique in the workflow.
    pub key: String,
    /// How long after the first event the run begins at the latest, in milliseconds.
    pub for_ms: u64,
    /// How many events it begins with at most.
    pub max: u32,
    /// It also begins when no event has come for so long, in milliseconds.
    pub quiet_ms: Option<u64>,
    /// Whether only the last event counts, and not all of them.
    pub keep_last: bool,
}

impl Gather {
    /// When a quiet time ends that begins at `at_ms`.
    pub(super) fn quiet(&self, at_ms: u64) -> Option<Quiet> {
        self.quiet_ms.map(|for_ms| Quiet { for_ms, until_ms: at_ms.saturating_add(for_ms) })
    }
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pending {
    /// A point in time, in milliseconds since the Unix epoch.
    Time {
        /// The time.
        until_ms: u64,
    },
    /// An event.
    Event {
        /// Its name.
        event: String,
        /// Its key.
        key: String,
        /// Until when; none for ever.
        until_ms: Option<u64>,
    },
    /// A person's decision.
    Decision {
        /// Until when; none for ever.
        until_ms: Option<u64>,
        /// What is to be decided, for the person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        question: Option<String>,
    },
    /// Other runs.
    Children {
        /// How many there will be.
        total: u32,
        /// What one that fails does to the step.
        failures: Failures,
        /// Which round of the step it is: no other one of the run has this number.
        since: u32,
        /// What the ids of the runs are made with (see [`super::child_id`]), in milliseconds since the Unix epoch.
        at_ms: u64,
        /// What need not be begun again, if a redrive begins the step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carried: Option<Carried>,
    },
}

/// Runs of an earlier round of a step that have succeeded and count for a later one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The round.
    pub from: u32,
    /// Which, by the first and the last index of each stretch, in order.
    stretches: Vec<(u32, u32)>,
    /// Bytes of their outputs.
    pub bytes: u64,
}

impl Carried {
    /// Runs by their indexes, in order.
    pub fn new(from: u32, indexes: impl IntoIterator<Item = u32>, bytes: u64) -> Self {
        let mut stretches: Vec<(u32, u32)> = Vec::new();
        for index in indexes {
            match stretches.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(index) => *last = index,
                Some(_) | None => stretches.push((index, index)),
            }
        }
        Self { from, stretches, bytes }
    }

    /// How many they are.
    pub fn count(&self) -> u32 {
        let length = |(first, last): &(u32, u32)| last.saturating_sub(*first).saturating_add(1);
        self.stretches.iter().map(length).fold(0, u32::saturating_add)
    }

    /// Whether that of an index is one of them.
    pub fn has(&self, index: u32) -> bool {
        let after = self.stretches.partition_point(|(_, last)| *last < index);
        self.stretches.get(after).is_some_and(|(first, _)| *first <= index)
    }
}

/// What a person decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether they approve.
    pub approved: bool,
    /// Who they are, as far as is known.
    pub by: String,
    /// What they say to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What becomes of a run that a step has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It succeeded.
    Succeeded {
        /// Its output, if the step asks for it.
        output: Option<Document>,
        /// Whether it is left out because the outputs of the step's runs are too long together.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_cut: bool,
    },
    /// It is a dead letter.
    Dead {
        /// Why.
        failure: Failure,
    },
    /// It was a dead letter and goes on.
    Revived,
    /// It was cancelled.
    Cancelled {
        /// Whether it was a dead letter before.
        was_dead: bool,
    },
}

impl Decision {
    /// What a step gives whose approval it is.
    pub fn output(&self) -> Document {
        let Self { approved, by, comment } = self;
        Document::json(&json!({ "approved": approved, "by": by, "comment": comment }))
    }
}

impl Entry {
    /// An entry without records of pure steps.
    pub fn new(at_ms: u64, what: What) -> Self {
        Self { at_ms, what, pure: Vec::new(), rests: None }
    }
}

impl What {
    /// The name by which it is shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Gathered { .. } => "gathered",
            Self::Released { .. } => "released",
            Self::Turn => "turn",
            Self::StepSucceeded { .. } => "step-succeeded",
            Self::AttemptFailed { .. } => "attempt-failed",
            Self::Parked { .. } => "parked",
            Self::Began { .. } => "began",
            Self::Spawned { .. } => "spawned",
            Self::Child { .. } => "child",
            Self::Heard { .. } => "heard",
            Self::Decided { .. } => "decided",
            Self::Elapsed { .. } => "elapsed",
            Self::Rests => "rests",
            Self::Died { .. } => "died",
            Self::Undone => "undone",
            Self::Succeeded { .. } => "succeeded",
            Self::Redriven { .. } => "redriven",
            Self::Snoozed { .. } => "snoozed",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}
