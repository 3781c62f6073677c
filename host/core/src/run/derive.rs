//! What follows from a state: where the run stands in the queues, what it listens to, which lane it takes up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Phase, Progress, Stand, State};

/// Runs that are due stand in queues, so that those of one workflow, or for one system, need not wait for
/// those of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    /// Runs of a workflow, its parts included.
    Workflow(String),
    /// Runs that are parked until a system takes requests again.
    System {
        /// The system.
        system: String,
        /// Their workflow.
        workflow: String,
    },
}

impl Queue {
    /// The workflow of the runs in it.
    pub fn workflow(&self) -> &str {
        match self {
            Self::Workflow(workflow) | Self::System { workflow, .. } => workflow,
        }
    }

    /// The system that they are parked for.
    pub fn system(&self) -> Option<&str> {
        match self {
            Self::Workflow(_) => None,
            Self::System { system, .. } => Some(system),
        }
    }
}

/// A place in a queue. A run may have several, and is worked on when one of them is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The queue.
    pub queue: Queue,
    /// Since or from when, in milliseconds since the Unix epoch. The order within the queue.
    pub due_ms: u64,
}

/// An event that a step of a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription<'a> {
    /// Name of the event.
    pub event: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// The step.
    pub step: &'a str,
}

/// What a run takes up of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It waits for its turn.
    Waits,
    /// It is one of those whose turn it is.
    Has,
}

impl State {
    /// The run's places in the queues; none if it is not to be worked on.
    pub fn places(&self) -> Vec<Place> {
        let own = |due_ms| Place { queue: self.own_queue(), due_ms };
        match &self.phase {
            Phase::Gathering { until_ms, quiet, .. } => {
                vec![own(quiet.map_or(*until_ms, |quiet| quiet.until_ms.min(*until_ms)))]
            }
            Phase::Ready { since_ms } => vec![own(*since_ms)],
            Phase::Retrying { .. } | Phase::Parked { .. } | Phase::Waiting { .. } => {
                let deadline_ms = self.deadline.filter(|_| self.undoing.is_none()).map(|end| end.at_ms);
                let stands = || self.steps.values().map(|progress| &progress.stand);
                let due_ms = stands().filter_map(Stand::due_ms).chain(deadline_ms).min();
                let mut places: Vec<Place> = due_ms.map(own).into_iter().collect();
                let parked = stands().filter_map(|stand| match stand {
                    Stand::Parked { system, since_ms } => {
                        let (system, workflow) = (system.clone(), root(&self.workflow).to_owned());
                        Some(Place { queue: Queue::System { system, workflow }, due_ms: *since_ms })
                    }
                    _ => None,
                });
                places.extend(parked);
                places.sort();
                places.dedup();
                places
            }
            Phase::Dead { .. } => self.redrive().map(|redrive| own(redrive.at_ms)).into_iter().collect(),
            Phase::Held { .. } | Phase::Queued { .. } | Phase::Succeeded | Phase::Cancelled => Vec::new(),
        }
    }

    /// The queue of the run's workflow.
    pub fn own_queue(&self) -> Queue {
        Queue::Workflow(root(&self.workflow).to_owned())
    }

    /// What its steps wait to hear of. A dead letter goes on listening, for when it is redriven; one that undoes
    /// what it has done, or has undone it, takes no event away from others: it begins anew at best.
    pub fn subscriptions(&self) -> Vec<Subscription<'_>> {
        let is_undone = self.undoing.is_some() || matches!(self.phase, Phase::Dead { undone: true, .. });
        if self.phase.has_ended() || is_undone {
            return Vec::new();
        }
        let listening = self.steps.iter().filter_map(|(step, progress)| match &progress.stand {
            Stand::Listening { event, key, since_ms, .. } => {
                Some(Subscription { event, key, since_ms: *since_ms, step })
            }
            _ => None,
        });
        listening.collect()
    }

    /// What it takes up of its lane; none without a lane or after its end.
    pub fn turn(&self) -> Option<Turn> {
        self.lane.as_ref()?;
        match self.phase {
            Phase::Queued { .. } => Some(Turn::Waits),
            Phase::Gathering { .. }
            | Phase::Ready { .. }
            | Phase::Retrying { .. }
            | Phase::Parked { .. }
            | Phase::Waiting { .. }
            // With those behind it: one that lets them pass has left the lane.
            | Phase::Dead { .. } => Some(Turn::Has),
            // It comes to its lane when it is released.
            Phase::Held { .. } | Phase::Succeeded | Phase::Cancelled => None,
        }
    }

    /// The key under which it gathers events.
    pub fn gathers(&self) -> Option<&str> {
        match &self.phase {
            Phase::Gathering { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// The workflow that a part of it belongs to: `nightly` of `nightly/each`.
pub fn root(workflow: &str) -> &str {
    workflow.split_once('/').map_or(workflow, |(root, _)| root)
}

/// The phase of a run that waits for what its steps wait for; none if none of them does.
pub(super) fn resting(steps: &BTreeMap<String, Progress>) -> Option<Phase> {
    let held = || steps.iter().filter(|(_, progress)| progress.stand.is_held());
    let parked = held().find_map(|(step, progress)| match &progress.stand {
        Stand::Parked { system, .. } => Some(Phase::Parked { step: step.clone(), system: system.clone() }),
        _ => None,
    });
    if parked.is_some() {
        return parked;
    }
    let (step, progress) = held().min_by_key(|(_, progress)| progress.stand.due_ms().unwrap_or(u64::MAX))?;
    Some(match progress.stand {
        Stand::Retrying { at_ms } => Phase::Retrying { step: step.clone(), at_ms },
        _ => Phase::Waiting { step: step.clone() },
    })
}
