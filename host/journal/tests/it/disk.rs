//! What only a journal on disk can be asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepmill_core::clock::ManualClock;
use stepmill_core::document::Body;
use stepmill_core::journal::{Filter, JournalError, Outcome, Publication, Retention};
use stepmill_core::run::{Lane, OnDead, What};
use stepmill_core::storage::{Condition, PluginStorage as _, StorageOp};
use stepmill_core::{Journal as _, RunId};
use stepmill_journal::{LocalJournal, OpenError, Options, Rescue};

use crate::fixtures::{
    NOW, acceptance, claim_of, died, done, keyed, put, run_id, storage, succeeded, transition, with_body,
};

fn options(path: &Path) -> Options {
    Options { clock: Arc::new(ManualClock::new(NOW)), ..Options::new(path) }
}

fn large_files(path: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(path.join("large")).unwrap();
    folders
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}

/// sled would keep a node above a quarter of a segment in a file that it never syncs.
#[tokio::test]
async fn no_size_of_values_makes_the_engine_keep_them_in_files_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = LocalJournal::open(&options(&path)).unwrap();
    for (round, length) in [4_000, 12_000, 20_000, 31_000, 32_500, 40_000].into_iter().enumerate() {
        for number in 0..60 {
            let at_ms = NOW + 1_000 * u64::try_from(round).unwrap() + number;
            journal.accept(vec![with_body(at_ms, &"x".repeat(length))]).await.unwrap();
        }
    }
    let of_the_engine = fs::read_dir(path.join("blobs")).map_or(0, Iterator::count);
    assert_eq!(of_the_engine, 0);
    assert!(!large_files(&path).is_empty());
}

#[tokio::test]
async fn a_journal_is_the_same_after_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = LocalJournal::open(&options(&path)).unwrap();
    let first = keyed(NOW, "key", NOW + 100);
    journal
        .accept(vec![first.clone(), acceptance(NOW + 1), with_body(NOW + 2, &"x".repeat(100_000))])
        .await
        .unwrap();
    let claim = claim_of(&journal, NOW, 1).await.pop().unwrap();
    let mut change = transition(&claim.state, vec![died()]);
    change.writes = vec![put("k", b"v", Condition::IfAbsent), storage("n", StorageOp::Add(3))];
    journal.commit(first.accepted.run, claim.epoch, change).await.unwrap();
    let claimed = claim_of(&journal, NOW + 1, 1).await.pop().unwrap();
    let page = journal.query(&Filter::default(), None, 10).await.unwrap().runs;
    let (value, backlog) = (journal.get("orders", "k").await.unwrap().unwrap(), journal.backlog());
    drop(journal);

    let journal = LocalJournal::open(&options(&path)).unwrap();
    assert_eq!(journal.query(&Filter::default(), None, 10).await.unwrap().runs, page);
    assert_eq!(journal.get("orders", "k").await.unwrap().unwrap(), value);
    let (now, before) = (journal.backlog(), backlog);
    assert_eq!((now.unfinished, now.dead), (before.unfinished, before.dead));
    assert_eq!(
        journal.accept(vec![keyed(NOW, "key", NOW + 100)]).await.unwrap(),
        [Outcome::Duplicate(first.accepted.run)]
    );
    let claims = claim_of(&journal, NOW + 9, 10).await;
    assert_eq!(claims.len(), 2, "claims die with their process");
    assert_eq!(claims[0].state.run, claimed.state.run);
    let mut change = transition(&claims[0].state, vec![done()]);
    change.writes = vec![put("k", b"w", Condition::IfVersion(value.version))];
    journal.commit(claims[0].state.run, claims[0].epoch, change).await.unwrap();
    let versions = journal.get("orders", "k").await.unwrap().unwrap().version;
    assert!(versions > value.version + 1, "versions go on after the last one given");
}

