//! Which queue the next free place goes to.
//!
//! *Stride scheduling* (C. A. Waldspurger and W. E. Weihl, "Stride Scheduling: Deterministic
//! Proportional-Share Resource Management", MIT/LCS/TM-528, 1995) between the queues that have work due:
//! each time a queue is chosen it moves ahead by a stride, the inverse of its weight (1, 4 and 16 for the
//! three priorities), and the queue that is least ahead is chosen; of those the one of higher priority,
//! then the first by name. The clock of all is where the last one is, so that only the queues ahead of
//! it have to be remembered, none further than its own stride.
//!
//! What holds, however many runs wait in each queue:
//!
//! - **A newly due queue comes first.** It starts at the clock, with nobody before it: only those of its
//!   own priority (by name) and of higher ones may be chosen before it, each once. An interactive queue
//!   gets one of the next `k` choices if `k` interactive queues are due, itself included, however many
//!   others are. One that was chosen lately is not newly due: it goes on where it was.
//! - **No queue starves.** Of `n` queues that stay due with weights that add up to `W`, one of weight `w`
//!   gets at least (`L` − `n`) · `w` / `W` − 1 of `L` choices in a row, and never more than
//!   (`L` + `n`) · `w` / `W` + 1. Between two choices of a queue, another one is chosen at most once,
//!   plus once for each of its strides that fits into that of the first.
//! - **Idleness earns nothing**, and neither does coming and going: what a queue was ahead it stays ahead
//!   until the clock has passed it, and there is no being behind.
//!
//! That is about queues that are *ready*: under their own limit, and not held back by the *reserve*. Of
//! all places, work that is not interactive may hold at most ⅞, and bulk work at most ¾ and one less
//! than that, so that long runs cannot fill the host. With 4 places or more, one at least is left for
//! interactive work, and a further one that bulk work cannot have. With fewer there is no reserve and
//! only the order of choices holds: an interactive queue then waits for a run to end. For a priority
//! that is held back the clock stands still, so that its queues go on where they were.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fewest places of which some are reserved.
const RESERVE_FROM: usize = 4;

/// How soon a workflow's runs get a place, compared with those of others.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody waits for it: its queues get 16 places for each one of a bulk queue, and some of all
    /// places are kept for them.
    Interactive,
    /// Its queues get 4 places for each one of a bulk queue.
    #[default]
    Normal,
    /// It takes what is left over, and never everything.
    Bulk,
}

impl Priority {
    /// The priority as it is stored and shown: `interactive`, `normal` or `bulk`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// How many choices a queue gets for each one of a bulk queue.
    pub fn weight(self) -> u32 {
        match self {
            Self::Interactive => 16,
            Self::Normal => 4,
            Self::Bulk => 1,
        }
    }

    /// How far a queue moves with each choice: the inverse of its weight, times 16.
    fn stride(self) -> u32 {
        match self {
            Self::Interactive => 1,
            Self::Normal => 4,
            Self::Bulk => 16,
        }
    }
}

/// The places there are and who holds them, in runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// All places, free or not.
    pub all: usize,
    /// Held by interactive work, due queues or not; the same below.
    pub interactive: usize,
    /// Held by normal work.
    pub normal: usize,
    /// Held by bulk work.
    pub bulk: usize,
}

impl Places {
    /// Has work of this priority hold so many more.
    pub fn take(&mut self, priority: Priority, count: usize) {
        let held = match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Normal => &mut self.normal,
            Priority::Bulk => &mut self.bulk,
        };
        *held = held.saturating_add(count);
    }

    /// How many are free.
    pub fn free(&self) -> usize {
        self.all.saturating_sub(self.interactive.saturating_add(self.not_interactive()))
    }

    /// How many places work of this priority and below may hold together.
    pub fn most(&self, priority: Priority) -> usize {
        if self.all < RESERVE_FROM {
            return self.all;
        }
        let not_interactive = self.all.saturating_sub(self.all.div_ceil(8));
        match priority {
            Priority::Interactive => self.all,
            Priority::Normal => not_interactive,
            Priority::Bulk => {
                self.all.saturating_sub(self.all.div_ceil(4)).min(not_interactive.saturating_sub(1))
            }
        }
    }

    /// Whether work of this priority may have one more of the places, as far as the reserve goes.
    pub fn is_open(&self, priority: Priority) -> bool {
        let below_most = |held, priority| held < self.most(priority);
        match priority {
            Priority::Interactive => true,
            Priority::Normal => below_most(self.not_interactive(), Priority::Normal),
            Priority::Bulk => {
                below_most(self.not_interactive(), Priority::Normal) && below_most(self.bulk, Priority::Bulk)
            }
        }
    }

    fn not_interactive(&self) -> usize {
        self.normal.saturating_add(self.bulk)
    }
}

/// A queue with work that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its name, once in a list of candidates.
    pub queue: &'a str,
    /// The priority of its runs.
    pub priority: Priority,
    /// How many of its runs hold a place.
    pub in_flight: usize,
    /// How many may; none if only the places limit it.
    pub most: Option<usize>,
}

/// Chooses queues. Each service has one, which begins with all queues alike.
#[derive(Clone, Debug, Default)]
pub struct Fair {
    /// The queues ahead of the clock.
    ahead: BTreeMap<String, Ahead>,
}

#[derive(Clone, Copy, Debug)]
struct Ahead {
    /// As of its last choice.
    priority: Priority,
    /// Invariant: over 0 and at most the priority's stride.
    steps: u32,
}

impl Fair {
    /// The index of the candidate that the next free place goes to; none if there is no free place, or
    /// none that a candidate may have. A choice counts as taken: for the next one, the caller
    /// counts it in `places` and in the candidate, which it leaves out if nothing more is due.
    ///
    /// Takes time in proportion to the number of candidates and of queues that were chosen lately.
    pub fn choose(&mut self, places: &Places, candidates: &[Candidate<'_>]) -> Option<usize> {
        if candidates.is_empty() {
            // Nobody waits, so that nobody is ahead of anybody.
            self.ahead.clear();
            return None;
        }
        if places.free() == 0 {
            return None;
        }
        let is_ready = |candidate: &Candidate<'_>| {
            candidate.most.is_none_or(|most| candidate.in_flight < most) && places.is_open(candidate.priority)
        };
        let (index, chosen) = candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| is_ready(candidate))
            .min_by_key(|(_, candidate)| (self.steps(candidate), candidate.priority, candidate.queue))?;
        let priority = chosen.priority;
        let steps = self.steps(chosen).saturating_add(priority.stride());
        self.ahead.insert(chosen.queue.to_owned(), Ahead { priority, steps });
        let ready = candidates.iter().filter(|candidate| is_ready(candidate));
        let last = ready.map(|candidate| self.steps(candidate)).min().unwrap_or(0);
        self.pass(last, places);
        Some(index)
    }

    /// How far a queue is ahead of the clock: at most a stride of the priority that it has now, and
    /// further only from its choice until the clock has moved.
    fn steps(&self, candidate: &Candidate<'_>) -> u32 {
        self.ahead.get(candidate.queue).map_or(0, |ahead| ahead.steps)
    }

    /// Moves the clock, and with it the queues whose priority is held back.
    fn pass(&mut self, steps: u32, places: &Places) {
        if steps == 0 {
            return;
        }
        self.ahead.retain(|_, ahead| {
            if places.is_open(ahead.priority) {
                ahead.steps = ahead.steps.saturating_sub(steps);
            }
            ahead.steps > 0
        });
    }
}

#[cfg(test)]
mod tests;
