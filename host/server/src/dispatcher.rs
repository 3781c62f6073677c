//! Claims runs that are due and works on a bounded number of them; the rest waits in the journal.
//!
//! A run that has been begun is carried on to its end, or to its next wait, before a further one
//! takes its place: admitted runs finish, however long the queue is.

mod flight;
mod retrace;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use stepmill_core::flow::fair::{Candidate, Fair, Places, Priority};
use stepmill_core::flow::gate::Room;
use stepmill_core::journal::{Claim, Front, JournalError, Want};
use stepmill_core::run::root;
use stepmill_core::{Clock, Entropy, Invoke, Journal, RunId};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::answers::Answers;
use crate::catalog::{Catalog, Live};
use crate::gates::Gates;
use crate::metrics;

pub(crate) use retrace::{Moment, retrace};

/// Longest sleep between two looks at the queue: bounds what a jump of the clock can delay.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Shortest sleep: the journal may hold back for a moment what is due.
const LOOK_SOON: Duration = Duration::from_millis(1);
/// Wait after a failed look at the queue.
const JOURNAL_TROUBLE: Duration = Duration::from_secs(1);
/// A run that made the host panic is not touched again for this long.
const PANIC_REST: Duration = Duration::from_secs(60);

/// What the dispatcher works with.
pub struct Dispatcher {
    /// What is deployed.
    pub live: Live,
    /// Where runs are.
    pub journal: Arc<dyn Journal>,
    /// Makes attempts.
    pub sandbox: Arc<dyn Invoke>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub entropy: Arc<dyn Entropy>,
    /// Senders that wait for what a step gives.
    pub answers: Arc<Answers>,
    /// The gates in front of systems.
    pub gates: Arc<Gates>,
    /// Told when runs may have become due.
    pub wake: Arc<Notify>,
    /// Runs worked on at once.
    pub concurrency: usize,
    /// How long runs in flight may take to reach a commit once a drain has begun.
    pub drain: Duration,
}

struct Shared {
    dispatcher: Dispatcher,
    /// Systems that runs are parked for.
    parked: Mutex<BTreeSet<String>>,
    /// A drain has begun.
    draining: CancellationToken,
    /// The drain has taken too long.
    given_up: CancellationToken,
}

/// The runs in flight.
#[derive(Default)]
struct Flights {
    tasks: JoinSet<(Arc<str>, Option<Rest>)>,
    /// How many there are of each workflow.
    of: BTreeMap<Arc<str>, usize>,
    /// Who is next.
    fair: Fair,
}

/// A run that is to be given back, after a while in which nobody can claim it.
struct Rest {
    run: RunId,
    epoch: u64,
    pause: Duration,
}

