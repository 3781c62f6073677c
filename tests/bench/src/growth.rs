//! A million runs that are accepted, end and are pruned: how large the journal gets when it holds a bounded number.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepmill_core::clock::{Clock as _, SystemClock};
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Acceptance, Dedupe, Kept, Retention, Transition, Want};
use stepmill_core::run::{Accepted, Entry, Queue, What};
use stepmill_core::{Journal, RunId};
use stepmill_journal::{LocalJournal, Options};
use tokio::task::JoinSet;

use crate::Pace;
use crate::payload::{KIB, order};
use crate::table::{Table, figure};
use crate::usage::Usage;

/// Tasks that accept events and end runs.
const TASKS: u64 = 16;
/// Events of one acceptance.
const BATCH: usize = 16;
/// Pause between two looks for what can be pruned.
const PRUNE_EVERY: Duration = Duration::from_millis(250);
/// Name of the workflow.
const WORKFLOW: &str = "growing";

/// Prints the table: a row for each tenth.
pub(crate) fn bench(pace: Pace, scratch: &Path) {
    let (runs, kept): (u64, u64) = if pace.quick { (50_000, 5_000) } else { (1_000_000, 100_000) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut table = Table::new(["runs so far", "runs/s", "journal MiB", "resident MiB"]);
    runtime.block_on(measure(runs, kept, &scratch.join("growth"), |cells| table.row(cells)));
    table.print(&format!("Growth: runs with a payload of 1 KiB, of which the last {kept} are kept"));
}

async fn measure(runs: u64, kept: u64, folder: &Path, mut row: impl FnMut([String; 4])) {
    let journal = Arc::new(LocalJournal::open(&Options::new(folder.to_owned())).unwrap());
    let ended = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for number in 0..TASKS {
        tasks.spawn(work(Arc::clone(&journal), Arc::clone(&ended), number, runs));
    }
    let pruning = tokio::spawn(prune(Arc::clone(&journal), kept));
    let mut cells = |so_far: u64, since: Instant, count: u64, journal: &LocalJournal| {
        row([
            so_far.to_string(),
            figure(count as f64 / since.elapsed().as_secs_f64()),
            figure(journal.backlog().bytes as f64 / 1_048_576.0),
            figure(Usage::of(std::process::id()).resident_mib),
        ]);
    };
    let tenth = runs / 10;
    for part in 1..=10 {
        let since = Instant::now();
        while ended.load(Ordering::Relaxed) < part * tenth {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cells(part * tenth, since, tenth, &journal);
    }
    tasks.join_all().await;
    pruning.abort();
    drop(pruning.await);
    drop(journal);
    // What a start finds.
    let since = Instant::now();
    let journal = LocalJournal::open(&Options::new(folder.to_owned())).unwrap();
    cells(runs, since, 0, &journal);
}

async fn work(journal: Arc<LocalJournal>, ended: Arc<AtomicU64>, number: u64, runs: u64) {
    let body = order(1, KIB);
    let mut next = number << 32;
    while ended.load(Ordering::Relaxed) < runs {
        let at_ms = SystemClock.now_ms();
        let batch: Vec<_> = (0..BATCH)
            .map(|_| {
                next += 1;
                acceptance(at_ms, next, &body)
            })
            .collect();
        journal.accept(batch).await.unwrap();
        let want = Want { queue: Queue::Workflow(WORKFLOW.into()), most: BATCH };
        let claims = journal.claim(u64::MAX, &[want]).await.unwrap();
        let mut commits = JoinSet::new();
        for claim in claims {
            let journal = Arc::clone(&journal);
            let end = Entry::new(SystemClock.now_ms(), What::Succeeded { output: None });
            let change = Transition { seen: claim.state.seq, entries: vec![end], ..Transition::default() };
            commits.spawn(async move {
                journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
            });
        }
        let count = commits.join_all().await.len();
        ended.fetch_add(count as u64, Ordering::Relaxed);
    }
}

async fn prune(journal: Arc<LocalJournal>, kept: u64) {
    let kept = Kept { runs: Some(kept), ..Kept::default() };
    let retention = Retention { of: BTreeMap::from([(WORKFLOW.to_owned(), kept)]), ..Retention::default() };
    loop {
        while journal.prune(SystemClock.now_ms(), &retention, 1_000).await.unwrap() == 1_000 {}
        tokio::time::sleep(PRUNE_EVERY).await;
    }
}

fn acceptance(at_ms: u64, number: u64, body: &str) -> Acceptance {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.wrapping_mul(64).to_be_bytes());
    let event = Event {
        trigger: Trigger::Manual,
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        document: Document::from_bytes("application/json", body.as_bytes().to_vec()),
        raw: None,
    };
    let accepted = Accepted {
        run: RunId::new(at_ms, random),
        workflow: WORKFLOW.into(),
        version: "v1".into(),
        event,
        timeout_ms: None,
        parent: None,
        key: None,
        lane: None,
        gather: None,
        is_held: false,
    };
    // Claims outlive the runs here, as they do where a workflow keeps few.
    let expires_ms = at_ms + 5_000;
    let dedupe = Some(Dedupe { scope: WORKFLOW.into(), key: number.to_string(), expires_ms });
    Acceptance { accepted, at_ms, dedupe, fire: None }
}
