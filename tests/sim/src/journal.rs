//! The journal of a simulated process: the real one's write logic, with a crash at any write, and broken on
//! purpose if it is asked for.

use std::collections::BTreeMap;
use std::future::pending;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stepmill_core::journal::{
    Acceptance, Backlog, BackupError, Claim, Committed, Cursor, Deployment, Filter, Front, Journal,
    JournalError, KeptVersion, Outcome, Publication, Published, Retention, RunPage, Transition, Want,
};
use stepmill_core::run::{Entry, Lane, State, Turn};
use stepmill_core::workflow::Version;
use stepmill_core::{Clock, RunId};
use stepmill_journal::{LocalJournal, MemoryDisk};
use tokio::sync::Notify;

use crate::dice::Dice;

/// Ways in which the engine is broken on purpose, each of which the simulation must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mutation {
    /// A commit is answered before it is written, and lost by a crash that comes now.
    AnswersBeforeWriting,
    /// The plugin storage writes of an attempt are written twice now and then.
    StorageTwice,
    /// A run that belongs in a lane begins beside it now and then.
    LaneJumped,
    /// A run that was claimed is forgotten now and then.
    ClaimLost,
    /// Versions are not kept, so that runs go on under whatever is deployed.
    VersionForgotten,
}

/// Claims in a row without a write that are no accident.
const SPIN: u64 = 5_000;

/// A journal that crashes.
pub struct SimJournal {
    inner: Mutex<Arc<LocalJournal>>,
    disk: Mutex<MemoryDisk>,
    clock: Arc<dyn Clock>,
    dice: Dice,
    mutation: Option<Mutation>,
    /// Writes until the next crash; never at 0.
    fuse: AtomicU64,
    crashed: AtomicBool,
    /// Told when it has crashed.
    pub crash: Notify,
    /// What a crash goes back to if answers come before writing.
    unwritten: Mutex<Option<MemoryDisk>>,
    /// Claims since something was last written.
    idle_claims: AtomicU64,
    /// The lanes that runs were to go in.
    lanes: Mutex<BTreeMap<RunId, Lane>>,
    problems: Mutex<Vec<String>>,
}

impl SimJournal {
    /// An empty journal.
    pub fn new(clock: Arc<dyn Clock>, dice: Dice, mutation: Option<Mutation>) -> Self {
        let disk = MemoryDisk::default();
        Self {
            inner: Mutex::new(open(&disk, &clock)),
            disk: Mutex::new(disk),
            clock,
            dice,
            mutation,
            fuse: AtomicU64::new(0),
            crashed: AtomicBool::new(false),
            crash: Notify::new(),
            unwritten: Mutex::default(),
            idle_claims: AtomicU64::new(0),
            lanes: Mutex::default(),
            problems: Mutex::default(),
        }
    }

    /// Crashes at the n-th write from now, before or after it as the dice have it.
    pub fn light(&self, writes: u64) {
        self.fuse.store(writes, Ordering::Relaxed);
    }

