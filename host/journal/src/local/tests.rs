#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use stepmill_core::clock::ManualClock;
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};

use super::*;
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
    Acceptance {
        run: RunId::new(1, [number; 10]),
        workflow: "orders".into(),
        version: "v1".into(),
        at_ms: 1,
        event: Event { trigger: Trigger::Manual, headers, query, document },
        dedupe: None,
        fire: None,
    }
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
    assert!(journal.claim(9, 9).await.is_err(), "no work is begun on what may not be there");
    assert_eq!(journal.backlog().unfinished, 1);
}

#[tokio::test]
async fn claims_that_nobody_waits_for_are_given_back() {
    let journal = LocalJournal::memory(Arc::new(ManualClock::new(1))).unwrap();
    journal.accept(vec![acceptance(1)]).await.unwrap();
    drop(Claimed::take(Arc::clone(&journal.shared), 9, 9).read(9, 9).unwrap());
    assert_eq!(journal.claim(9, 9).await.unwrap().runs.len(), 1);
}
