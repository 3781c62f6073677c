//! The journal of one process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use stepmill_core::RunId;
use stepmill_core::clock::Clock;
use stepmill_core::journal::{
    Acceptance, Accepted, Backlog, Claims, Filter, Journal, JournalError, RunPage, Transition,
};
use stepmill_core::run::{Entry, State};
use stepmill_core::storage::{PluginStorage, Stored};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::claimed::Claimed;
use crate::codec::{FireRow, StoredRow};
use crate::committer::{self, Answer, Request};
use crate::error::{OpenError, io};
use crate::keys;
use crate::open;
use crate::options::Options;
use crate::query;
use crate::shared::Shared;
use crate::tree::{MemoryTree, Order};
use crate::values::Values;
use crate::write::{Opening, Step, Under, is_live};

/// Requests that may wait for the committer; further callers wait to hand theirs over.
const WAITING: usize = 8_192;
/// Things that one batch prunes.
const PRUNE: usize = 512;

/// A journal in memory or in a folder, for one process. Its methods must be called in a tokio runtime.
///
/// Dropping it waits until everything it was asked to write is written. A future that is dropped before
/// it is done takes nothing back: what it asked for is written all the same. Only a claim is given back.
///
/// Nothing is read or claimed that is not durable.
pub struct LocalJournal {
    pub(crate) shared: Arc<Shared>,
    requests: Option<mpsc::Sender<Request>>,
    committer: Option<JoinHandle<()>>,
}

impl LocalJournal {
    /// A journal that is gone with the process.
    pub fn memory(clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::start(Values::inline(Box::<MemoryTree>::default()), clock)
            .map_err(|source| OpenError::Start { path: "(memory)".into(), source })
    }

    /// Opens the journal in a folder, or makes one. Blocks while it is read.
    pub fn open(options: &Options) -> Result<Self, OpenError> {
        let values = open::open(options)?;
        let journal = Self::start(values, Arc::clone(&options.clock))
            .map_err(|source| OpenError::Start { path: options.path.clone(), source })?;
        let Backlog { unfinished, dead, bytes } = journal.backlog();
        tracing::info!(path = %options.path.display(), unfinished, dead, bytes, "opened the journal");
        Ok(journal)
    }

    fn start(values: Values, clock: Arc<dyn Clock>) -> Result<Self, JournalError> {
        let version = values.get::<u64>(keys::VERSION)?.unwrap_or_default();
        let shared = Arc::new(Shared::new(values, clock)?);
        let (requests, receiver) = mpsc::channel(WAITING);
        let committer = std::thread::Builder::new()
            .name("journal".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || {
                    let run = AssertUnwindSafe(|| committer::run(&shared, receiver, version));
                    if let Err(panic) = catch_unwind(run) {
                        let panic = committer::panic_message(&*panic);
                        shared.failure.get_or_init(|| format!("the journal's thread panicked: {panic}"));
                    }
                }
            })
            .map_err(io("failed to start the journal's thread"))?;
        Ok(Self { shared, requests: Some(requests), committer: Some(committer) })
    }

    /// Has something written and waits until it is durable.
    pub(crate) async fn write<T>(
        &self,
        request: impl FnOnce(Answer<T>) -> Request,
    ) -> Result<T, JournalError> {
        let (answer, answered) = oneshot::channel();
        self.requests()?.send(request(answer)).await.map_err(|_| JournalError::Closed)?;
        answered.await.map_err(|_| JournalError::Closed)?
    }

    /// Where requests go.
    pub(crate) fn requests(&self) -> Result<mpsc::Sender<Request>, JournalError> {
        self.requests.clone().ok_or(JournalError::Closed)
    }

    /// Reads on a thread that may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let shared = Arc::clone(&self.shared);
        spawn_blocking(move || read(&shared)).await.map_err(io("failed to read the journal"))?
    }
}

impl Drop for LocalJournal {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the journal's thread panicked");
        }
    }
}

#[async_trait]
impl Journal for LocalJournal {
    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Accepted>, JournalError> {
        let openings = batch.into_iter().map(Opening::prepare).collect::<Result<_, _>>()?;
        self.write(|answer| Request::Accept(openings, answer)).await
    }

    async fn claim(&self, now_ms: u64, limit: usize) -> Result<Claims, JournalError> {
        self.shared.check()?;
        let claimed = Claimed::take(Arc::clone(&self.shared), now_ms, limit);
        if !claimed.needs_reading() {
            return Ok(claimed.hand_over());
        }
        let claimed = self.blocking(move |_| claimed.read(now_ms, limit)).await?;
        Ok(claimed.hand_over())
    }