    /// Whether it has crashed.
    pub fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::Relaxed)
    }

    /// Starts again on what was written.
    pub fn restart(&self) {
        let unwritten = self.unwritten.lock().unwrap().take();
        let mut disk = self.disk.lock().unwrap();
        *disk = unwritten.unwrap_or_else(|| disk.crashed());
        *self.inner.lock().unwrap() = open(&disk, &self.clock);
        self.fuse.store(0, Ordering::Relaxed);
        self.crashed.store(false, Ordering::Relaxed);
    }

    /// The journal without crashes.
    pub fn inner(&self) -> Arc<LocalJournal> {
        Arc::clone(&self.inner.lock().unwrap())
    }

    /// What was wrong at some time.
    pub fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap().clone()
    }

    /// Before a write: what would be lost with it.
    fn before(&self) {
        self.idle_claims.store(0, Ordering::Relaxed);
        if self.is_mutated(Mutation::AnswersBeforeWriting) {
            *self.unwritten.lock().unwrap() = Some(self.disk.lock().unwrap().crashed());
        }
    }

    /// Notes the lanes of runs, and puts some beside theirs if that is the mutation.
    fn enlane<'a>(&self, batch: impl Iterator<Item = &'a mut Acceptance>) {
        for acceptance in batch {
            let accepted = &mut acceptance.accepted;
            if let Some(lane) = &accepted.lane {
                self.lanes.lock().unwrap().insert(accepted.run, lane.clone());
                if self.is_mutated(Mutation::LaneJumped) && self.dice.chance(300) {
                    accepted.lane = None;
                }
            }
        }
    }

    /// After a write to a run: its lane must be in order.
    async fn check_lane(&self, run: RunId) {
        let lane = self.lanes.lock().unwrap().get(&run).cloned();
        let Some(lane) = lane else { return };
        let lanes = self.lanes.lock().unwrap().clone();
        let (mut has, mut waits) = (Vec::new(), Vec::new());
        for (other, _) in lanes.iter().filter(|(_, of)| of.key == lane.key) {
            let Ok((state, _)) = self.inner().read(*other).await else { continue };
            match (&state.lane, state.turn()) {
                (Some(lane), Some(Turn::Has)) => has.push(lane.ticket),
                (Some(lane), Some(Turn::Waits)) => waits.push(lane.ticket),
                // It never had its turn and goes on all the same.
                (None, _) if state.phase.is_open() && !has_left(&state) => has.push(u64::MAX),
                _ => {}
            }
        }
        let width = usize::try_from(lane.width).unwrap();
        let is_in_order = waits.iter().all(|wait| has.iter().all(|has| has < wait));
        if has.len() > width || !is_in_order {
            let problem = format!("lane {} of width {width}: {has:?} go on, {waits:?} wait", lane.key);
            self.problems.lock().unwrap().push(problem);
        }
    }

    fn is_mutated(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Whether the process dies at this write: before it, or after.
    async fn burn(&self) -> Option<Death> {
        if self.has_crashed() {
            return pending().await;
        }
        let left = self.fuse.load(Ordering::Relaxed);
        if left == 0 {
            return None;
        }
        self.fuse.store(left - 1, Ordering::Relaxed);
        let death = if self.dice.chance(500) { Death::Before } else { Death::After };
        (left == 1).then_some(death)
    }

    async fn die<T>(&self) -> T {
        self.crashed.store(true, Ordering::Relaxed);
        self.crash.notify_one();
        pending().await
    }
}

/// Whether a run has let those behind it pass, as a dead letter, and goes on beside its lane.
fn has_left(state: &State) -> bool {
    state.redrives > 0 || state.undoing.is_some()
}

fn open(disk: &MemoryDisk, clock: &Arc<dyn Clock>) -> Arc<LocalJournal> {
    Arc::new(LocalJournal::inline(disk, Arc::clone(clock)).unwrap())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    Before,
    After,
}

/// Does a write, with the crash that the fuse has for it.
macro_rules! write {
    ($self:ident, $write:expr) => {{
        let death = $self.burn().await;
        if death == Some(Death::Before) {
            return $self.die().await;
        }
        $self.before();
        let answer = $write.await;
        if death == Some(Death::After) {
            return $self.die().await;
        }
        answer
    }};
}

#[async_trait]
impl Journal for SimJournal {
    async fn accept(&self, mut batch: Vec<Acceptance>) -> Result<Vec<Outcome>, JournalError> {
        self.enlane(batch.iter_mut());
        let runs: Vec<RunId> = batch.iter().map(|acceptance| acceptance.accepted.run).collect();
        let outcomes = write!(self, self.inner().accept(batch));
        for run in runs {
            self.check_lane(run).await;
        }
        outcomes
    }

    async fn publish(&self, publication: Publication) -> Result<Published, JournalError> {
        write!(self, self.inner().publish(publication))
    }