#[tokio::test]
async fn a_lane_keeps_its_order_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = Vec::new();
    for _ in 0..4 {
        // All of one millisecond, so that ids say nothing of their order.
        let journal = LocalJournal::open(&options(folder.path())).unwrap();
        for last in [3, 1, 2] {
            let mut acceptance = acceptance(NOW);
            let random = [last, u8::try_from(runs.len()).unwrap(), 0, 0, 0, 0, 0, 0, 0, 0];
            acceptance.accepted.run = RunId::new(NOW, random);
            acceptance.accepted.lane =
                Some(Lane { key: "7".into(), width: 1, on_dead: OnDead::Block, ticket: 0 });
            runs.push(acceptance.accepted.run);
            journal.accept(vec![acceptance]).await.unwrap();
        }
    }
    let mut order = Vec::new();
    for _ in 0..runs.len() {
        let journal = LocalJournal::open(&options(folder.path())).unwrap();
        let claims = claim_of(&journal, NOW, 9).await;
        assert_eq!(claims.len(), 1);
        let (run, epoch) = (claims[0].state.run, claims[0].epoch);
        journal.commit(run, epoch, transition(&claims[0].state, vec![done()])).await.unwrap();
        assert_eq!(journal.check().await.unwrap(), Vec::<String>::new());
        order.push(run);
    }
    assert_eq!(order, runs);
}

#[tokio::test]
async fn a_folder_in_use_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let journal = LocalJournal::open(&options(folder.path())).unwrap();
    let Err(error) = LocalJournal::open(&options(folder.path())) else { panic!("opened twice") };
    assert!(matches!(&error, OpenError::InUse { path } if path == folder.path()));
    assert!(error.to_string().contains("in use by another process"));
    drop(journal);
    LocalJournal::open(&options(folder.path())).unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_refused_with_its_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().join("journal");
    let Err(error) = LocalJournal::open(&options(&path)) else { panic!("opened below a file") };
    assert!(matches!(&error, OpenError::Folder { path: named, .. } if *named == path));
}

#[tokio::test]
async fn a_journal_that_is_not_readable_is_left_as_it_is_and_copied_once() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("journal");
    let journal = LocalJournal::open(&options(&path)).unwrap();
    let batch = (0..500).map(|_| with_body(NOW, &"x".repeat(2_000))).collect();
    journal.accept(batch).await.unwrap();
    drop(journal);
    let conf = fs::read(path.join("conf")).unwrap();
    let torn: Vec<u8> = conf.iter().map(|byte| !byte).collect();
    fs::write(path.join("conf"), &torn).unwrap();
    let Err(error) = LocalJournal::open(&options(&path)) else { panic!("opened what is torn") };
    let rescue = parent.path().join("journal.rescue-1");
    let OpenError::Unopenable { rescue: found, .. } = &error else { panic!("{error}") };
    assert_eq!(*found, Rescue::Fails(rescue.canonicalize().unwrap()));
    assert!(error.to_string().contains("stepmill journal import"));
    assert_eq!(fs::read(path.join("conf")).unwrap(), torn);
    let Err(OpenError::Unopenable { rescue: found, .. }) = LocalJournal::open(&options(&path)) else {
        panic!()
    };
    assert_eq!(found, Rescue::Earlier(rescue.canonicalize().unwrap()));
    fs::write(path.join("conf"), conf).unwrap();
    let journal = LocalJournal::open(&options(&path)).unwrap();
    assert_eq!(journal.backlog().unfinished, 500);
}

#[tokio::test]
async fn large_values_are_files_that_come_and_go_with_their_owners() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let journal = LocalJournal::open(&options(path)).unwrap();
    journal.accept(vec![with_body(NOW, &"x".repeat(70_000)), with_body(NOW, "small")]).await.unwrap();
    assert_eq!(large_files(path).len(), 1);
    for round in 0..3_u8 {
        let accepted = acceptance(NOW);
        journal.accept(vec![accepted]).await.unwrap();
        let claims = claim_of(&journal, NOW, 10).await;
        for claim in claims {
            let mut change = transition(&claim.state, vec![done()]);
            change.writes = vec![put("k", &[round / 2; 100_000], Condition::Always)];
            journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
        }
        assert_eq!(large_files(path).len(), 2, "one of the run, one of the value");
    }
    assert_eq!(journal.prune(NOW + 9, &Retention::since(NOW + 9), 100).await.unwrap(), 5);
    assert_eq!(large_files(path).len(), 1);
    drop(journal);
    let orphan = path.join("large/ab").join("ab".repeat(32));
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, "of a crash").unwrap();
    let journal = LocalJournal::open(&options(path)).unwrap();
    assert!(!orphan.exists());
    assert!(journal.get("orders", "k").await.unwrap().is_some());
}

