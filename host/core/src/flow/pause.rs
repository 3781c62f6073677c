//! The wait that a system has asked one attempt for and that all keep.

use std::time::Duration;

use crate::duration;
use crate::retry::{Jitter, doubled};

/// Longest pause: a system that asks for more is asked again after this, in case it was a mistake.
pub const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// First pause for a system that does not say how long. It doubles with each pause in a row.
const UNSAID_FIRST: Duration = Duration::from_secs(1);
/// Longest pause for a system that does not say how long.
const UNSAID_MAX: Duration = Duration::from_secs(5 * 60);

/// The pause of one system; at first there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pause {
    since_ms: u64,
    /// Invariant: at most [`MAX_PAUSE`].
    for_ms: u64,
    /// How many pauses were begun. Attempts that were let through together are refused together: the
    /// first of them begins a pause, and the others, of the era before, tell nothing new.
    era: u64,
    /// Pauses begun since something last succeeded.
    in_a_row: u32,
}

impl Pause {
    pub(super) fn era(&self) -> u64 {
        self.era
    }

    /// A clock that has jumped back begins the pause anew.
    pub(super) fn settle(&mut self, now_ms: u64) {
        self.since_ms = self.since_ms.min(now_ms);
    }

    /// The end of the pause; none if there is none now. Of a pause that is settled.
    pub(super) fn not_before(&self, now_ms: u64) -> Option<u64> {
        Some(self.since_ms.saturating_add(self.for_ms)).filter(|end_ms| *end_ms > now_ms)
    }

    /// An attempt of `era` was told to wait. A pause is never shortened.
    pub(super) fn limited(&mut self, era: u64, retry_after_ms: Option<u64>, now_ms: u64, random: f64) {
        self.settle(now_ms);
        let is_news = era == self.era;
        let pause = match retry_after_ms.filter(|said_ms| *said_ms > 0) {
            Some(said_ms) => Duration::from_millis(said_ms).min(MAX_PAUSE),
            None if is_news => Jitter::Half
                .apply(doubled(UNSAID_FIRST, self.in_a_row.saturating_add(1)).min(UNSAID_MAX), random),
            None => return,
        };
        if is_news {
            self.era = self.era.saturating_add(1);
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        let left_ms = self.not_before(now_ms).map_or(0, |end_ms| end_ms.saturating_sub(now_ms));
        self.since_ms = now_ms;
        self.for_ms = left_ms.max(duration::ms(pause));
    }

    /// An attempt of `era` has succeeded. One from before the pause tells nothing about what came of it.
    pub(super) fn succeeded(&mut self, era: u64) {
        if era == self.era {
            self.in_a_row = 0;
        }
    }
}