impl Dispatcher {
    /// Works until `shutdown`, then drains: claims nothing more, lets what is in flight reach its next
    /// commit, and gives up on the rest, which the journal still has.
    ///
    /// Invariant: when this returns, no run is claimed by it and nothing of it holds the journal.
    pub async fn run(self, shutdown: CancellationToken) {
        let shared = Arc::new(Shared {
            dispatcher: self,
            parked: Mutex::default(),
            draining: shutdown,
            given_up: CancellationToken::new(),
        });
        // Runs that rest take no place: others go on.
        let (mut flights, mut resting) = (Flights::default(), JoinSet::new());
        while !shared.draining.is_cancelled() {
            let pause = shared.claim(&mut flights).await;
            metrics::set_in_flight(flights.tasks.len());
            tokio::select! {
                biased;
                () = shared.draining.cancelled() => {}
                Some(ended) = flights.tasks.join_next() => shared.land(&mut flights, ended, &mut resting),
                () = shared.dispatcher.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            while let Some(ended) = flights.tasks.try_join_next() {
                shared.land(&mut flights, ended, &mut resting);
            }
            while resting.try_join_next().is_some() {}
        }
        shared.drain(flights, resting).await;
    }
}

impl Shared {
    /// Claims as many runs as there is room for. Answers how long to sleep if nothing else happens.
    async fn claim(self: &Arc<Self>, flights: &mut Flights) -> Duration {
        let dispatcher = &self.dispatcher;
        let now_ms = dispatcher.clock.now_ms();
        let catalog = dispatcher.live.catalog();
        let wants = self.wants(&catalog, flights, now_ms);
        if !wants.is_empty() {
            let claims = match dispatcher.journal.claim(now_ms, &wants).await {
                Ok(claims) => claims,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "failed to claim runs");
                    return JOURNAL_TROUBLE;
                }
            };
            for claim in claims {
                let workflow: Arc<str> = root(&claim.state.workflow).into();
                *flights.of.entry(Arc::clone(&workflow)).or_default() += 1;
                let shared = Arc::clone(self);
                flights.tasks.spawn(async move { (workflow, shared.carry(claim).await) });
            }
        }
        self.pause(&catalog, flights, now_ms)
    }

    /// How long to sleep until a run may be claimed, if nothing else happens.
    fn pause(&self, catalog: &Catalog, flights: &Flights, now_ms: u64) -> Duration {
        let places = flights.places(self, catalog);
        let next = self.heads(catalog).into_iter().filter_map(|Head { front, priority, most }| {
            let is_full = places.free() == 0
                || !places.is_open(priority)
                || most.is_some_and(|most| flights.of(front.queue.workflow()) >= most);
            let again_ms = match front.queue.system().map(|system| self.dispatcher.gates.room(system)) {
                // The end of a run in flight wakes us.
                _ if is_full && front.due_ms <= now_ms => return None,
                Some(Room { attempts: 0, again_ms }) => again_ms?,
                Some(_) | None => 0,
            };
            Some(front.due_ms.max(again_ms))
        });
        let due_ms = next.min().unwrap_or(u64::MAX);
        Duration::from_millis(due_ms.saturating_sub(now_ms)).clamp(LOOK_SOON, LOOK_AGAIN)
    }

    /// The heads of the queues. Notes the systems that runs are parked for.
    fn heads(&self, catalog: &Catalog) -> Vec<Head> {
        let heads = self.dispatcher.journal.fronts().into_iter().map(|front| {
            let plan = catalog.plans.get(front.queue.workflow()).map(|deployed| &deployed.plan);
            // Runs of a workflow that is not deployed any more go on too, by the versions that they have.
            let priority = plan.map(|plan| plan.priority).unwrap_or_default();
            Head { priority, most: plan.and_then(|plan| plan.concurrency), front }
        });
        let heads: Vec<Head> = heads.collect();
        let parked = heads.iter().filter_map(|head| head.front.queue.system().map(str::to_owned));
        *self.parked() = parked.collect();
        heads
    }

    /// Shares the free places out among the queues that are due.
    fn wants(&self, catalog: &Catalog, flights: &mut Flights, now_ms: u64) -> Vec<Want> {
        let mut places = flights.places(self, catalog);
        let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
        // Of each workflow, over all its queues.
        let mut claimed: BTreeMap<String, usize> = BTreeMap::new();
        let mut due: Vec<Due> = Vec::new();
        for head in self.heads(catalog).into_iter().filter(|head| head.front.due_ms <= now_ms) {
            let queue = &head.front.queue;
            if let Some(system) = queue.system() {
                let room = self.dispatcher.gates.room(system).attempts;
                rooms.entry(system.to_owned()).or_insert(room);
            }
            let name = format!("{}/{}", queue.workflow(), queue.system().unwrap_or_default());
            due.push(Due { name, head, claimed: 0 });
        }
        while places.free() > 0 {
            let candidates: Vec<(usize, Candidate<'_>)> = due
                .iter()
                .enumerate()
                .filter(|(_, due)| due.system().is_none_or(|system| rooms.get(system) != Some(&0)))
                .map(|(at, due)| (at, due.candidate(flights, &claimed)))
                .collect();
            let offered: Vec<Candidate<'_>> = candidates.iter().map(|(_, candidate)| *candidate).collect();
            let chosen = flights.fair.choose(&places, &offered);
            let Some((at, candidate)) = chosen.and_then(|chosen| candidates.get(chosen)) else { break };
            let at = *at;
            places.take(candidate.priority, 1);
            let Some(chosen) = due.get_mut(at) else { break };
            chosen.claimed += 1;
            *claimed.entry(chosen.workflow().to_owned()).or_default() += 1;
            if let Some(room) = chosen.system().and_then(|system| rooms.get_mut(system)) {
                *room = room.saturating_sub(1);
            }
        }
        let wants = due.into_iter().filter(|due| due.claimed > 0);
        wants.map(|due| Want { queue: due.head.front.queue, most: due.claimed }).collect()
    }

    fn parked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether runs are parked for a system, which have their turn before others.
    fn has_parked(&self, system: &str) -> bool {
        self.parked().contains(system)
    }

    /// Takes up a run whose flight is over.
    fn land(
        self: &Arc<Self>,
        flights: &mut Flights,
        ended: Result<(Arc<str>, Option<Rest>), JoinError>,
        resting: &mut JoinSet<()>,
    ) {
        // A task is not aborted while this is called, and its panics are caught inside.
        let Ok((workflow, rest)) = ended else { return };
        flights.ended(workflow);
        if let Some(rest) = rest {
            self.let_rest(rest, resting);
        }
    }

    /// Works on a run until its claim has ended, or it is to be given back; a panic on the way costs this
    /// run a rest and nothing else.
    async fn carry(self: Arc<Self>, claim: Claim) -> Option<Rest> {
        let (run, epoch) = (claim.state.run, claim.epoch);
        let rest = |pause| Rest { run, epoch, pause };
        tokio::select! {
            biased;
            advanced = AssertUnwindSafe(self.advance(claim)).catch_unwind() => match advanced {
                Ok(pause) => pause.map(rest),
                Err(_) => {
                    tracing::error!(%run, "the host panicked over a run: it rests and is then tried again");
                    Some(rest(PANIC_REST))
                }
            },
            () = self.given_up.cancelled() => Some(rest(Duration::ZERO)),
        }
    }

    /// Gives a run back after its rest; at once in a drain.
    fn let_rest(self: &Arc<Self>, rest: Rest, resting: &mut JoinSet<()>) {
        let Rest { run, epoch, pause } = rest;
        let shared = Arc::clone(self);
        resting.spawn(async move {
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                () = shared.draining.cancelled() => {}
            }
            match shared.dispatcher.journal.release(run, epoch).await {
                // Fenced: the claim had ended before, so that there is nothing to give back.
                Ok(()) | Err(JournalError::Fenced { .. }) => {}
                Err(error) => {
                    tracing::warn!(%run, error = &error as &dyn std::error::Error, "failed to release a run");
                }
            }
            shared.dispatcher.wake.notify_one();
        });
    }

    async fn drain(self: Arc<Self>, mut flights: Flights, mut resting: JoinSet<()>) {
        let has_failed = self.dispatcher.journal.failure().is_some();
        // A journal that takes no commit any more is not waited for.
        let patience = if has_failed { Duration::ZERO } else { self.dispatcher.drain };
        let drained = tokio::time::timeout(patience, async {
            while let Some(ended) = flights.tasks.join_next().await {
                self.land(&mut flights, ended, &mut resting);
            }
        });
        if drained.await.is_err() {
            tracing::warn!(
                runs = flights.tasks.len(),
                "gave up waiting for runs in flight: they go on after the next start"
            );
            self.given_up.cancel();
            while let Some(ended) = flights.tasks.join_next().await {
                self.land(&mut flights, ended, &mut resting);
            }
        }
        while resting.join_next().await.is_some() {}
    }
}

