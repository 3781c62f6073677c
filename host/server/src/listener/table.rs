//! The connections of a listener: how many there may be, whose they are, and which goes if there are too many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::{Activity, Asked, Patience};
use super::source::Source;
use crate::metrics;

/// Share of the connections that is asked to go at once when there are too many: looking for the oldest is not done for each new
/// one.
const SHARE: usize = 64;
/// Shortest and longest pause between two looks at who takes too long.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// How long nobody looks for idle connections after there were none.
const BARREN: Duration = Duration::from_millis(20);

/// The connections that there are.
pub(super) struct Table {
    name: &'static str,
    most: usize,
    most_of_one: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    connections: HashMap<u64, Connection>,
    all: Count,
    by_source: HashMap<Source, Count>,
    /// When nobody was idle.
    barren: Option<Instant>,
}

struct Connection {
    activity: Arc<Activity>,
    /// Whether its place was given to another.
    is_leaving: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: usize,
    leaving: usize,
}

impl Count {
    /// Whether one more may come. Those that are leaving are soon gone, but there is a bound to them too.
    fn has_room(self, most: usize) -> bool {
        self.all.saturating_sub(self.leaving) < most
            && self.all < most.saturating_add(most / 8).saturating_add(1)
    }
}

impl Inner {
    /// Asks the oldest of those that do nothing to go, of one source or of all.
    fn yield_idle(&mut self, most: usize, of: Option<Source>) {
        let mut idle: Vec<(Instant, &mut Connection)> = (self.connections.values_mut())
            .filter(|one| !one.is_leaving && (of.is_none() || one.activity.source() == of))
            .filter_map(|one| Some((one.activity.idle_since()?, one)))
            .collect();
        let share = (most / SHARE).max(1).min(idle.len());
        if share < idle.len() {
            idle.select_nth_unstable_by_key(share, |(since, _)| *since);
        }
        for (_, one) in idle.into_iter().take(share) {
            one.is_leaving = true;
            one.activity.ask(Asked::Yield);
            let of_source = one.activity.source().and_then(|source| self.by_source.get_mut(&source));
            for count in std::iter::once(&mut self.all).chain(of_source) {
                count.leaving = count.leaving.saturating_add(1);
            }
        }
    }

    /// Makes room if there is none; whether there is.
    fn make_room(&mut self, most: usize, of: Option<Source>) -> bool {
        let count = |inner: &Self| match of {
            Some(source) => inner.by_source.get(&source).copied().unwrap_or_default(),
            None => inner.all,
        };
        if count(self).has_room(most) {
            return true;
        }
        if self.barren.is_some_and(|since| since.elapsed() < BARREN) {
            return false;
        }
        self.yield_idle(most, of);
        let has_room = count(self).has_room(most);
        self.barren = (!has_room).then(Instant::now);
        has_room
    }
}

