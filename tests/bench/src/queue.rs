//! A million queued runs: what they take in memory, how long a start on them lasts, and whether working them off
//! is as quick at the end as at the start.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::json;
use stepmill_core::attempt::Record;
use stepmill_core::clock::SystemClock;
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::invoke::{Attempt, Report};
use stepmill_core::limits::Limits;
use stepmill_core::manifest::{Kind, Manifest};
use stepmill_core::workflow::{Environment, Names, Plan, PluginInfo};
use stepmill_core::{Clock, Entropy as _, Invoke, Journal, RunId};
use stepmill_journal::{LocalJournal, Options};
use stepmill_server::answers::Answers;
use stepmill_server::catalog::{Catalog, Deployed, Live};
use stepmill_server::dispatcher::Dispatcher;
use stepmill_server::entropy::SystemEntropy;
use stepmill_server::gates::Gates;
use stepmill_server::ingress::Senders;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Pace;
use crate::payload::{KIB, order};
use crate::table::{Table, figure};
use crate::usage::Usage;

/// Tasks that accept events.
const SENDERS: u64 = 64;
/// Events of one acceptance.
const BATCH: u64 = 64;
/// Runs in flight.
const IN_FLIGHT: usize = 256;

/// Steps that answer at once, so that what is measured is the engine.
struct AtOnce;

#[async_trait]
impl Invoke for AtOnce {
    async fn invoke(&self, attempt: Attempt) -> Report {
        let record = Record {
            step: attempt.step.to_string(),
            number: attempt.number,
            plugin: attempt.plugin.to_string(),
            digest: attempt.digest.to_string(),
            started_ms: 0,
            took_us: 0,
            memory_bytes: 0,
            failure: None,
            exchanges: Vec::new(),
            logs: Vec::new(),
        };
        Report { outcome: Ok(attempt.input), record, writes: Vec::new() }
    }
}

/// Prints the table.
pub(crate) fn bench(pace: Pace, scratch: &Path) {
    let runs: u64 = if pace.quick { 50_000 } else { 1_000_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let figures = runtime.block_on(measure(runs, &scratch.join("queue")));
    let mut table = Table::new(["of a queue of", "measured", "aim"]);
    let runs = runs.to_string();
    let mut row = |what: &str, measured: String, aim: &str| {
        table.row([format!("{runs} runs: {what}"), measured, aim.to_owned()]);
    };
    row("accepted/s, durable", figure(figures.accepted), "-");
    row("resident MiB once queued", figure(figures.queued_mib), "-");
    row("s until a start on them is ready", figure(figures.ready_s), "at most 10");
    let Some((first, last)) = figures.tenths.first().zip(figures.tenths.last()) else { return };
    let tenths: Vec<String> = figures.tenths.iter().map(|rate| figure(*rate)).collect();
    row("runs/s, of each tenth", tenths.join(" "), "-");
    row("the last tenth against the first", figure(last / first), "at least 0.8");
    row("resident MiB at most", figure(figures.most_mib), "at most 1024");
    row("journal MiB on disk in the end", figure(figures.disk_mib), "-");
    table.print("Queue: runs of one step that answers at once");
}

struct Figures {
    accepted: f64,
    queued_mib: f64,
    ready_s: f64,
    /// Runs a second of each tenth.
    tenths: Vec<f64>,
    most_mib: f64,
    disk_mib: f64,
}

async fn measure(runs: u64, folder: &Path) -> Figures {
    let options = Options::new(folder.to_owned());
    let plan = Arc::new(plan());
    let journal = Arc::new(LocalJournal::open(&options).unwrap());
    let begun = Instant::now();
    fill(&journal, &plan, runs).await;
    let accepted = runs as f64 / begun.elapsed().as_secs_f64();
    let queued_mib = Usage::of(std::process::id()).resident_mib;
    drop(journal);
    let begun = Instant::now();
    let journal: Arc<dyn Journal> = Arc::new(LocalJournal::open(&options).unwrap());
    let ready_s = begun.elapsed().as_secs_f64();
    assert_eq!(journal.backlog().unfinished, runs);
    let tenths = work_off(&journal, plan, runs).await;
    let disk_mib = journal.backlog().bytes as f64 / 1_048_576.0;
    let most_mib = Usage::of(std::process::id()).peak_mib;
    Figures { accepted, queued_mib, ready_s, tenths, most_mib, disk_mib }
}

async fn fill(journal: &Arc<LocalJournal>, plan: &Arc<Plan>, runs: u64) {
    let body = order(1, KIB);
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (journal, plan, body) = (Arc::clone(journal), Arc::clone(plan), body.clone());
        let of = runs / SENDERS + u64::from(sender < runs % SENDERS);
        senders.spawn(async move {
            let mut left = of;
            while left > 0 {
                let at_ms = SystemClock.now_ms();
                let batch = (0..left.min(BATCH)).map(|_| {
                    let event = Event {
                        trigger: Trigger::Manual,
                        headers: BTreeMap::new(),
                        query: BTreeMap::new(),
                        document: Document::from_bytes("application/json", body.as_bytes().to_vec()),
                        raw: None,
                    };
                    plan.accept(RunId::new(at_ms, SystemEntropy.id()), at_ms, event, None).unwrap()
                });
                journal.accept(batch.collect()).await.unwrap();
                left = left.saturating_sub(BATCH);
            }
        });
    }
    senders.join_all().await;
}

