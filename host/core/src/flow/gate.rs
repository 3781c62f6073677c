//! What stands in front of one named system.
//!
//! An attempt asks [`Gate::admit`], gets a [`Pass`] and gives it back with what became of it. The gate
//! counts attempts under way, keeps the system's [`rate`](super::rate), leaves it alone while its
//! [`breaker`] is open, and makes all runs keep the wait that it asked one of them for.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::breaker::{self, Admission, Breaker, Phase};
use super::pause::Pause;
use super::rate::{Bucket, Rate};

pub use super::pause::MAX_PAUSE;

/// The checked settings of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts under way at once.
    pub concurrency: NonZeroUsize,
    /// How many may start in a period; none if only `concurrency` holds them back.
    pub rate: Option<Rate>,
    /// None if the breaker was switched off.
    pub breaker: Option<breaker::Policy>,
}

/// The gate of one system.
#[derive(Clone, Debug)]
pub struct Gate {
    concurrency: NonZeroUsize,
    bucket: Option<Bucket>,
    breaker: Option<Breaker>,
    pause: Pause,
    in_flight: usize,
}

/// What a gate says to an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Admit {
    /// It may start. The pass goes back to the gate when it has ended.
    Go(Pass),
    /// It may not, and need not ask again before this time (milliseconds since the Unix epoch).
    NotBefore(u64, Reason),
    /// It may as soon as another one has ended.
    Full,
}

/// An attempt that a gate has let through. It goes back to the same gate, once, by [`Gate::ended`] or
/// [`Gate::abandoned`]: until then it takes a place, and if it is a probe, keeps all others out.
#[must_use = "a pass goes back by ended or abandoned"]
#[derive(Debug, PartialEq, Eq)]
pub struct Pass {
    ticket: Option<breaker::Ticket>,
    pause_era: u64,
}

impl Pass {
    /// Whether the attempt is to show that the system is back.
    pub fn is_probe(&self) -> bool {
        self.ticket.as_ref().is_some_and(breaker::Ticket::is_probe)
    }
}

/// What keeps attempts from a system for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Its rate is used up.
    Rate,
    /// Its breaker is open, or half open with a probe under way.
    Open,
    /// It has asked for a pause.
    Paused,
}

impl Reason {
    /// The reason as it is stored and shown: `rate`, `open` or `paused`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Open => "open",
            Self::Paused => "paused",
        }
    }
}

/// How much a gate lets through now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many attempts, if all come now.
    pub attempts: usize,
    /// When to look again if that is none, in milliseconds since the Unix epoch; when an attempt has ended if
    /// not given.
    pub again_ms: Option<u64>,
}

/// A gate as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Attempts under way.
    pub in_flight: usize,
    /// How many there may be.
    pub concurrency: usize,
    /// What the breaker is in; none if it is switched off.
    pub breaker: Option<BreakerStatus>,
    /// What holds attempts back other than `concurrency`; none if nothing does.
    pub blocked: Option<Blocked>,
}

/// A breaker as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerStatus {
    /// What it is in.
    pub phase: Phase,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// What holds attempts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Until when, in milliseconds since the Unix epoch. While a probe is under way it is only when to
    /// look again.
    pub not_before_ms: u64,
    /// Why; of several reasons the one that lasts longest.
    pub reason: Reason,
}

impl Gate {
    /// A gate that nothing has gone through yet.
    pub fn new(policy: Policy, now_ms: u64) -> Self {
        Self {
            concurrency: policy.concurrency,
            bucket: policy.rate.map(Bucket::new),
            breaker: policy.breaker.map(|policy| Breaker::new(policy, now_ms)),
            pause: Pause::default(),
            in_flight: 0,
        }
    }

    /// Goes on under other settings. What is under way stays counted and a pause that the system has asked for is
    /// kept; a rate and a breaker begin anew if they are others.
    pub fn retune(&mut self, policy: Policy, now_ms: u64) {
        self.concurrency = policy.concurrency;
        self.bucket = policy.rate.map(|rate| match self.bucket.take() {
            Some(bucket) if bucket.rate() == rate => bucket,
            Some(_) | None => Bucket::new(rate),
        });
        self.breaker = policy.breaker.map(|policy| match self.breaker.take() {
            Some(breaker) => breaker.retuned(policy, now_ms),
            None => Breaker::new(policy, now_ms),
        });
    }