impl Table {
    pub(super) fn new(name: &'static str, most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { name, most, most_of_one, inner: Mutex::default() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection of `source`, or of nobody's if a proxy has made it. When there are too many, those that
    /// have been idle for longest are asked to go.
    ///
    /// None if all of them are in use.
    pub(super) fn enter(self: &Arc<Self>, source: Option<Source>) -> Option<Place> {
        let mut inner = self.inner();
        let has_room = source.is_none_or(|source| inner.make_room(self.most_of_one, Some(source)));
        if !has_room || !inner.make_room(self.most, None) {
            return None;
        }
        let id = inner.next;
        inner.next = id.wrapping_add(1);
        let activity = Arc::new(Activity::new(source));
        inner.connections.insert(id, Connection { activity: Arc::clone(&activity), is_leaving: false });
        inner.all.all = inner.all.all.saturating_add(1);
        if let Some(source) = source {
            let count = inner.by_source.entry(source).or_default();
            count.all = count.all.saturating_add(1);
        }
        metrics::set_connections(self.name, inner.all.all);
        Some(Place { table: Arc::clone(self), id, activity })
    }

    /// Says whose a proxy's connection is. False if it has too many.
    pub(super) fn attribute(&self, place: &Place, source: Source) -> bool {
        let mut inner = self.inner();
        let has_room = inner.make_room(self.most_of_one, Some(source));
        if has_room && place.activity.attribute(source) {
            let count = inner.by_source.entry(source).or_default();
            count.all = count.all.saturating_add(1);
        }
        has_room
    }

    /// Asks all to end when what they do is done.
    pub(super) fn drain(&self) {
        for one in self.inner().connections.values() {
            one.activity.ask(Asked::Drain);
        }
    }

    /// Asks some to go that are idle, as the process can open no more files.
    pub(super) fn shrink(&self) {
        let mut inner = self.inner();
        let all = inner.all.all;
        inner.yield_idle(all, None);
    }

    /// Asks those to go that take too long, for ever.
    pub(super) async fn hurry(&self, patience: Patience) {
        let shortest = patience.headers.min(patience.idle).min(patience.write);
        let pause = (shortest / 8).clamp(LOOK.0, LOOK.1);
        loop {
            tokio::time::sleep(pause).await;
            for one in self.inner().connections.values() {
                one.activity.hurry(&patience);
            }
        }
    }
}

/// A connection's place, until it is dropped.
pub(super) struct Place {
    table: Arc<Table>,
    id: u64,
    pub(super) activity: Arc<Activity>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.table.inner();
        let inner = &mut *inner;
        let Some(one) = inner.connections.remove(&self.id) else { return };
        let source = self.activity.source();
        let of_source = source.and_then(|source| inner.by_source.get_mut(&source));
        for count in std::iter::once(&mut inner.all).chain(of_source) {
            count.all = count.all.saturating_sub(1);
            count.leaving = count.leaving.saturating_sub(usize::from(one.is_leaving));
        }
        if let Some(source) = source.filter(|of| inner.by_source.get(of).is_some_and(|count| count.all == 0))
        {
            inner.by_source.remove(&source);
        }
        metrics::set_connections(self.table.name, inner.all.all);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(last: u8) -> Option<Source> {
        Some(Source::from(IpAddr::from([203, 0, 113, last])))
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_idle_for_longest_makes_room_and_who_is_in_use_does_not() {
        let table = Table::new("test", 3, 3);
        let busy = table.enter(source(1)).expect("a place");
        busy.activity.requested(1);
        let old = table.enter(source(2)).expect("a place");
        tokio::time::advance(Duration::from_secs(1)).await;
        let young = table.enter(source(3)).expect("a place");
        let newest = table.enter(source(4)).expect("the place of the oldest");
        let asked = [&busy, &old, &young, &newest].map(|place| place.activity.asked());
        assert_eq!(asked, [Asked::Nothing, Asked::Yield, Asked::Nothing, Asked::Nothing]);
        drop(old);
        young.activity.requested(1);
        newest.activity.requested(1);
        assert!(table.enter(source(5)).is_none());
        drop(busy);
        assert!(table.enter(source(5)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_source_cannot_take_the_places_of_others() {
        let table = Table::new("test", 100, 2);
        let mine: Vec<_> = (0..2).map(|_| table.enter(source(1)).expect("a place")).collect();
        mine.iter().for_each(|place| place.activity.requested(1));
        assert!(table.enter(source(1)).is_none());
        assert!(table.enter(source(2)).is_some());
        let proxied = table.enter(None).expect("a place");
        assert!(!table.attribute(&proxied, source(1).expect("a source")));
        assert!(table.attribute(&proxied, source(3).expect("a source")));
        drop((proxied, mine));
        tokio::time::advance(BARREN).await;
        assert!(table.enter(source(1)).is_some());
        assert_eq!(table.inner().by_source.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_leave_have_a_bound_too() {
        let table = Table::new("test", 16, 16);
        let places: Vec<_> = std::iter::from_fn(|| table.enter(source(1))).take(1_000).collect();
        assert_eq!(places.len(), 19);
    }
}