/// Whoever has it and whatever is around it: an event that runs wait for, those who hear it, a step's output, a value.
#[tokio::test]
async fn a_payload_is_one_file_as_long_as_anybody_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let journal = LocalJournal::open(&options(path)).unwrap();
    let payload = "x".repeat(100_000);
    let of = |at_ms| with_body(at_ms, &payload);
    journal.accept(vec![of(NOW), of(NOW + 1), acceptance(NOW + 2)]).await.unwrap();
    journal.accept(vec![of(NOW + 3)]).await.unwrap();
    let event = of(NOW).accepted.event;
    let publication = Publication {
        id: run_id(NOW),
        name: "paid".into(),
        key: "7".into(),
        at_ms: NOW,
        event,
        keep_until_ms: NOW + 100,
        dedupe: None,
    };
    journal.publish(publication).await.unwrap();
    for claim in claim_of(&journal, NOW + 9, 9).await {
        let output = succeeded("echo", Body::Text(payload.clone()));
        let mut change = transition(&claim.state, vec![output, done()]);
        change.writes = vec![put("k", payload.as_bytes(), Condition::Always)];
        journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
    }
    assert_eq!(large_files(path).len(), 1);
    assert_eq!(journal.check().await.unwrap(), Vec::<String>::new());
    // Runs go, then the value, then the event: the last of them takes the file along.
    assert_eq!(journal.prune(NOW + 9, &Retention::since(u64::MAX), 9).await.unwrap(), 4);
    assert_eq!(large_files(path).len(), 1);
    for (round, expected) in [(0, 1), (1, 0), (2, 1)] {
        if round == 1 {
            let gone = journal.prune(NOW + 100, &Retention::since(u64::MAX), 9).await.unwrap();
            assert_eq!(gone, 2, "the event and the run before");
        } else {
            let accepted = if round == 0 { acceptance(NOW + 4) } else { of(NOW + 5) };
            journal.accept(vec![accepted]).await.unwrap();
            let claim = claim_of(&journal, NOW + 9, 9).await.pop().unwrap();
            let mut change = transition(&claim.state, vec![done()]);
            change.writes = vec![put("k", b"small", Condition::Always)];
            journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
        }
        assert_eq!(large_files(path).len(), expected, "in round {round}");
        assert_eq!(journal.check().await.unwrap(), Vec::<String>::new());
    }
    drop(journal);
    let journal = LocalJournal::open(&options(path)).unwrap();
    let page = journal.query(&Filter::default(), None, 9).await.unwrap();
    let (_, entries) = journal.read(page.runs[0].run).await.unwrap();
    let What::Accepted(accepted) = &entries[0].what else { panic!("not accepted") };
    assert_eq!(accepted.event.document.body, Body::Text(payload));
}

#[tokio::test]
async fn a_damaged_large_value_is_noticed_and_stops_no_other_run() {
    let folder = tempfile::tempdir().unwrap();
    let journal = LocalJournal::open(&options(folder.path())).unwrap();
    let (damaged, whole) = (with_body(NOW, &"x".repeat(70_000)), acceptance(NOW + 1));
    let (damaged_run, whole_run) = (damaged.accepted.run, whole.accepted.run);
    journal.accept(vec![damaged, whole]).await.unwrap();
    let file = large_files(folder.path()).pop().unwrap();
    let mut content = fs::read(&file).unwrap();
    content[40_000] ^= 1;
    fs::write(&file, content).unwrap();
    // What was just accepted is at hand.
    drop(journal);
    let journal = LocalJournal::open(&options(folder.path())).unwrap();
    assert!(matches!(journal.read(damaged_run).await, Err(JournalError::Damaged { .. })));
    let claims = claim_of(&journal, NOW + 1, 10).await;
    assert_eq!(claims.iter().map(|claim| claim.state.run).collect::<Vec<_>>(), [whole_run]);
    fs::remove_file(&file).unwrap();
    assert!(matches!(journal.read(damaged_run).await, Err(JournalError::Damaged { .. })));
}

#[tokio::test]
async fn a_journal_of_another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(LocalJournal::open(&options(folder.path())).unwrap());
    let db = sled::Config::new().path(folder.path()).segment_size(4 << 20).open().unwrap();
    db.insert("m/format", &[9]).unwrap();
    drop(db);
    let Err(error) = LocalJournal::open(&options(folder.path())) else { panic!("opened") };
    assert!(matches!(&error, OpenError::Format { found, .. } if found == "09"), "{error}");
}