/// Works all off; runs a second of each tenth.
async fn work_off(journal: &Arc<dyn Journal>, plan: Arc<Plan>, runs: u64) -> Vec<f64> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (wake, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let deployed = Deployed { plan, verifier: None, senders: Senders::default(), file: PathBuf::new() };
    let catalog = Catalog {
        plans: BTreeMap::from([("queued".to_owned(), Arc::new(deployed))]),
        events: BTreeMap::new(),
        gates: BTreeMap::new(),
        by_path: HashMap::new(),
        plugins: BTreeMap::new(),
        ..Catalog::default()
    };
    let entropy = Arc::new(SystemEntropy);
    let dispatcher = Dispatcher {
        live: Live::new(catalog),
        journal: Arc::clone(journal),
        sandbox: Arc::new(AtOnce),
        clock: Arc::clone(&clock),
        answers: Arc::new(Answers::default()),
        gates: Gates::new(&BTreeMap::new(), clock, Arc::clone(&entropy) as _, Arc::clone(&wake)),
        entropy,
        wake,
        concurrency: IN_FLIGHT,
        drain: Duration::from_secs(30),
    };
    let running = tokio::spawn(dispatcher.run(stop.clone()));
    let mut tenths = Vec::new();
    for left in (0..10).rev().map(|tenth| runs * tenth / 10) {
        let (begun, before) = (Instant::now(), journal.backlog().unfinished);
        while journal.backlog().unfinished > left {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let done = before - journal.backlog().unfinished;
        tenths.push(done as f64 / begun.elapsed().as_secs_f64());
    }
    stop.cancel();
    running.await.unwrap();
    tenths
}

fn plan() -> Plan {
    let manifest = Manifest {
        name: "shape".into(),
        version: "1.0.0".into(),
        summary: "answers at once".into(),
        kind: Kind::Transform,
        config_schema: json!({ "type": "object" }),
        input_schema: None,
        output_schema: None,
    };
    let plugin = PluginInfo { manifest: Arc::new(manifest), digest: "digest".into() };
    let environment = Environment {
        plugins: &BTreeMap::from([("shape".to_owned(), plugin)]),
        unused_plugins: Names::Any,
        systems: Names::Of(&BTreeSet::new()),
        events: Names::Of(&BTreeSet::new()),
        workflows: Names::Of(&BTreeSet::new()),
        has_links: false,
        limits: Limits::default(),
        read_file: &|path| Err(format!("there is no file {path}")),
    };
    let definition = json!({ "name": "queued", "steps": [{ "id": "shape", "use": "shape" }] });
    Plan::try_new(serde_json::from_value(definition).unwrap(), &environment).unwrap()
}
