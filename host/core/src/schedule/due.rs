//! Which of the instants that have passed are fired.
//!
//! The arithmetic is bounded by what is fired, not by how long nothing ran: the newest instants are searched
//! backwards from now, and of a period they are computed.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{CatchUp, Schedule};

/// How late a fire may begin and still be on time; what is later was missed, and [`CatchUp`] says what is
/// done about it. A minute, so that neither a restart nor a busy service makes an instant a missed one.
pub const GRACE: Duration = Duration::from_secs(60);

/// What a schedule has to do at a point in time. All times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What is to be accepted now, in the order of the instants.
    pub fires: Vec<Fire>,
    /// The latest instant that is decided, as all before it are, whether fired or passed over: the cursor to
    /// ask with next. The one that was given if nothing was to be decided.
    pub cursor_ms: u64,
    /// When to ask again; none if there will be nothing to do any more.
    pub next_ms: Option<u64>,
    /// How many instants were passed over; those of a cron pattern are counted up to a thousand.
    pub skipped: u64,
}

/// A fire of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fire {
    /// The point in time that the schedule names: with the schedule's name it identifies the fire.
    pub instant_ms: u64,
    /// When it begins: not before its instant, and before the next.
    pub begin_ms: u64,
}

impl Schedule {
    /// What there is to do at `now_ms`, once everything up to `cursor_ms` is decided. `name` is the
    /// schedule's, which jitter is drawn from.
    ///
    /// Invariant: an instant is decided once. Whatever the later points in time are that this is called with
    /// along with the cursor of the answer before, even if the clock is set back, no instant comes again,
    /// and none whose time to begin is to come is decided.
    pub fn due(&self, name: &str, cursor_ms: u64, now_ms: u64) -> Due {
        // A fire begins before the next instant, so that only the newest can have its beginning to come.
        let waiting = self.last_within(cursor_ms, now_ms).map(|instant_ms| self.fire(name, instant_ms));
        let waiting = waiting.filter(|fire| fire.begin_ms > now_ms);
        let decided_ms = waiting.map_or(now_ms, |fire| fire.instant_ms.saturating_sub(1));

        let newest = match self.catch_up {
            CatchUp::None => 0,
            CatchUp::Latest => 1,
            CatchUp::All(newest) => usize::try_from(newest).unwrap_or(usize::MAX),
        };
        let mut fires = Vec::new();
        let mut upto_ms = decided_ms;
        while let Some(instant_ms) = self.last_within(cursor_ms, upto_ms) {
            let fire = self.fire(name, instant_ms);
            let late = Duration::from_millis(now_ms.saturating_sub(fire.begin_ms));
            if late > GRACE && fires.len() >= newest {
                break;
            }
            fires.push(fire);
            upto_ms = instant_ms.saturating_sub(1);
        }
        fires.reverse();

        let next = || self.next_after(cursor_ms.max(now_ms)).map(|instant_ms| self.fire(name, instant_ms));
        Due {
            fires,
            cursor_ms: self.last_within(cursor_ms, decided_ms).unwrap_or(cursor_ms),
            next_ms: waiting.or_else(next).map(|fire| fire.begin_ms),
            skipped: self.count_within(cursor_ms, upto_ms),
        }
    }

    /// The fire of an instant. How much later it begins hangs on name and instant alone, so that each start
    /// of the service and each node finds the same.
    pub(super) fn fire(&self, name: &str, instant_ms: u64) -> Fire {
        let mut room_ms = self.jitter_ms;
        if room_ms > 0
            && let Some(next_ms) = self.instants.next_after(instant_ms)
        {
            room_ms = room_ms.min(next_ms.saturating_sub(instant_ms).saturating_sub(1));
        }
        let later_ms = if room_ms == 0 { 0 } else { draw(name, instant_ms) % room_ms.saturating_add(1) };
        Fire { instant_ms, begin_ms: instant_ms.saturating_add(later_ms) }
    }
}

/// A number that looks like any other, always the same for a schedule's name and an instant.
fn draw(name: &str, instant_ms: u64) -> u64 {
    let hash = Sha256::new().chain_update(instant_ms.to_be_bytes()).chain_update(name).finalize();
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
