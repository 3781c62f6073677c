//! Export and import.

use std::io::Cursor;
use std::sync::Arc;

use stepmill_core::clock::ManualClock;
use stepmill_core::document::Body;
use stepmill_core::journal::{Acceptance, Accepted, Filter, Fire, Journal as _};
use stepmill_core::run::What;
use stepmill_core::storage::{Condition, PluginStorage as _, StorageOp};
use stepmill_journal::{LocalJournal, OpenError, Options, TransferError};

use crate::fixtures::{NOW, acceptance, died, keyed, put, storage, succeeded, transition, with_body};

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
    let claims = journal.claim(NOW + 1, 2).await.unwrap().runs;
    let mut change =
        transition(&claims[0].state, vec![succeeded("get", Body::Binary(vec![0, 255])), What::Succeeded]);
    let ttl = StorageOp::Put { value: vec![255], condition: Condition::Always, ttl_ms: Some(50) };
    change.writes =
        vec![put("k", b"v", Condition::Always), storage("n", StorageOp::Add(3)), storage("t", ttl)];
    journal.commit(claims[0].state.run, claims[0].epoch, change).await.unwrap();
    let change = transition(&claims[1].state, vec![died()]);
    journal.commit(claims[1].state.run, claims[1].epoch, change).await.unwrap();
    journal
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
    assert_eq!((transferred.runs, transferred.claims, transferred.fires, transferred.values), (4, 1, 1, 3));
    assert_eq!(exported(&other).await, export);
    drop(other);

    let other = LocalJournal::open(&options).unwrap();
    assert_eq!(exported(&other).await, export);
    let states = journal.query(&Filter::default(), None, 10).await.unwrap().runs;
    assert_eq!(other.query(&Filter::default(), None, 10).await.unwrap().runs, states);
    assert_eq!((other.backlog().unfinished, other.backlog().dead), (2, 1));
    assert_eq!(other.cursor("nightly", 1).await.unwrap(), 77);
    let first = states.last().unwrap().run;
    assert_eq!(other.accept(vec![keyed(NOW, "key", NOW + 9)]).await.unwrap(), [Accepted::Duplicate(first)]);
    assert_eq!(other.claim(NOW + 9, 9).await.unwrap().runs.len(), 2);
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
    assert_eq!(count, 1 + 4 + 1 + 1 + 3 + 1);
    for (number, line) in (1..).zip(&lines) {
        let mut damaged = export.clone();
        let begin = line.as_ptr() as usize - export.as_ptr() as usize;
        damaged[begin + line.len() / 2] ^= 1;
        let result = memory().import(Cursor::new(damaged)).await;
        assert!(matches!(result, Err(TransferError::Damaged { line, .. }) if line == number), "{result:?}");
        let missing: Vec<u8> =
            lines.iter().filter(|other| *other != line).flat_map(|line| line.to_vec()).collect();
        assert!(memory().import(Cursor::new(missing)).await.is_err());
        let cut = export[..begin + line.len() / 2].to_vec();
        let result = memory().import(Cursor::new(cut)).await;
        assert!(matches!(result, Err(TransferError::Truncated { line }) if line == number), "{result:?}");
        let cut = export[..begin].to_vec();
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
