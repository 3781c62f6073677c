//! Candidates beside the plugins that are deployed: each is tried with attempts that were just made for real, and what
//! it would have done otherwise is told.
//!
//! Invariant: nothing of it reaches a run or a system. A candidate is tried after the attempt, off its way; its requests
//! are answered with the attempt's own exchanges, its writes are discarded, and where there is no room for it, it is
//! dropped and counted. What is told is kept in memory alone, and begins anew with another candidate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use stepmill_core::Entropy;
use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::document::Document;
use stepmill_core::invoke::{Attempt, Report};
use stepmill_sandbox::Sandbox;
use stepmill_sandbox::egress::Tape;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::backtest::{Candidate, Counts, Named, Outcome, Replay, Tried, Verdict, share};
use crate::catalog::{Catalog, Live};
use crate::metrics;

/// KiB that attempts may hold which wait for their candidates: documents and exchanges.
const ROOM_KIB: usize = 64 << 10;
/// KiB that each is taken to hold at least, so that their number is bounded too.
const LEAST_KIB: usize = 256;
/// Differences that are kept of each candidate.
const KEPT: usize = 50;

/// The candidates that are tried.
pub struct Shadows {
    sandbox: Arc<Sandbox>,
    entropy: Arc<dyn Entropy>,
    stop: CancellationToken,
    tracks: Mutex<BTreeMap<Arc<str>, Track>>,
    room: Arc<Semaphore>,
    places: Semaphore,
}

/// What is known of a candidate.
struct Track {
    candidate: Arc<Candidate>,
    /// The digest of the plugin that it is tried beside.
    beside: String,
    counts: Counts,
    dropped: u64,
    last: VecDeque<Told>,
    /// The results of which one was logged.
    logged: BTreeSet<Outcome>,
}

/// An attempt that a candidate is to be tried with.
pub(crate) struct Shadowed {
    shadows: Arc<Shadows>,
    candidate: Arc<Candidate>,
    attempt: Attempt,
    tape: Arc<Tape>,
}

/// A candidate as `/api/shadow` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The plugin, by the name that steps use.
    pub plugin: String,
    /// Its digest.
    pub digest: String,
    /// The candidate.
    pub candidate: Named,
    /// The share of attempts that it is tried with.
    pub share: f64,
    /// How many attempts ended how, since the service started or the two are what they are.
    pub counts: Counts,
    /// How many there was no room for.
    pub dropped: u64,
    /// The last that are not equal, latest first.
    pub differences: Vec<Told>,
}

/// An attempt with which a candidate is not equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Name of the workflow.
    pub workflow: String,
    /// Id of the step.
    pub step: String,
    /// What came of it.
    #[serde(flatten)]
    pub tried: Tried,
}

impl Shadows {
    /// Tries candidates in this sandbox until `stop`.
    pub fn new(sandbox: Arc<Sandbox>, entropy: Arc<dyn Entropy>, stop: CancellationToken) -> Arc<Self> {
        let places = Semaphore::new(share(sandbox.places()));
        let room = Arc::new(Semaphore::new(ROOM_KIB));
        Arc::new(Self { sandbox, entropy, stop, tracks: Mutex::default(), room, places })
    }

    /// Takes up an attempt that is about to be made, if a candidate is to be tried with it: one of those that the
    /// deployed plugin makes.
    pub(crate) fn take_up(self: &Arc<Self>, live: &Live, attempt: &Attempt) -> Option<Shadowed> {
        let catalog = live.catalog();
        let shadow = catalog.shadows.get(&*attempt.plugin)?;
        let is_deployed = catalog.plugins.get(&*attempt.plugin)?.loaded.digest == *attempt.digest;
        if !is_deployed || self.entropy.share() >= shadow.share {
            return None;
        }
        let mut tracks = self.tracks();
        let track = tracks
            .entry(Arc::clone(&attempt.plugin))
            .and_modify(|track| {
                if !track.is_of(&shadow.loaded.digest, &attempt.digest) {
                    *track = Track::new(Candidate::new(shadow.loaded.clone()), &attempt.digest);
                }
            })
            .or_insert_with(|| Track::new(Candidate::new(shadow.loaded.clone()), &attempt.digest));
        Some(Shadowed {
            shadows: Arc::clone(self),
            candidate: Arc::clone(&track.candidate),
            attempt: attempt.clone(),
            tape: Arc::default(),
        })
    }

