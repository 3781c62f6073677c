//! Runs, entries and transitions to test with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::clock::ManualClock;
use stepmill_core::dead::{Category, fingerprint};
use stepmill_core::document::{Body, Document};
use stepmill_core::event::{Event, Raw, Trigger};
use stepmill_core::journal::{Acceptance, Claim, Dedupe, Outcome, Transition, Want};
use stepmill_core::run::{Accepted, Children, Entry, Parent, Pending, Stand, State, What};
use stepmill_core::storage::{Condition, StorageOp, StorageWrite};
use stepmill_core::{Journal, PluginStorage, RunId};
use stepmill_journal::{LocalJournal, MemoryDisk, Options};
use tempfile::TempDir;

/// The time at which tests begin.
pub const NOW: u64 = 1_700_000_000_000;

/// What the suite asks of a journal.
pub trait Both: Journal + PluginStorage {}
impl<T: Journal + PluginStorage> Both for T {}

/// A journal under test.
pub struct Fixture {
    pub journal: Arc<dyn Both>,
    pub clock: Arc<ManualClock>,
    _folder: Option<TempDir>,
}

impl Fixture {
    pub fn memory() -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let journal = Arc::new(LocalJournal::memory(clock.clone()).unwrap());
        Self { journal, clock, _folder: None }
    }

    pub fn sled() -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let folder = tempfile::tempdir().unwrap();
        let options = Options { clock: clock.clone(), ..Options::new(folder.path().join("journal")) };
        let journal = Arc::new(LocalJournal::open(&options).unwrap());
        Self { journal, clock, _folder: Some(folder) }
    }

    /// A journal that does all on its caller's thread.
    pub fn inline() -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let journal = Arc::new(LocalJournal::inline(&MemoryDisk::default(), clock.clone()).unwrap());
        Self { journal, clock, _folder: None }
    }

    pub async fn claim(&self, now_ms: u64, most: usize) -> Vec<Claim> {
        claim_of(&*self.journal, now_ms, most).await
    }

    /// When the first run of any queue is due.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.journal.fronts().into_iter().map(|front| front.due_ms).min()
    }

    pub async fn accept(&self, acceptance: Acceptance) -> Outcome {
        self.journal.accept(vec![acceptance]).await.unwrap()[0]
    }

    /// Accepts a run and claims it.
    pub async fn claimed(&self) -> Claim {
        let acceptance = acceptance(NOW);
        let run = acceptance.accepted.run;
        self.accept(acceptance).await;
        let claim = self.claim(u64::MAX, 1).await.pop().unwrap();
        assert_eq!(claim.state.run, run);
        claim
    }

    /// Accepts a run and ends it.
    pub async fn ended(&self, what: What) -> RunId {
        let claim = self.claimed().await;
        let run = claim.state.run;
        self.journal.commit(run, claim.epoch, transition(&claim.state, vec![what])).await.unwrap();
        run
    }

    /// Commits storage writes with a run of their own.
    pub async fn store(&self, writes: Vec<StorageWrite>) -> Result<(), stepmill_core::journal::JournalError> {
        let claim = self.claimed().await;
        let run = claim.state.run;
        let change = Transition { writes, ..transition(&claim.state, vec![done()]) };
        let result = self.journal.commit(run, claim.epoch, change).await.map(drop);
        if result.is_err() {
            let change = transition(&claim.state, vec![done()]);
            self.journal.commit(run, claim.epoch, change).await.unwrap();
        }
        result
    }
}

/// An id that no other has.
pub fn run_id(at_ms: u64) -> RunId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) * 64;
    let mut random = [0; 10];
    random[2..].copy_from_slice(&count.to_be_bytes());
    // The version and variant bits of a UUID overwrite some: keep those of the process elsewhere.
    random[0] = (std::process::id() & 0xf) as u8;
    RunId::new(at_ms, random)
}

