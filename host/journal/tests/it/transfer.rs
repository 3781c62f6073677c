//! Export and import.

use std::io::Cursor;
use std::sync::Arc;

use stepmill_core::clock::ManualClock;
use stepmill_core::document::Body;
use stepmill_core::journal::{Acceptance, Filter, Fire, Journal as _, Outcome, PhaseName, Publication};
use stepmill_core::run::{Lane, OnDead, Pending};
use stepmill_core::storage::{Condition, PluginStorage as _, StorageOp};
use stepmill_journal::{LocalJournal, OpenError, Options, TransferError, verify};

use crate::conformance::versions::{deployment, version};
use crate::fixtures::{
    NOW, acceptance, began, claim_of, died, done, keyed, put, run_id, storage, succeeded, transition,
    with_body,
};

fn memory() -> LocalJournal {
    LocalJournal::memory(Arc::new(ManualClock::new(NOW))).unwrap()
}

async fn filled() -> LocalJournal {
    let journal = memory();
    let fire = Some(Fire { schedule: "nightly".into(), fire_ms: 77 });
    let batch = vec![
        keyed(NOW, "key", NOW + 100),
        Acceptance { fire, ..acceptance(NOW + 1) },
        with_body(NOW + 2, &"x".repeat(100_000)),
        acceptance(NOW + 3),
    ];
    journal.accept(batch).await.unwrap();
    let claims = claim_of(&journal, NOW + 1, 2).await;
    let mut change = transition(&claims[0].state, vec![succeeded("get", Body::Binary(vec![0, 255])), done()]);
    let ttl = StorageOp::Put { value: vec![255], condition: Condition::Always, ttl_ms: Some(50) };
    change.writes =
        vec![put("k", b"v", Condition::Always), storage("n", StorageOp::Add(3)), storage("t", ttl)];
    journal.commit(claims[0].state.run, claims[0].epoch, change).await.unwrap();
    let change = transition(&claims[1].state, vec![died()]);
    journal.commit(claims[1].state.run, claims[1].epoch, change).await.unwrap();
    // What follows from runs is in no line of its own: a lane with one that waits, and a subscription.
    for _ in 0..2 {
        let mut acceptance = acceptance(NOW + 4);
        acceptance.accepted.lane =
            Some(Lane { key: "7".into(), width: 1, on_dead: OnDead::Block, ticket: 0 });
        journal.accept(vec![acceptance]).await.unwrap();
    }
    let waits = claim_of(&journal, NOW + 2, 1).await.pop().unwrap();
    let paid = Pending::Event { event: "paid".into(), key: "7".into(), until_ms: None };
    let change = transition(&waits.state, vec![began("wait", paid)]);
    journal.commit(waits.state.run, waits.epoch, change).await.unwrap();
    journal.publish(publication()).await.unwrap();
    journal.deploy(deployment(&[&version("v1", "shape")])).await.unwrap();
    journal.set_switch("pause/orders", Some("by me".into())).await.unwrap();
    journal
}

fn publication() -> Publication {
    let (id, name, key) = (run_id(NOW), "paid".into(), "7".into());
    let event = acceptance(NOW).accepted.event;
    Publication { id, name, key, at_ms: NOW, event, keep_until_ms: NOW + 50, dedupe: None }
}

async fn exported(journal: &LocalJournal) -> Vec<u8> {
    journal.export(Vec::new()).await.unwrap().0
}

#[tokio::test]
async fn an_import_is_the_journal_that_was_exported() {
    let journal = filled().await;
    let export = exported(&journal).await;
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { clock: Arc::new(ManualClock::new(NOW)), ..Options::new(folder.path().join("journal")) };
    let other = LocalJournal::open(&options).unwrap();
    let transferred = other.import(Cursor::new(export.clone())).await.unwrap();
    let counts = "1 claims, 1 components, 1 deployed, 1 events, 1 fires, 6 runs, 1 switches, 3 values, 1 version, \
                  1 versions";
    assert_eq!(transferred.to_string(), counts);
    assert_eq!(verify(Cursor::new(&export)).unwrap(), transferred);
    assert_eq!(other.check().await.unwrap(), Vec::<String>::new());
    assert_eq!(exported(&other).await, export);
    drop(other);

    let other = LocalJournal::open(&options).unwrap();
    assert_eq!(exported(&other).await, export);
    let states = journal.query(&Filter::default(), None, 10).await.unwrap().runs;
    assert_eq!(other.query(&Filter::default(), None, 10).await.unwrap().runs, states);
    assert_eq!((other.backlog().unfinished, other.backlog().dead), (4, 1));
    assert_eq!(other.switches().await.unwrap()["pause/orders"], "by me");
    assert_eq!(other.versions().await.unwrap(), journal.versions().await.unwrap());
    assert_eq!(other.component("shape").await.unwrap(), journal.component("shape").await.unwrap());
    assert_eq!(other.cursor("nightly", 1).await.unwrap().at_ms, 77);
    let first = states.last().unwrap().run;
    assert_eq!(other.accept(vec![keyed(NOW, "key", NOW + 9)]).await.unwrap(), [Outcome::Duplicate(first)]);
    assert_eq!(claim_of(&other, NOW + 9, 9).await.len(), 3, "one waits for its turn");
    assert_eq!(other.get("orders", "t").await.unwrap(), journal.get("orders", "t").await.unwrap());
}