    /// The candidates of a catalog.
    pub fn status(&self, catalog: &Catalog) -> Vec<Status> {
        let tracks = self.tracks();
        let of = |(plugin, shadow): (&String, &crate::catalog::Shadow)| {
            let digest = catalog.plugins.get(plugin)?.loaded.digest.clone();
            let track = tracks.get(&**plugin).filter(|track| track.is_of(&shadow.loaded.digest, &digest));
            Some(Status {
                plugin: plugin.clone(),
                digest,
                candidate: Named::of(&shadow.loaded),
                share: shadow.share,
                counts: track.map(|track| track.counts).unwrap_or_default(),
                dropped: track.map_or(0, |track| track.dropped),
                differences: track.map(|track| track.last.iter().cloned().collect()).unwrap_or_default(),
            })
        };
        catalog.shadows.iter().filter_map(of).collect()
    }

    fn tracks(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shadowed {
    /// What the attempt is to leave its exchanges on.
    pub(crate) fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    /// Has the candidate tried with the attempt, now that it was made. Does not wait for it.
    pub(crate) fn follow(self, report: &Report) {
        if report.outcome.as_ref().is_err_and(|failure| failure.cause == Cause::Host) {
            return;
        }
        let output = report.outcome.as_ref().map_or(0, |output| output.len());
        let bytes = self.attempt.input.len().saturating_add(output).saturating_add(self.tape.bytes());
        let kib = u32::try_from((bytes / 1024).max(LEAST_KIB)).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.shadows.room).try_acquire_many_owned(kib) else {
            self.dropped();
            return;
        };
        let (was, at_ms) = (report.outcome.clone(), report.record.started_ms);
        let stop = self.shadows.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.run(was, at_ms, room) => {}
            }
        });
    }

    async fn run(&self, was: Result<Arc<Document>, Failure>, at_ms: u64, _room: OwnedSemaphorePermit) {
        // Never closed.
        let _place = self.shadows.places.acquire().await.ok();
        let (hops, is_whole) = self.tape.take();
        let replay = Replay::of_tape(hops, is_whole);
        let (sandbox, attempt) = (&self.shadows.sandbox, self.attempt.clone());
        let verdict = self.candidate.attempt(sandbox, attempt, at_ms, was.as_deref(), replay).await;
        metrics::shadow_attempt(&self.attempt.plugin, verdict.result.as_str());
        let Attempt { workflow, step, run, number, .. } = &self.attempt;
        let tried = Tried { run: *run, number: *number, at_ms, verdict };
        self.tell(Told { workflow: workflow.to_string(), step: step.to_string(), tried });
    }

    fn dropped(&self) {
        metrics::shadow_attempt(&self.attempt.plugin, "dropped");
        self.in_track(|track| track.dropped = track.dropped.saturating_add(1));
    }

    fn tell(&self, told: Told) {
        let result = told.tried.verdict.result;
        let is_first = self.in_track(|track| {
            track.counts.add(result);
            if result == Outcome::Equal {
                return false;
            }
            track.last.truncate(KEPT - 1);
            track.last.push_front(told.clone());
            track.logged.insert(result)
        });
        if is_first == Some(true) {
            let Told { workflow, step, tried: Tried { run, number, verdict, .. } } = &told;
            let Verdict { differences, why, .. } = verdict;
            let place = differences.first().map(|first| format!("{}{}", first.part.as_str(), first.pointer));
            tracing::warn!(
                plugin = &*self.attempt.plugin, candidate = %self.candidate.loaded.digest,
                workflow, %run, step, attempt = number, result = result.as_str(), place, why,
                "the shadow of a plugin differs; further ones of this kind are in `stepmill plugin shadow`"
            );
        }
    }

    /// Does something to what is known of the candidate, unless another has taken its place.
    fn in_track<T>(&self, act: impl FnOnce(&mut Track) -> T) -> Option<T> {
        let mut tracks = self.shadows.tracks();
        let track = tracks.get_mut(&self.attempt.plugin)?;
        Arc::ptr_eq(&track.candidate, &self.candidate).then(|| act(track))
    }
}

impl Track {
    fn new(candidate: Candidate, beside: &str) -> Self {
        Self {
            candidate: Arc::new(candidate),
            beside: beside.to_owned(),
            counts: Counts::default(),
            dropped: 0,
            last: VecDeque::new(),
            logged: BTreeSet::new(),
        }
    }

    /// Whether it is of this candidate beside this plugin, by their digests.
    fn is_of(&self, candidate: &str, beside: &str) -> bool {
        self.candidate.loaded.digest == candidate && self.beside == beside
    }
}