    fn fronts(&self) -> Vec<Front> {
        if self.has_crashed() { Vec::new() } else { self.inner().fronts() }
    }

    async fn claim(&self, now_ms: u64, wants: &[Want]) -> Result<Vec<Claim>, JournalError> {
        if self.has_crashed() {
            return pending().await;
        }
        let mut claims = self.inner().claim(now_ms, wants).await?;
        let idle = self.idle_claims.fetch_add(claims.len() as u64, Ordering::Relaxed);
        if idle > SPIN {
            let runs: Vec<String> = claims.iter().map(|claim| format!("{:?}", claim.state)).collect();
            panic!("the engine spins: {idle} claims and nothing written, the last of {runs:?}");
        }
        if self.is_mutated(Mutation::ClaimLost) && self.dice.chance(20) {
            // Its claim is never given back.
            claims.pop();
        }
        Ok(claims)
    }

    async fn commit(
        &self,
        run: RunId,
        epoch: u64,
        mut transition: Transition,
    ) -> Result<Committed, JournalError> {
        self.enlane(transition.spawns.iter_mut());
        if self.is_mutated(Mutation::StorageTwice) && self.dice.chance(20) {
            let again = transition.writes.clone();
            transition.writes.extend(again);
        }
        let committed = write!(self, self.inner().commit(run, epoch, transition));
        self.check_lane(run).await;
        committed
    }

    async fn release(&self, run: RunId, epoch: u64) -> Result<(), JournalError> {
        if self.has_crashed() {
            return pending().await;
        }
        self.inner().release(run, epoch).await
    }

    async fn append(&self, run: RunId, entry: Entry) -> Result<State, JournalError> {
        write!(self, self.inner().append(run, entry))
    }

    async fn read(&self, run: RunId) -> Result<(State, Vec<Entry>), JournalError> {
        self.inner().read(run).await
    }

    async fn state(&self, run: RunId) -> Result<State, JournalError> {
        self.inner().state(run).await
    }

    async fn query(
        &self,
        filter: &Filter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<RunPage, JournalError> {
        self.inner().query(filter, cursor, limit).await
    }

    async fn cursor(&self, schedule: &str, now_ms: u64) -> Result<Cursor, JournalError> {
        write!(self, self.inner().cursor(schedule, now_ms))
    }

    async fn pass_over(&self, schedule: &str, until_ms: u64) -> Result<(), JournalError> {
        write!(self, self.inner().pass_over(schedule, until_ms))
    }

    async fn set_switch(&self, name: &str, value: Option<String>) -> Result<(), JournalError> {
        write!(self, self.inner().set_switch(name, value))
    }

    async fn switches(&self) -> Result<BTreeMap<String, String>, JournalError> {
        self.inner().switches().await
    }

    async fn deploy(&self, deployment: Deployment) -> Result<(), JournalError> {
        write!(self, self.inner().deploy(deployment))
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, JournalError> {
        if self.is_mutated(Mutation::VersionForgotten) { Ok(None) } else { self.inner().version(id).await }
    }

    async fn versions(&self) -> Result<Vec<KeptVersion>, JournalError> {
        self.inner().versions().await
    }

    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.inner().component(digest).await
    }

    async fn prune(&self, now_ms: u64, retention: &Retention, limit: usize) -> Result<usize, JournalError> {
        write!(self, self.inner().prune(now_ms, retention, limit))
    }

    async fn back_up(&self, to: Box<dyn Write + Send>) -> Result<(), BackupError> {
        Journal::back_up(&*self.inner(), to).await
    }

    fn backlog(&self) -> Backlog {
        self.inner().backlog()
    }

    async fn snoozed(&self, now_ms: u64) -> Result<u64, JournalError> {
        self.inner().snoozed(now_ms).await
    }

    fn failure(&self) -> Option<String> {
        None
    }
}
