//! The state machine of a run. [`next`] is the only way in which a run changes state, live and in
//! recovery alike.
//!
//! A run's journal has several writers: whoever works on the run, and others who have something to tell it
//! (a child that ended, an event it waits for, a person who decides or cancels). Each appends entries, and
//! what an entry may do depends on nothing but the state that it finds. So neither needs to lock the other out.
//!
//! The state keeps only what cannot be recomputed: how far each step is whose progress was journaled. Where
//! a run stands in the queue, what it waits for and which lane it takes up are functions of it ([`State::places`],
//! [`State::subscriptions`], [`State::turn`]), which the journal keeps as indexes.

mod child;
mod derive;
mod entry;
mod next;
mod payload;
mod step;
mod verdict;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attempt::Failure;
use crate::dead::{Category, Fingerprint, Redrive};
use crate::id::RunId;

pub use crate::journal::PhaseName;
pub use child::child_id;
pub use derive::{Place, Queue, Subscription, Turn, root};
pub use entry::{Accepted, Became, Carried, Decision, Entry, Gather, Pending, What};
pub use next::{IllegalTransition, next, replay};
pub use payload::payload;
pub use step::{Children, Failures, OUTPUT_BYTES, Progress, Stand, Tries};
pub use verdict::{Verdict, verdict};

/// Where a run stands. Small: documents live in the entries, the state only says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The run.
    pub run: RunId,
    /// Name of the workflow; of a part of one `workflow/part`, such as the body of a `for-each` step.
    pub workflow: String,
    /// Version of the workflow by which the run goes on.
    pub version: String,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub accepted_ms: u64,
    /// When it last changed.
    pub changed_ms: u64,
    /// Number of entries so far.
    pub seq: u32,
    /// Progress of each step for which there is an entry.
    pub steps: BTreeMap<String, Progress>,
    /// Number of redrives.
    pub redrives: u32,
    /// Number of those that rules made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rule_redrives: u32,
    /// Number of redrives from the start after what had been done was undone: systems are asked anew then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounds: u32,
    /// Number of the entry that holds the payload: 0, or that of a redrive which edited it.
    pub payload: u32,
    /// How long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// The run that has begun this one and hears of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// What its idempotency keys begin with in place of its id: an item of a list, or a call, is the same however often
    /// a run is begun for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The lane that it goes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// What has been done is being undone, and what the run becomes after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoing: Option<Undoing>,
    /// What it does or waits for.
    pub phase: Phase,
}

/// The run that began another, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The run.
    pub run: RunId,
    /// Its step.
    pub step: String,
    /// Which item of the step it is, from 0.
    pub index: u32,
    /// Which round of the step it belongs to: a later one does not mind this child.
    pub since: u32,
    /// Whether the step asks for its output.
    pub wants_output: bool,
}

/// How long a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// From its acceptance or its last redrive, in milliseconds.
    pub timeout_ms: u64,
    /// When that is over, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

impl Deadline {
    /// The deadline of a run that begins at `now_ms`.
    pub fn from(now_ms: u64, timeout_ms: u64) -> Self {
        Self { timeout_ms, at_ms: now_ms.saturating_add(timeout_ms) }
    }
}

/// Runs that go one after another, or a few at a time: in the order in which they come, and each from its begin to
/// its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Which lane. Unique in the journal: whoever wants lanes of a workflow's own puts its name in.
    pub key: String,
    /// How many runs of it go at once; at least 1. That of the run that came last counts for all.
    pub width: u32,
    /// What a dead letter does to those behind it.
    pub on_dead: OnDead,
    /// Its place in the lane: given by the journal, ascending in the order in which runs come to it. That is when
    /// they are accepted, or released if they were held.
    #[serde(default)]
    pub ticket: u64,
}

/// What a dead letter does to those behind it in its lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDead {
    /// They wait until it has been redriven to its end, or cancelled.
    #[default]
    Block,
    /// They go on.
    Pass,
}

/// A run that is undoing what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undoing {
    /// What failed for good; none if a person cancelled the run.
    pub failed: Option<Death>,
}

/// A failure for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The step that failed.
    pub step: String,
    /// Why.
    pub failure: Failure,
    /// What kind of trouble it is.
    pub category: Category,
    /// The same for failures that are equal but for numbers, names and the like.
    pub fingerprint: Fingerprint,
    /// The redrive that a rule has in store for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive: Option<Redrive>,
}

