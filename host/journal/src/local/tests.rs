#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use stepmill_core::clock::ManualClock;
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::run::{Accepted, Pending, Queue, What};

use super::*;
use crate::committer;
use crate::keys::Span;
use crate::tree::{Changes, Pair, Tree};

/// A tree whose disk can fail.
#[derive(Default)]
struct Failing {
    tree: MemoryTree,
    fails: Arc<AtomicBool>,
}

impl Tree for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        self.tree.get(key)
    }

    fn first_byte(&self, key: &[u8]) -> Result<Option<u8>, JournalError> {
        self.tree.first_byte(key)
    }

    fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError> {
        self.tree.scan(span, order, limit)
    }

    fn commit(&self, changes: Changes) -> Result<(), JournalError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io("failed to write to the journal's log")(std::io::Error::other("no disk")));
        }
        self.tree.commit(changes)
    }

    fn bytes(&self) -> u64 {
        0
    }
}

fn acceptance(number: u8) -> Acceptance {
    let document = Document::from_bytes("text/plain", b"hello".to_vec());
    let (headers, query) = (BTreeMap::new(), BTreeMap::new());
    let accepted = Accepted {
        run: RunId::new(1, [number; 10]),
        workflow: "orders".into(),
        version: "v1".into(),
        event: Event { trigger: Trigger::Manual, headers, query, document, raw: None },
        timeout_ms: None,
        parent: None,
        key: None,
        lane: None,
        gather: None,
        is_held: false,
    };
    Acceptance { accepted, at_ms: 1, dedupe: None, fire: None }
}

fn orders() -> [Want; 1] {
    [Want { queue: Queue::Workflow("orders".into()), most: 9 }]
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_answered_as_written() {
    let tree = Failing::default();
    let fails = tree.fails.clone();
    let journal = LocalJournal::start(Values::inline(Box::new(tree)), Arc::new(ManualClock::new(1))).unwrap();
    journal.accept(vec![acceptance(1)]).await.unwrap();
    fails.store(true, Ordering::SeqCst);
    let (one, two) = tokio::join!(journal.accept(vec![acceptance(2)]), journal.accept(vec![acceptance(3)]));
    assert!(matches!((one, two), (Err(JournalError::Io { .. }), Err(JournalError::Io { .. }))));
    fails.store(false, Ordering::SeqCst);
    let Err(error) = journal.accept(vec![acceptance(4)]).await else { panic!("accepted") };
    assert!(error.to_string().contains("restart stepmill"), "{error}");
    assert!(journal.claim(9, &orders()).await.is_err(), "no work is begun on what may not be there");
    assert_eq!(journal.backlog().unfinished, 1);
}

#[tokio::test]
async fn claims_that_nobody_waits_for_are_given_back() {
    let journal = LocalJournal::memory(Arc::new(ManualClock::new(1))).unwrap();
    journal.accept(vec![acceptance(1)]).await.unwrap();
    drop(Claimed::take(Arc::clone(&journal.shared), 9, &orders()).read(9).unwrap());
    assert_eq!(journal.claim(9, &orders()).await.unwrap().len(), 1);
}

/// The second is taken up while the first is not durable yet, and the claim is there in memory.
#[tokio::test]
async fn a_claim_that_ends_in_a_batch_is_over_for_the_rest_of_it() {
    let journal = LocalJournal::inline(&MemoryDisk::default(), Arc::new(ManualClock::new(1))).unwrap();
    journal.accept(vec![acceptance(1)]).await.unwrap();
    let claim = journal.claim(9, &orders()).await.unwrap().pop().unwrap();
    let run = claim.state.run;
    let step = |what, rests| {
        let entries = vec![Entry { rests, ..Entry::new(1, what) }];
        let transition = Transition { seen: 1, entries, ..Transition::default() };
        Box::new(Step::prepare(run, transition).unwrap())
    };
    let sleeps = What::Began { step: "sleep".into(), pending: Pending::Time { until_ms: 9 } };
    let (first, slept) = oneshot::channel();
    let (second, ended) = oneshot::channel();
    let ends = step(What::Succeeded { output: None }, None);
    let mut later = vec![Request::Commit(ends, claim.epoch, second)];
    let first = Request::Commit(step(sleeps, Some(2)), claim.epoch, first);
    committer::write(&journal.shared, first, || later.pop(), &mut 0);
    slept.await.unwrap().unwrap();
    assert!(matches!(ended.await.unwrap(), Err(JournalError::Fenced { .. })));
    assert!(journal.check().await.unwrap().is_empty());
}