    async fn commit(&self, run: RunId, epoch: u64, transition: Transition) -> Result<(), JournalError> {
        let step = Box::new(Step::prepare(run, transition)?);
        self.write(|answer| Request::Transition(step, Under::Claim(epoch), answer)).await
    }

    async fn release(&self, run: RunId, epoch: u64) -> Result<(), JournalError> {
        if self.shared.claims.release(run, epoch) { Ok(()) } else { Err(JournalError::Fenced { run, epoch }) }
    }

    async fn amend(&self, run: RunId, seq: u32, transition: Transition) -> Result<(), JournalError> {
        let step = Box::new(Step::prepare(run, transition)?);
        self.write(|answer| Request::Transition(step, Under::Seq(seq), answer)).await
    }

    async fn read(&self, run: RunId) -> Result<(State, Vec<Entry>), JournalError> {
        self.blocking(move |shared| shared.values.run(run)?.ok_or(JournalError::NoSuchRun(run))).await
    }

    async fn query(
        &self,
        filter: &Filter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<RunPage, JournalError> {
        let filter = filter.clone();
        self.blocking(move |shared| {
            let unfinished = shared.counters.backlog().unfinished;
            query::query(&shared.values, &filter, cursor, limit, unfinished)
        })
        .await
    }

    async fn cursor(&self, schedule: &str, now_ms: u64) -> Result<u64, JournalError> {
        let key = keys::fire(schedule);
        let row = self.blocking(move |shared| shared.values.get::<FireRow>(&key)).await?;
        match row {
            Some(row) => Ok(row.fire_ms),
            None => self.write(|answer| Request::Cursor(schedule.to_owned(), now_ms, answer)).await,
        }
    }

    async fn prune(&self, now_ms: u64, before_ms: u64, limit: usize) -> Result<usize, JournalError> {
        let mut gone = 0_usize;
        while gone < limit {
            let wanted = (limit - gone).min(PRUNE);
            let look = move |shared: &Shared| shared.prunable(now_ms, before_ms, wanted);
            let (found, is_all) = self.blocking(look).await?;
            if !found.is_empty() {
                gone = gone.saturating_add(self.write(|answer| Request::Prune(found, answer)).await?);
            }
            if is_all {
                break;
            }
        }
        // Without a commit nobody else looks at the size, and ingress may wait for it to shrink.
        self.blocking(|shared| {
            shared.counters.set_bytes(shared.values.bytes());
            Ok(())
        })
        .await?;
        Ok(gone)
    }

    fn backlog(&self) -> Backlog {
        self.shared.counters.backlog()
    }

    fn failure(&self) -> Option<String> {
        self.shared.failure.get().cloned()
    }
}

#[async_trait]
impl PluginStorage for LocalJournal {
    async fn get(&self, namespace: &str, key: &str) -> Result<Option<Stored>, JournalError> {
        let at = keys::stored(namespace, key);
        let row = self.blocking(move |shared| shared.values.get::<StoredRow>(&at)).await?;
        self.shared.check()?;
        let now_ms = self.shared.clock.now_ms();
        Ok(row.map(Stored::from).filter(|stored| is_live(stored, now_ms)))
    }

    async fn keys(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        let mut span = keys::stored_below(namespace, prefix);
        if let Some(after) = after {
            span = span.after(keys::stored(namespace, after));
        }
        let keys = self.blocking(move |shared| live_keys(shared, span, limit)).await?;
        self.shared.check()?;
        Ok(keys)
    }
}

/// At most `limit` keys whose values have not expired.
fn live_keys(shared: &Shared, mut span: keys::Span, limit: usize) -> Result<Vec<String>, JournalError> {
    let now_ms = shared.clock.now_ms();
    let mut found = Vec::new();
    loop {
        let wanted = limit.saturating_sub(found.len());
        let pairs = shared.values.scan(&span, Order::Ascending, wanted)?;
        let is_last = pairs.len() < wanted;
        for (key, raw) in pairs {
            let content = shared.values.resolve(&key, raw)?;
            let row = content.map(|content| crate::codec::decode::<StoredRow>(&key, &content)).transpose()?;
            let is_live = row.map(Stored::from).is_some_and(|stored| is_live(&stored, now_ms));
            if let Some((_, name)) = keys::parse_stored(&key).filter(|_| is_live) {
                found.push(name.to_owned());
            }
            span = span.after(key);
        }
        if is_last || found.len() >= limit {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests;