/// The head of a queue, and how its workflow's runs are shared out.
struct Head {
    front: Front,
    priority: Priority,
    /// How many of the workflow's runs may be in flight; none if only the places bound them.
    most: Option<usize>,
}

/// A queue that is due.
struct Due {
    /// What it is called where places are shared out.
    name: String,
    head: Head,
    /// How many places it gets.
    claimed: usize,
}

impl Due {
    fn workflow(&self) -> &str {
        self.head.front.queue.workflow()
    }

    fn system(&self) -> Option<&str> {
        self.head.front.queue.system()
    }

    fn candidate(&self, flights: &Flights, claimed: &BTreeMap<String, usize>) -> Candidate<'_> {
        let workflow = self.workflow();
        let claimed = claimed.get(workflow).copied().unwrap_or_default();
        Candidate {
            queue: &self.name,
            priority: self.head.priority,
            in_flight: flights.of(workflow).saturating_add(claimed),
            most: self.head.most,
        }
    }
}

impl Flights {
    /// How many runs of a workflow are in flight.
    fn of(&self, workflow: &str) -> usize {
        self.of.get(workflow).copied().unwrap_or_default()
    }

    /// Counts a run whose flight is over.
    fn ended(&mut self, workflow: Arc<str>) {
        if let Entry::Occupied(mut count) = self.of.entry(workflow) {
            *count.get_mut() = count.get().saturating_sub(1);
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// The places that are taken.
    fn places(&self, shared: &Shared, catalog: &Catalog) -> Places {
        let mut places = Places { all: shared.dispatcher.concurrency, interactive: 0, normal: 0, bulk: 0 };
        for (workflow, count) in &self.of {
            let deployed = catalog.plans.get(&**workflow);
            places.take(deployed.map(|deployed| deployed.plan.priority).unwrap_or_default(), *count);
        }
        places
    }
}

#[cfg(test)]
mod tests;
