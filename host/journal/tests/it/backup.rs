//! Backups of a journal that is written meanwhile.

use std::io::{self, Cursor, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use stepmill_core::RunId;
use stepmill_core::clock::ManualClock;
use stepmill_core::journal::{Acceptance, Filter, Journal as _, Want};
use stepmill_core::run::{Phase, Queue};
use stepmill_core::storage::{PluginStorage as _, StorageOp, StoredValue};
use stepmill_journal::{LocalJournal, Options, TransferError, verify};

use crate::fixtures::{NOW, acceptance, done, keyed, storage, transition, with_body};
use crate::turn;

/// Runs that are there before: more than one page of keys, and they change while it is read.
const BEFORE: usize = 700;

/// Ends one run; in the same commit a counter counts it. None if none is ready.
async fn end_one(journal: &LocalJournal) -> Option<RunId> {
    let want = Want { queue: Queue::Workflow("orders".into()), most: 1 };
    let claim = journal.claim(NOW, &[want]).await.unwrap().pop()?;
    let mut change = transition(&claim.state, vec![done()]);
    change.writes = vec![storage("ended", StorageOp::Add(1))];
    journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
    Some(claim.state.run)
}

/// Goes on only while the journal does: each of the first writes waits until so many runs more have ended.
struct Slow {
    ended: Arc<AtomicU64>,
    writes: u32,
    written: Vec<u8>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.writes < 20 {
            self.writes += 1;
            let until = self.ended.load(Ordering::SeqCst) + 5;
            while self.ended.load(Ordering::SeqCst) < until {
                std::thread::yield_now();
            }
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_the_journal_at_one_moment_and_holds_no_commit_up() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let options = Options { clock: clock.clone(), log_bytes: 64 << 10, ..Options::new(folder.path()) };
    let journal = Arc::new(LocalJournal::open(&options).unwrap());
    let large = "x".repeat(60_000);
    let of = |number: usize| -> Acceptance {
        match number % 50 {
            0 => with_body(NOW, &large),
            _ => keyed(NOW, &number.to_string(), NOW + 1_000),
        }
    };
    let before: Vec<Acceptance> = (0..BEFORE).map(of).collect();
    journal.accept(before.clone()).await.unwrap();
    let (ended, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let workers = (0..4).map(|_| {
        let (journal, ended, is_over) = (journal.clone(), ended.clone(), is_over.clone());
        tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                journal.accept(vec![acceptance(NOW)]).await.unwrap();
                if end_one(&journal).await.is_some() {
                    ended.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    let writer = Slow { ended: ended.clone(), writes: 0, written: Vec::new() };
    let (Slow { written, .. }, transferred) = journal.back_up(writer).await.unwrap();
    is_over.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(verify(Cursor::new(&written)).unwrap(), transferred);
    let restored = LocalJournal::memory(clock).unwrap();
    restored.import(Cursor::new(written)).await.unwrap();
    assert_eq!(restored.check().await.unwrap(), Vec::<String>::new());
    let states = restored.query(&Filter::default(), None, usize::MAX).await.unwrap().runs;
    let counted = restored.get("orders", "ended").await.unwrap().unwrap().value;
    let succeeded = states.iter().filter(|state| state.phase == Phase::Succeeded).count();
    assert_eq!(counted, StoredValue::Counter(succeeded as i64), "a run and its writes are of one moment");
    assert!(succeeded >= 100, "the backup ended before the runs: {succeeded}");
    for Acceptance { accepted, .. } in before {
        assert!(states.iter().any(|state| state.run == accepted.run), "{} is missing", accepted.run);
    }
    // What is not in it came after it: all that is unfinished in it can go on.
    let mut rest = 0;
    while end_one(&restored).await.is_some() {
        rest += 1;
    }
    assert_eq!(rest + succeeded, states.len());
}

#[tokio::test]
async fn one_backup_is_taken_at_a_time_and_one_that_breaks_off_is_over() {
    let journal = Arc::new(LocalJournal::memory(Arc::new(ManualClock::new(NOW))).unwrap());
    let (writer, mut turns) = turn::pair();
    let first = tokio::spawn({
        let journal = journal.clone();
        async move { journal.back_up(writer).await.map(drop) }
    });
    assert!(turns.begin().await);
    assert!(matches!(journal.back_up(Vec::new()).await, Err(TransferError::UnderWay)));
    drop(turns);
    assert!(matches!(first.await.unwrap(), Err(TransferError::Write(_))));
    journal.back_up(Vec::new()).await.unwrap();
}