    /// Whether an attempt may start. One that may not has used nothing up.
    pub fn admit(&mut self, now_ms: u64) -> Admit {
        self.settle(now_ms);
        if let Some(blocked) = self.blocked(now_ms) {
            return Admit::NotBefore(blocked.not_before_ms, blocked.reason);
        }
        if self.in_flight >= self.concurrency.get() {
            return Admit::Full;
        }
        let ticket = match self.breaker.as_mut().map(|breaker| breaker.admit(now_ms)) {
            Some(Admission::Go(ticket)) => Some(ticket),
            Some(Admission::NotBefore(at_ms)) => return Admit::NotBefore(at_ms, Reason::Open),
            None => None,
        };
        let pass = Pass { ticket, pause_era: self.pause.era() };
        self.in_flight = self.in_flight.saturating_add(1);
        if let Some(Err(at_ms)) = self.bucket.as_mut().map(|bucket| bucket.take(now_ms)) {
            self.abandoned(pass);
            return Admit::NotBefore(at_ms, Reason::Rate);
        }
        Admit::Go(pass)
    }

    /// Takes back a pass and what its attempt has shown.
    ///
    /// A system that limits without saying for how long is left alone for 1 s, doubling to 5 min from
    /// pause to pause until something succeeds; what it says is cut at [`MAX_PAUSE`]. `random` is
    /// uniform in `0.0..1.0` and shortens such pauses and openings of the breaker by up to half.
    pub fn ended(&mut self, pass: Pass, outcome: Outcome, now_ms: u64, random: f64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match outcome {
            Outcome::Succeeded => self.pause.succeeded(pass.pause_era),
            Outcome::Limited { retry_after_ms } => {
                self.pause.limited(pass.pause_era, retry_after_ms, now_ms, random);
            }
            Outcome::Failed | Outcome::Neutral => {}
        }
        if let Some((breaker, ticket)) = self.breaker.as_mut().zip(pass.ticket) {
            breaker.ended(ticket, outcome, now_ms, random);
        }
    }

    /// Takes back the pass of an attempt that has come to no outcome. What it took of the rate stays
    /// taken, since its request may have been sent.
    pub fn abandoned(&mut self, pass: Pass) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some((breaker, ticket)) = self.breaker.as_mut().zip(pass.ticket) {
            breaker.abandoned(ticket);
        }
    }

    /// How much it lets through now.
    pub fn room(&self, now_ms: u64) -> Room {
        let mut now = self.clone();
        now.settle(now_ms);
        if let Some(blocked) = now.blocked(now_ms) {
            return Room { attempts: 0, again_ms: Some(blocked.not_before_ms) };
        }
        let free = now.concurrency.get().saturating_sub(now.in_flight);
        let rate = now.bucket.as_ref().map_or(usize::MAX, |bucket| bucket.room(now_ms));
        // One is let through to show that the system is back.
        let is_probing = now.breaker.as_ref().is_some_and(|breaker| breaker.phase() == Phase::HalfOpen);
        let probes = if is_probing { 1 } else { usize::MAX };
        Room { attempts: free.min(rate).min(probes), again_ms: None }
    }

    /// What an operator is shown.
    pub fn status(&self, now_ms: u64) -> Status {
        let mut now = self.clone();
        now.settle(now_ms);
        Status {
            in_flight: now.in_flight,
            concurrency: now.concurrency.get(),
            breaker: now
                .breaker
                .as_ref()
                .map(|breaker| BreakerStatus { phase: breaker.phase(), since_ms: breaker.since_ms() }),
            blocked: now.blocked(now_ms),
        }
    }

    fn settle(&mut self, now_ms: u64) {
        self.pause.settle(now_ms);
        if let Some(bucket) = &mut self.bucket {
            bucket.settle(now_ms);
        }
        if let Some(breaker) = &mut self.breaker {
            breaker.settle(now_ms);
        }
    }

    fn blocked(&self, now_ms: u64) -> Option<Blocked> {
        let rate = self.bucket.as_ref().and_then(|bucket| bucket.not_before(now_ms));
        let open = self.breaker.as_ref().and_then(|breaker| breaker.not_before(now_ms));
        let paused = self.pause.not_before(now_ms);
        [(rate, Reason::Rate), (open, Reason::Open), (paused, Reason::Paused)]
            .into_iter()
            .filter_map(|(at_ms, reason)| at_ms.map(|not_before_ms| Blocked { not_before_ms, reason }))
            .max_by_key(|blocked| blocked.not_before_ms)
    }
}

#[cfg(test)]
mod tests;
