//! A real journal that a test can look into, make refuse a commit, and cut off as a crash would.

use std::collections::{BTreeMap, HashMap};
use std::future::{Future, pending};
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use stepmill_core::journal::{
    Acceptance, Backlog, BackupError, Claim, Committed, Cursor, Deployment, Filter, Front, Journal,
    JournalError, KeptVersion, Outcome, Publication, Published, Retention, RunPage, Transition, Want,
};
use stepmill_core::run::{Entry, State, What};
use stepmill_core::workflow::Version;
use stepmill_core::{Clock, RunId};
use stepmill_journal::LocalJournal;
use tokio::runtime::Handle;
use tokio::sync::{RwLock, watch};
use tokio::task::spawn_blocking;

use crate::trace::Trace;

/// What happens to one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    /// Nothing is written, and the answer says that the run has moved on; the claim is still there.
    Fenced,
    /// Nothing is written, and the answer says that another run was faster.
    StorageConflict,
    /// Nothing is written, and the answer says that the disk failed.
    Io,
    /// Nothing is written, and the answer says that the transition is illegal.
    Illegal,
    /// The process ends before anything is written: there is no answer.
    CrashBefore,
    /// The process ends once all is written: there is no answer.
    CrashAfter,
}

/// A [`LocalJournal`] in memory, with the commits that reach it noted in a [`Trace`] and twisted by number.
///
/// Paused time stands still while it works: otherwise tokio would take a wait for the journal's thread
/// for idleness, and jump.
pub struct Twisted {
    inner: Arc<LocalJournal>,
    trace: Trace,
    seen: Arc<Mutex<Seen>>,
    changes: watch::Sender<u64>,
    /// Shared by the commits and claims in progress and had alone by a read or a restart: what is read has been
    /// noted, and no claim is lost with whoever asked for it.
    working: Arc<RwLock<()>>,
    crashed: watch::Sender<bool>,
    failure: OnceLock<String>,
}

#[derive(Default)]
struct Seen {
    commits: usize,
    twists: HashMap<usize, Twist>,
    held: Vec<(RunId, u64)>,
}

impl Twisted {
    /// An empty journal. Notes each commit that it writes as `commit WHAT, WHAT`.
    pub fn new(clock: Arc<dyn Clock>, trace: Trace) -> Self {
        Self {
            inner: Arc::new(LocalJournal::memory(clock).unwrap()),
            trace,
            seen: Arc::default(),
            changes: watch::Sender::new(0),
            working: Arc::default(),
            crashed: watch::Sender::new(false),
            failure: OnceLock::new(),
        }
    }

    /// The journal without twists, which also has the plugins' storage.
    pub fn inner(&self) -> Arc<LocalJournal> {
        Arc::clone(&self.inner)
    }

    /// Twists the commit with this number, counted from 1 over all runs.
    pub fn twist(&self, number: usize, twist: Twist) {
        self.seen.lock().unwrap().twists.insert(number, twist);
    }

    /// Says from now on that it takes no write any more.
    pub fn fail(&self, why: &str) {
        self.failure.get_or_init(|| why.to_owned());
    }

    /// Whether a crash has come, waiting for it as long as `work` lasts.
    pub async fn crashes_during(&self, work: impl Future<Output = ()>) -> bool {
        let mut crashed = self.crashed.subscribe();
        tokio::select! {
            biased;
            _ = crashed.wait_for(|has_crashed| *has_crashed) => true,
            () = work => false,
        }
    }

    /// What a start of the process does: claims of the one before are void, and it answers again.
    pub async fn restart(&self) {
        let _none = self.working.write().await;
        let held = std::mem::take(&mut self.seen.lock().unwrap().held);
        for (run, epoch) in held {
            // Those that have ended are none any more.
            let _ = self.inner.release(run, epoch).await;
        }
        self.crashed.send_replace(false);
    }

    /// Waits until a run's state is as wanted.
    pub async fn until(&self, run: RunId, wanted: impl Fn(&State) -> bool) -> (State, Vec<Entry>) {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            let (state, entries) = self.read(run).await.unwrap();
            if wanted(&state) {
                return (state, entries);
            }
            changes.changed().await.unwrap();
        }
    }

    fn next_twist(&self) -> Option<Twist> {
        let mut seen = self.seen.lock().unwrap();
        seen.commits += 1;
        let number = seen.commits;
        seen.twists.remove(&number)
    }

    async fn crash<T>(&self) -> T {
        self.crashed.send_replace(true);
        pending().await
    }

    /// Has the journal do something while paused time stands still.
    async fn still<T, F>(&self, work: impl FnOnce(Arc<LocalJournal>) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let (runtime, inner) = (Handle::current(), self.inner());
        spawn_blocking(move || runtime.block_on(work(inner))).await.unwrap()
    }
}

#[async_trait]
impl Journal for Twisted {
    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Outcome>, JournalError> {
        self.still(|inner| async move { inner.accept(batch).await }).await
    }

    async fn publish(&self, publication: Publication) -> Result<Published, JournalError> {
        self.still(|inner| async move { inner.publish(publication).await }).await
    }

    fn fronts(&self) -> Vec<Front> {
        self.inner.fronts()
    }

    async fn claim(&self, now_ms: u64, wants: &[Want]) -> Result<Vec<Claim>, JournalError> {
        let wants = wants.to_vec();
        let (working, seen) = (Arc::clone(&self.working).read_owned().await, Arc::clone(&self.seen));
        self.still(move |inner| async move {
            let claims = inner.claim(now_ms, &wants).await?;
            let held = claims.iter().map(|claim| (claim.state.run, claim.epoch));
            seen.lock().unwrap().held.extend(held);
            drop(working);
            Ok(claims)
        })
        .await
    }

