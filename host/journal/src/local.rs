//! The journal of one process.

mod inline;
mod writer;

use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use std::collections::BTreeMap;
use stepmill_core::RunId;
use stepmill_core::clock::Clock;
use stepmill_core::journal::{
    Acceptance, Backlog, BackupError, Claim, Committed, Cursor, Deployment, Filter, Front, Journal,
    JournalError, KeptVersion, Outcome, Publication, Published, Retention, RunPage, Transition, Want,
};
use stepmill_core::run::{Entry, State};
use stepmill_core::storage::{PluginStorage, Stored};
use stepmill_core::workflow::Version;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::claimed::Claimed;
use crate::codec::{self, CursorRow, StoredRow};
use crate::committer::{Answer, Request};
use crate::error::{OpenError, damaged, io};
use crate::keys;
use crate::open;
use crate::options::Options;
use crate::query;
use crate::shared::Shared;
use crate::sweep::Found;
use crate::tree::{MemoryTree, Order};
use crate::values::Values;
use crate::write::{Appended, Deploying, Offer, Opening, Step, is_live};

pub use inline::MemoryDisk;
pub(crate) use writer::Writer;

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
    writer: Writer,
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
        let writer = Writer::start(&shared, version)?;
        Ok(Self { shared, writer })
    }

    /// Has something written and waits until it is durable.
    pub(crate) async fn write<T>(
        &self,
        request: impl FnOnce(Answer<T>) -> Request,
    ) -> Result<T, JournalError> {
        let (answer, answered) = oneshot::channel();
        self.writer.send(request(answer)).await?;
        answered.await.map_err(|_| JournalError::Closed)?
    }

    /// Where requests go.
    pub(crate) fn writer(&self) -> Writer {
        self.writer.handle()
    }

    /// Reads on a thread that may block; an inline journal on its caller's.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        if self.writer.is_inline() {
            return read(&self.shared);
        }
        let shared = Arc::clone(&self.shared);
        spawn_blocking(move || read(&shared)).await.map_err(io("failed to read the journal"))?
    }
}

#[async_trait]
impl Journal for LocalJournal {
    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Outcome>, JournalError> {
        let openings = batch.into_iter().map(Opening::prepare).collect::<Result<_, _>>()?;
        self.write(|answer| Request::Accept(openings, answer)).await
    }

    async fn publish(&self, publication: Publication) -> Result<Published, JournalError> {
        let offer = Box::new(Offer::prepare(publication)?);
        self.write(|answer| Request::Publish(offer, answer)).await
    }

    fn fronts(&self) -> Vec<Front> {
        self.shared.claims.fronts(self.shared.clock.now_ms())
    }

    async fn claim(&self, now_ms: u64, wants: &[Want]) -> Result<Vec<Claim>, JournalError> {
        self.shared.check()?;
        let claimed = Claimed::take(Arc::clone(&self.shared), now_ms, wants);
        if !claimed.needs_reading() {
            return Ok(claimed.hand_over());
        }
        let claimed = self.blocking(move |_| claimed.read(now_ms)).await?;
        Ok(claimed.hand_over())
    }

    async fn commit(
        &self,
        run: RunId,
        epoch: u64,
        transition: Transition,
    ) -> Result<Committed, JournalError> {
        let step = Box::new(Step::prepare(run, transition)?);
        self.write(|answer| Request::Commit(step, epoch, answer)).await
    }

    async fn release(&self, run: RunId, epoch: u64) -> Result<(), JournalError> {
        if self.shared.claims.release(run, epoch) { Ok(()) } else { Err(JournalError::Fenced { run, epoch }) }
    }

    async fn append(&self, run: RunId, entry: Entry) -> Result<State, JournalError> {
        let appended = Box::new(Appended::prepare(run, entry)?);
        self.write(|answer| Request::Append(appended, answer)).await
    }

    async fn read(&self, run: RunId) -> Result<(State, Vec<Entry>), JournalError> {
        self.blocking(move |shared| shared.values.run(run)?.ok_or(JournalError::NoSuchRun(run))).await
    }

    async fn state(&self, run: RunId) -> Result<State, JournalError> {
        self.blocking(move |shared| shared.values.state(run)?.ok_or(JournalError::NoSuchRun(run))).await
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

    async fn cursor(&self, schedule: &str, now_ms: u64) -> Result<Cursor, JournalError> {
        let key = keys::fire(schedule);
        let row = self.blocking(move |shared| shared.values.get::<CursorRow>(&key)).await?;
        match row {
            Some(row) => Ok(row.into()),
            None => self.write(|answer| Request::Cursor(schedule.to_owned(), now_ms, answer)).await,
        }
    }

    async fn pass_over(&self, schedule: &str, until_ms: u64) -> Result<(), JournalError> {
        self.write(|answer| Request::PassOver(schedule.to_owned(), until_ms, answer)).await
    }

    async fn set_switch(&self, name: &str, value: Option<String>) -> Result<(), JournalError> {
        self.write(|answer| Request::Switch(name.to_owned(), value, answer)).await
    }

    async fn switches(&self) -> Result<BTreeMap<String, String>, JournalError> {
        self.blocking(|shared| {
            let pairs = shared.values.scan(&keys::switches(), Order::Ascending, usize::MAX)?;
            let switches = pairs.into_iter().map(|(key, value)| {
                let name = keys::parse_switch(&key).ok_or_else(|| damaged(&key, "no switch"))?;
                Ok((name.to_owned(), codec::decode(&key, &value)?))
            });
            switches.collect()
        })
        .await
    }

    async fn deploy(&self, deployment: Deployment) -> Result<(), JournalError> {
        let deploying = Box::new(Deploying::prepare(deployment)?);
        self.write(|answer| Request::Deploy(deploying, answer)).await
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, JournalError> {
        let key = keys::version(id);
        self.blocking(move |shared| shared.values.get(&key)).await
    }

    async fn versions(&self) -> Result<Vec<KeptVersion>, JournalError> {
        self.blocking(|shared| query::versions(&shared.values, |_| {})).await
    }

    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        let key = keys::component(digest);
        self.blocking(move |shared| shared.values.content(&key)).await
    }

    async fn prune(&self, now_ms: u64, retention: &Retention, limit: usize) -> Result<usize, JournalError> {
        let mut gone = 0_usize;
        // What cannot be removed is passed over.
        let mut from = Some(Vec::new());
        while let Some(at) = from.take_if(|_| gone < limit) {
            let wanted = (limit - gone).min(PRUNE);
            let retention = retention.clone();
            let look = move |shared: &Shared| shared.prunable(now_ms, &retention, &at, wanted);
            let Found { things, rest } = self.blocking(look).await?;
            if !things.is_empty() {
                gone = gone.saturating_add(self.write(|answer| Request::Prune(things, answer)).await?);
            }
            from = rest;
        }
        // Without a commit nobody else looks at the size, and ingress may wait for it to shrink.
        self.blocking(|shared| {
            shared.counters.set_bytes(shared.values.bytes());
            Ok(())
        })
        .await?;
        Ok(gone)
    }

    async fn back_up(&self, to: Box<dyn Write + Send>) -> Result<(), BackupError> {
        Ok(Self::back_up(self, to).await.map(drop)?)
    }

    fn backlog(&self) -> Backlog {
        self.shared.counters.backlog()
    }

    async fn snoozed(&self, now_ms: u64) -> Result<u64, JournalError> {
        self.blocking(move |shared| shared.values.count(keys::snoozed_after(now_ms), |_| true)).await
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
            let row = content.map(|content| codec::decode::<StoredRow>(&key, &content)).transpose()?;
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