/// An event with a small body.
pub fn acceptance(at_ms: u64) -> Acceptance {
    with_body(at_ms, r#"{"order":7}"#)
}

/// An event with this body.
pub fn with_body(at_ms: u64, body: &str) -> Acceptance {
    let event = Event {
        trigger: Trigger::Webhook { path: "/orders".into() },
        headers: BTreeMap::from([("x-id".into(), "7".into())]),
        query: BTreeMap::new(),
        document: Document { media_type: "application/json".into(), body: Body::Text(body.into()) },
        raw: Some(Arc::new(Raw {
            media_type: "x/y".into(),
            encoding: Some("gzip".into()),
            bytes: vec![0, 255],
        })),
    };
    let accepted = Accepted {
        run: run_id(at_ms),
        workflow: "orders".into(),
        version: "v1".into(),
        event,
        timeout_ms: None,
        parent: None,
        key: None,
        lane: None,
        gather: None,
        is_held: false,
    };
    Acceptance { accepted, at_ms, dedupe: None, fire: None }
}

/// An event with a deduplication key.
pub fn keyed(at_ms: u64, key: &str, expires_ms: u64) -> Acceptance {
    let dedupe = Some(Dedupe { scope: "orders".into(), key: key.into(), expires_ms });
    Acceptance { dedupe, ..acceptance(at_ms) }
}

/// Claims at most `most` runs, of all queues one after the other.
pub async fn claim_of(journal: &(impl Journal + ?Sized), now_ms: u64, most: usize) -> Vec<Claim> {
    let mut claims = Vec::new();
    for front in journal.fronts() {
        let want = Want { queue: front.queue, most: most - claims.len() };
        claims.extend(journal.claim(now_ms, &[want]).await.unwrap());
    }
    claims
}

/// The transition that these make from `state`, by somebody who has seen no more than that; if the last one waits,
/// the run rests.
pub fn transition(state: &State, what: Vec<What>) -> Transition {
    let seen = state.seq;
    let mut entries: Vec<Entry> =
        what.into_iter().map(|what| Entry::new(state.changed_ms + 1, what)).collect();
    let count = seen + u32::try_from(entries.len()).unwrap();
    if let Some(last) = entries.last_mut()
        && matches!(last.what, What::AttemptFailed { .. } | What::Parked { .. } | What::Began { .. })
    {
        last.rests = Some(count);
    }
    Transition { seen, entries, ..Transition::default() }
}

/// The begin of a step that waits.
pub fn began(step: &str, pending: Pending) -> What {
    What::Began { step: step.into(), pending }
}

/// A run that a step of another begins.
pub fn child(parent: &State, step: &str, index: u32) -> Acceptance {
    let Stand::Children(Children { since, .. }) = *parent.stand(step) else { panic!("it begins none") };
    let mut child = acceptance(NOW);
    child.accepted.workflow = format!("{}/{step}", parent.workflow);
    child.accepted.parent =
        Some(Parent { run: parent.run, step: step.into(), index, since, wants_output: true });
    child
}

/// The end of a run.
pub fn done() -> What {
    What::Succeeded { output: None }
}

/// A person's second begin of a run, from the failed step.
pub fn redriven() -> What {
    What::Redriven { from_start: false, document: None, version: None, by: "me".into(), by_rule: false }
}

/// A person's end of a run.
pub fn cancelled() -> What {
    What::Cancelled { by: "me".into(), undo: false }
}

/// An attempt of a step.
pub fn record(step: &str, number: u32, cause: Option<Cause>) -> Record {
    Record {
        step: step.into(),
        number,
        plugin: "rest".into(),
        digest: "00".into(),
        started_ms: NOW,
        took_us: 1,
        memory_bytes: 2,
        failure: cause.map(|cause| Failure::new(cause, "no")),
        exchanges: Vec::new(),
        logs: Vec::new(),
    }
}

/// A step's success with this output.
pub fn succeeded(step: &str, body: Body) -> What {
    let output = Document { media_type: "application/octet-stream".into(), body };
    What::StepSucceeded { output, record: record(step, 1, None) }
}

/// A failure that makes a dead letter.
pub fn died() -> What {
    let record = record("create", 1, Some(Cause::Rejected));
    let fingerprint = fingerprint("w", "create", record.failure.as_ref().unwrap(), None);
    What::Died { record, category: Category::Data, fingerprint, undo: false, redrive: None }
}

/// A failure that is tried again at `at_ms`.
pub fn failed(at_ms: u64) -> What {
    What::AttemptFailed { record: record("create", 1, Some(Cause::RetryAsked)), retry_at_ms: at_ms }
}

/// A storage write in the namespace `orders`.
pub fn storage(key: &str, op: StorageOp) -> StorageWrite {
    StorageWrite { namespace: "orders".into(), key: key.into(), op }
}

/// A put without a time to live.
pub fn put(key: &str, value: &[u8], condition: Condition) -> StorageWrite {
    storage(key, StorageOp::Put { value: value.to_vec(), condition, ttl_ms: None })
}