    async fn commit(
        &self,
        run: RunId,
        epoch: u64,
        transition: Transition,
    ) -> Result<Committed, JournalError> {
        let twist = self.next_twist();
        match twist {
            None | Some(Twist::CrashAfter) => {}
            Some(Twist::CrashBefore) => return self.crash().await,
            Some(Twist::Fenced) => return Err(JournalError::Fenced { run, epoch }),
            Some(Twist::StorageConflict) => {
                return Err(JournalError::StorageConflict { namespace: "scripted".into(), key: "k".into() });
            }
            Some(Twist::Io) => {
                return Err(JournalError::Io { doing: "as scripted".into(), source: "no disk".into() });
            }
            Some(Twist::Illegal) => return Err(JournalError::Illegal { run, reason: "as scripted".into() }),
        }
        let whats: Vec<_> = transition.entries.iter().map(|entry| what(&entry.what)).collect();
        let working = Arc::clone(&self.working).read_owned().await;
        let committed = self
            .still(move |inner| async move {
                let committed = inner.commit(run, epoch, transition).await;
                (committed, working)
            })
            .await;
        let (committed, working) = committed;
        let committed = committed?;
        self.trace.note(format!("commit {}", whats.join(", ")));
        self.changes.send_modify(|changes| *changes += 1);
        drop(working);
        if twist == Some(Twist::CrashAfter) { self.crash().await } else { Ok(committed) }
    }

    async fn release(&self, run: RunId, epoch: u64) -> Result<(), JournalError> {
        self.inner.release(run, epoch).await
    }

    async fn append(&self, run: RunId, entry: Entry) -> Result<State, JournalError> {
        let state = self.still(move |inner| async move { inner.append(run, entry).await }).await?;
        self.changes.send_modify(|changes| *changes += 1);
        Ok(state)
    }

    async fn read(&self, run: RunId) -> Result<(State, Vec<Entry>), JournalError> {
        let _none = self.working.write().await;
        self.still(move |inner| async move { inner.read(run).await }).await
    }

    async fn state(&self, run: RunId) -> Result<State, JournalError> {
        self.still(move |inner| async move { inner.state(run).await }).await
    }

    async fn query(
        &self,
        filter: &Filter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<RunPage, JournalError> {
        let filter = filter.clone();
        self.still(move |inner| async move { inner.query(&filter, cursor, limit).await }).await
    }

    async fn cursor(&self, schedule: &str, now_ms: u64) -> Result<Cursor, JournalError> {
        let schedule = schedule.to_owned();
        self.still(move |inner| async move { inner.cursor(&schedule, now_ms).await }).await
    }

    async fn pass_over(&self, schedule: &str, until_ms: u64) -> Result<(), JournalError> {
        let schedule = schedule.to_owned();
        self.still(move |inner| async move { inner.pass_over(&schedule, until_ms).await }).await
    }

    async fn set_switch(&self, name: &str, value: Option<String>) -> Result<(), JournalError> {
        let name = name.to_owned();
        self.still(move |inner| async move { inner.set_switch(&name, value).await }).await
    }

    async fn switches(&self) -> Result<BTreeMap<String, String>, JournalError> {
        self.still(|inner| async move { inner.switches().await }).await
    }

    async fn deploy(&self, deployment: Deployment) -> Result<(), JournalError> {
        self.still(|inner| async move { inner.deploy(deployment).await }).await
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, JournalError> {
        let id = id.to_owned();
        self.still(move |inner| async move { inner.version(&id).await }).await
    }

    async fn versions(&self) -> Result<Vec<KeptVersion>, JournalError> {
        self.still(|inner| async move { inner.versions().await }).await
    }

    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        let digest = digest.to_owned();
        self.still(move |inner| async move { inner.component(&digest).await }).await
    }

    async fn prune(&self, now_ms: u64, retention: &Retention, limit: usize) -> Result<usize, JournalError> {
        let retention = retention.clone();
        self.still(move |inner| async move { inner.prune(now_ms, &retention, limit).await }).await
    }

    async fn back_up(&self, to: Box<dyn Write + Send>) -> Result<(), BackupError> {
        Journal::back_up(&*self.inner, to).await
    }

    fn backlog(&self) -> Backlog {
        self.inner.backlog()
    }

    async fn snoozed(&self, now_ms: u64) -> Result<u64, JournalError> {
        self.still(move |inner| async move { inner.snoozed(now_ms).await }).await
    }

    fn failure(&self) -> Option<String> {
        self.failure.get().cloned().or_else(|| self.inner.failure())
    }
}

/// An entry in a word, with the step and the number of its attempt.
fn what(what: &What) -> String {
    match what {
        What::StepSucceeded { record, .. } => format!("succeeded {} {}", record.step, record.number),
        What::AttemptFailed { record, .. } => format!("failed {} {}", record.step, record.number),
        What::Died { record, .. } => format!("died {} {}", record.step, record.number),
        What::Succeeded { .. } => "end".into(),
        What::Parked { step, .. }
        | What::Began { step, .. }
        | What::Spawned { step, .. }
        | What::Child { step, .. }
        | What::Heard { step, .. }
        | What::Decided { step, .. }
        | What::Elapsed { step } => format!("{} {step}", what.name()),
        What::Accepted(_)
        | What::Gathered { .. }
        | What::Turn
        | What::Rests
        | What::Undone
        | What::Redriven { .. }
        | What::Snoozed { .. }
        | What::Released { .. }
        | What::Cancelled { .. } => what.name().into(),
    }
}