/// What a run does or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for a person who lets it begin: its source holds what it is sent.
    Held {
        /// Since when.
        since_ms: u64,
        /// How further events are gathered once it is released.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gather: Option<Gather>,
    },
    /// Gathers events that belong together.
    Gathering {
        /// What the events have in common.
        key: String,
        /// Until when at the latest, in milliseconds since the Unix epoch.
        until_ms: u64,
        /// How many there are.
        count: u32,
        /// At how many it begins.
        max: u32,
        /// It also begins when no event has come for a while.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quiet: Option<Quiet>,
    },
    /// Waits for its turn in its lane.
    Queued {
        /// Since when.
        since_ms: u64,
    },
    /// Can go on at once.
    Ready {
        /// Since when.
        since_ms: u64,
    },
    /// Waits to try a step again, before anything else that it waits for.
    Retrying {
        /// The step.
        step: String,
        /// Not before this time.
        at_ms: u64,
    },
    /// Waits for a system that takes no requests now.
    Parked {
        /// The step.
        step: String,
        /// The system.
        system: String,
    },
    /// Waits for something that its steps name: a time, an event, a decision, other runs.
    Waiting {
        /// The step, or the first of them.
        step: String,
    },
    /// All steps are done.
    Succeeded,
    /// Failed for good: a dead letter, which waits for a person, or for the redrive that a rule has in store for it.
    Dead {
        /// The step that failed.
        step: String,
        /// Why.
        failure: Failure,
        /// What kind of trouble it is.
        category: Category,
        /// The same for failures that are equal but for numbers, names and the like.
        fingerprint: Fingerprint,
        /// Whether what the run had done was undone: then it can only be redriven from the start.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undone: bool,
        /// The redrive that a rule has in store; [`State::redrive`] says whether it will be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        redrive: Option<Redrive>,
        /// Until when a person wants to hear nothing of it, in milliseconds since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snoozed_until_ms: Option<u64>,
        /// When it died, in milliseconds since the Unix epoch.
        #[serde(default)]
        since_ms: u64,
    },
    /// Ended by a person.
    Cancelled,
}

/// When a gathering run begins that is put off by each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// For how long no event may have come, in milliseconds.
    pub for_ms: u64,
    /// When that is over as things are.
    pub until_ms: u64,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Whether a step undoes another, by its name: `ID/undo`.
pub fn is_undo(step: &str) -> bool {
    step.ends_with("/undo")
}

impl Phase {
    /// Whether nothing more can become of the run.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Succeeded | Self::Cancelled => true,
            Self::Held { .. }
            | Self::Gathering { .. }
            | Self::Queued { .. }
            | Self::Ready { .. }
            | Self::Retrying { .. }
            | Self::Parked { .. }
            | Self::Waiting { .. }
            | Self::Dead { .. } => false,
        }
    }

    /// Whether the run goes on by itself, now or later.
    pub fn is_open(&self) -> bool {
        !self.has_ended() && !self.is_dead() && !self.is_held()
    }

    /// Whether it waits for a person who lets it begin.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held { .. })
    }

    /// Whether it is a dead letter.
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Dead { .. })
    }
}

impl State {
    /// What is sent to systems that can recognise a repeated request: the same for every attempt of the step, also
    /// after a redrive, until what the run has done is undone.
    pub fn idempotency_key(&self, step: &str) -> String {
        let key = match &self.key {
            Some(key) => format!("{key}:{step}"),
            None => self.run.idempotency_key(step),
        };
        if self.rounds == 0 { key } else { format!("{key}:{}", self.rounds) }
    }

    /// The redrive that a rule makes by itself, if nobody is faster; only of a dead letter.
    pub fn redrive(&self) -> Option<Redrive> {
        let Phase::Dead { redrive, .. } = &self.phase else { return None };
        redrive.filter(|redrive| self.may(*redrive))
    }

    /// Until when a person wants to hear nothing of a dead letter; none if that is over, or of other runs.
    pub fn snoozed_until_ms(&self, now_ms: u64) -> Option<u64> {
        let Phase::Dead { snoozed_until_ms, .. } = &self.phase else { return None };
        snoozed_until_ms.filter(|until_ms| *until_ms > now_ms)
    }

    /// Whether a redrive by a rule is one of those that the run may have in its life.
    pub fn may(&self, redrive: Redrive) -> bool {
        self.rule_redrives < redrive.times
    }

    /// Number of the next attempt of a step.
    pub fn next_attempt(&self, step: &str) -> u32 {
        self.tries(step).last.saturating_add(1)
    }

    /// How often a step has been tried.
    pub fn tries(&self, step: &str) -> Tries {
        self.steps.get(step).map(|progress| progress.tries).unwrap_or_default()
    }

    /// How far a step is; [`Stand::Open`] if nothing was journaled of it.
    pub fn stand(&self, step: &str) -> &Stand {
        self.steps.get(step).map_or(&Stand::Open, |progress| &progress.stand)
    }

    /// The number of the entry that a step was done with.
    pub fn done(&self, step: &str) -> Option<u32> {
        match self.stand(step) {
            Stand::Done { seq } => Some(*seq),
            Stand::Open
            | Stand::Retrying { .. }
            | Stand::Parked { .. }
            | Stand::Sleeping { .. }
            | Stand::Listening { .. }
            | Stand::Undecided { .. }
            | Stand::Children(_) => None,
        }
    }
}
