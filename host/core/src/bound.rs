//! What a cache may hold, and what goes where it holds more.

use std::cmp::Reverse;
use std::time::SystemTime;

/// What a cache may hold. Beyond it those go that were not used for longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Their sizes together, in bytes.
    pub bytes: u64,
    /// How many there may be.
    pub entries: usize,
}

/// Something that a cache holds.
#[derive(Clone, Debug)]
pub struct Held<T> {
    /// When it was last used.
    pub used: SystemTime,
    /// Its size.
    pub bytes: u64,
    /// What it is.
    pub what: T,
}

impl Bound {
    /// What has to go.
    pub fn beyond<T>(self, mut held: Vec<Held<T>>) -> Vec<T> {
        held.sort_by_key(|held| Reverse(held.used));
        let mut bytes = 0_u64;
        let mut beyond = Vec::new();
        for (at, held) in held.into_iter().enumerate() {
            bytes = bytes.saturating_add(held.bytes);
            if at >= self.entries || bytes > self.bytes {
                beyond.push(held.what);
            }
        }
        beyond
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn beyond(bytes: u64, entries: usize) -> Vec<&'static str> {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let held = [(2, 10, "second"), (3, 10, "last"), (1, 1, "first")];
        let held = held.map(|(used, bytes, what)| Held { used: at(used), bytes, what });
        Bound { bytes, entries }.beyond(held.into())
    }

    #[test]
    fn those_go_that_were_not_used_for_longest() {
        assert_eq!(beyond(21, 3), [""; 0]);
        assert_eq!(beyond(u64::MAX, 2), ["first"]);
        assert_eq!(beyond(20, 3), ["first"]);
        // What was used before one that does not fit goes too, however small it is.
        assert_eq!(beyond(19, 3), ["second", "first"]);
        assert_eq!(beyond(0, 0), ["last", "second", "first"]);
    }
}
