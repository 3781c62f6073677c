//! Leaves a system alone that fails again and again.
//!
//! *Closed*, everything goes through and failures in a row are counted. At the limit the breaker
//! *opens*: nothing goes through for a while. Then it is *half open*: one attempt at a time goes
//! through as a probe. Enough successful ones close it; a failed one opens it again for twice as long,
//! up to a maximum. Each opening is shortened by up to half at random, so that the nodes that share a
//! system do not all come back at once.
//!
//! The three states are those of M. Nygard, "Release It!" (2007), chapter 5.2.

mod policy;

use serde::{Deserialize, Serialize};

pub use self::policy::{Config, InvalidBreaker, MAX_FAILURES, MAX_OPEN, MAX_PROBES, MIN_OPEN, Policy};
use super::Outcome;
use crate::duration;
use crate::retry::{Jitter, doubled};

/// When to ask again, in milliseconds, while a probe is under way whose end nobody can foretell.
const PROBE_POLL_MS: u64 = 100;

/// The breaker of one system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    policy: Policy,
    state: State,
    /// When the state was entered.
    since_ms: u64,
    /// How often the breaker has opened.
    ///
    /// Invariant: a ticket of another era says nothing about now, since the breaker has opened after it.
    era: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed {
        /// In a row.
        failures: u32,
    },
    Open {
        /// How long, counted from the state's beginning.
        for_ms: u64,
        /// How many openings there were in a row, this one included.
        opened: u32,
    },
    HalfOpen {
        opened: u32,
        is_probing: bool,
        successes: u32,
    },
}

/// What a breaker says to an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may start.
    Go(Ticket),
    /// It may not, and need not ask again before this time (milliseconds since the Unix epoch).
    NotBefore(u64),
}

/// An attempt that a breaker has let through. It goes back to the same breaker, once, by
/// [`Breaker::ended`] or [`Breaker::abandoned`]: a probe that is lost would keep all others out.
#[must_use = "a ticket goes back by ended or abandoned"]
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    is_probe: bool,
    era: u64,
}

impl Ticket {
    /// Whether the attempt is to show that the system is back.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }
}

/// What a breaker is in, for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Everything goes through.
    Closed,
    /// Nothing goes through.
    Open,
    /// One probe at a time goes through.
    HalfOpen,
}

impl Phase {
    /// The phase as it is shown: `closed`, `open` or `half-open`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: Policy, now_ms: u64) -> Self {
        Self { policy, state: State::Closed { failures: 0 }, since_ms: now_ms, era: 0 }
    }

    /// The same breaker under a policy; a closed one if the policy is another. Tickets that are out say nothing of
    /// that.
    pub(super) fn retuned(self, policy: Policy, now_ms: u64) -> Self {
        if self.policy == policy {
            return self;
        }
        Self { era: self.era.saturating_add(1), ..Self::new(policy, now_ms) }
    }

    /// Whether an attempt may start.
    pub fn admit(&mut self, now_ms: u64) -> Admission {
        self.settle(now_ms);
        if let Some(at_ms) = self.not_before(now_ms) {
            return Admission::NotBefore(at_ms);
        }
        let is_probe = match &mut self.state {
            State::HalfOpen { is_probing, .. } => {
                *is_probing = true;
                true
            }
            State::Closed { .. } | State::Open { .. } => false,
        };
        Admission::Go(Ticket { is_probe, era: self.era })
    }

    /// Takes the outcome of an attempt into account. [`Outcome::Limited`] and [`Outcome::Neutral`]
    /// neither open nor close: a probe that ends so makes room for the next one.
    ///
    /// `random` is uniform in `0.0..1.0` and shortens an opening; anything else is moved there.
    pub fn ended(&mut self, ticket: Ticket, outcome: Outcome, now_ms: u64, random: f64) {
        self.settle(now_ms);
        if ticket.era != self.era {
            return;
        }
        match (&mut self.state, outcome) {
            (State::Closed { failures }, Outcome::Succeeded) => *failures = 0,
            (State::Closed { failures }, Outcome::Failed) => {
                *failures = failures.saturating_add(1);
                if *failures >= self.policy.failures {
                    self.open(1, now_ms, random);
                }
            }
            (State::HalfOpen { is_probing, successes, .. }, Outcome::Succeeded) => {
                *is_probing = false;
                *successes = successes.saturating_add(1);
                if *successes >= self.policy.probes {
                    self.enter(State::Closed { failures: 0 }, now_ms);
                }
            }
            (&mut State::HalfOpen { opened, .. }, Outcome::Failed) => {
                self.open(opened.saturating_add(1), now_ms, random);
            }
            (State::HalfOpen { is_probing, .. }, Outcome::Limited { .. } | Outcome::Neutral) => {
                *is_probing = false;
            }
            (State::Closed { .. }, Outcome::Limited { .. } | Outcome::Neutral) => {}
            // No ticket of this era is out: the era has begun with the opening.
            (State::Open { .. }, _) => {}
        }
    }

    /// Takes back the ticket of an attempt that has come to no outcome: a probe makes room for the next.
    pub fn abandoned(&mut self, ticket: Ticket) {
        if let State::HalfOpen { is_probing, .. } = &mut self.state
            && ticket.era == self.era
        {
            *is_probing = false;
        }
    }

    /// What the breaker is in, as of the last call that was told the time.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Closed { .. } => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    /// Since when, in milliseconds since the Unix epoch.
    pub fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Lets time pass: an opening ends. A clock that has jumped back begins it anew.
    pub(super) fn settle(&mut self, now_ms: u64) {
        self.since_ms = self.since_ms.min(now_ms);
        if let State::Open { for_ms, opened } = self.state
            && now_ms >= self.since_ms.saturating_add(for_ms)
        {
            self.enter(State::HalfOpen { opened, is_probing: false, successes: 0 }, now_ms);
        }
    }

    /// When to ask again; none if an attempt may start. Of a breaker that is settled.
    pub(super) fn not_before(&self, now_ms: u64) -> Option<u64> {
        match self.state {
            State::Closed { .. } | State::HalfOpen { is_probing: false, .. } => None,
            State::Open { for_ms, .. } => Some(self.since_ms.saturating_add(for_ms)),
            State::HalfOpen { is_probing: true, .. } => Some(now_ms.saturating_add(PROBE_POLL_MS)),
        }
    }

    fn open(&mut self, opened: u32, now_ms: u64, random: f64) {
        let whole = doubled(self.policy.open, opened).min(self.policy.max_open);
        let for_ms = duration::ms(Jitter::Half.apply(whole, random));
        self.era = self.era.saturating_add(1);
        self.enter(State::Open { for_ms, opened }, now_ms);
    }

    fn enter(&mut self, state: State, now_ms: u64) {
        self.state = state;
        self.since_ms = now_ms;
    }
}

#[cfg(test)]
mod tests;