#[tokio::test]
async fn a_journal_that_holds_something_takes_no_import() {
    let journal = filled().await;
    let export = exported(&journal).await;
    assert!(matches!(journal.import(Cursor::new(export)).await, Err(TransferError::NotEmpty)));
}

#[tokio::test]
async fn a_damaged_or_cut_export_is_refused_with_the_line() {
    let export = exported(&filled().await).await;
    let lines: Vec<&[u8]> = export.split_inclusive(|byte| *byte == b'\n').collect();
    let count = lines.len() as u64;
    assert_eq!(count, 1 + 1 + 6 + 1 + 1 + 3 + 1 + 1 + 1 + 3);
    for (number, line) in (1..).zip(&lines) {
        let mut damaged = export.clone();
        let begin = line.as_ptr() as usize - export.as_ptr() as usize;
        damaged[begin + line.len() / 2] ^= 1;
        assert!(verify(Cursor::new(&damaged)).is_err());
        let result = memory().import(Cursor::new(damaged)).await;
        assert!(matches!(result, Err(TransferError::Damaged { line, .. }) if line == number), "{result:?}");
        let missing: Vec<u8> =
            lines.iter().filter(|other| *other != line).flat_map(|line| line.to_vec()).collect();
        assert!(memory().import(Cursor::new(missing)).await.is_err());
        let cut = export[..begin + line.len() / 2].to_vec();
        let result = memory().import(Cursor::new(cut)).await;
        assert!(matches!(result, Err(TransferError::Truncated { line }) if line == number), "{result:?}");
        let cut = export[..begin].to_vec();
        assert!(matches!(verify(Cursor::new(&cut)), Err(TransferError::Truncated { .. })));
        let result = memory().import(Cursor::new(cut)).await;
        assert!(matches!(result, Err(TransferError::Truncated { line }) if line == number - 1), "{result:?}");
    }
}

#[tokio::test]
async fn a_folder_with_half_an_import_is_refused() {
    let mut export = exported(&filled().await).await;
    export.truncate(export.len() - 100);
    let folder = tempfile::tempdir().unwrap();
    let journal = LocalJournal::open(&Options::new(folder.path())).unwrap();
    assert!(journal.import(Cursor::new(export)).await.is_err());
    drop(journal);
    let Err(error) = LocalJournal::open(&Options::new(folder.path())) else { panic!("opened") };
    assert!(matches!(error, OpenError::UnfinishedImport { .. }));
}

/// Written by the version before; it has a run in each phase of its time, and one that was set going again.
#[tokio::test]
async fn an_export_of_the_format_before_is_read() {
    let export = include_bytes!("transfer/format-1.ndjson");
    let journal = memory();
    let transferred = journal.import(Cursor::new(export.to_vec())).await.unwrap();
    assert_eq!(transferred.to_string(), "1 claims, 1 fires, 6 runs, 2 values");
    assert_eq!(journal.check().await.unwrap(), Vec::<String>::new());
    let phases: Vec<PhaseName> = journal
        .query(&Filter::default(), None, 9)
        .await
        .unwrap()
        .runs
        .iter()
        .map(|state| state.phase.name())
        .rev()
        .collect();
    // That which waited to try again is taken up at once, to find that it is not time yet.
    let expected = [
        PhaseName::Succeeded,
        PhaseName::Dead,
        PhaseName::Ready,
        PhaseName::Cancelled,
        PhaseName::Ready,
        PhaseName::Ready,
    ];
    assert_eq!(phases, expected);
    let waits = claim_of(&journal, NOW + 9, 9).await.remove(0);
    assert_eq!(waits.state.stand("create").due_ms(), Some(NOW + 1_000));
    assert_eq!(journal.cursor("nightly", 1).await.unwrap().at_ms, 77);
    assert!(matches!(
        journal.accept(vec![keyed(NOW, "key", NOW + 9)]).await.unwrap()[..],
        [Outcome::Duplicate(_)]
    ));
    // What is exported from it is of today's format.
    let again = memory();
    again.import(Cursor::new(exported(&journal).await)).await.unwrap();
    assert_eq!(exported(&again).await, exported(&journal).await);
}
