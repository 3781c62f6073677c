//! A dispatcher by itself, with a journal in memory, scripted attempts and paused time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use stepmill_core::approval::Links;
use stepmill_core::document::Document;
use stepmill_core::entropy::Seeded;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Filter, JournalError, Publication, Published};
use stepmill_core::limits::Limits;
use stepmill_core::manifest::{Kind, Manifest};
use stepmill_core::run::{Entry, State, What};
use stepmill_core::secret::Secret;
use stepmill_core::workflow::{Environment, Names, Plan, PluginInfo};
use stepmill_core::{Clock, Entropy, Journal as _, RunId};
use stepmill_test_support::clock::TokioClock;
use stepmill_test_support::invoke::Scripted;
use stepmill_test_support::journal::Twisted;
use stepmill_test_support::trace::Trace;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Deployed, Live};
use crate::dispatcher::Dispatcher;
use crate::gates::Gates;
use crate::ingress::Senders;

/// How long runs in flight may take in a drain.
pub(super) const DRAIN: Duration = Duration::from_secs(30);
/// Longest wait for what a test expects, in paused time: a bound on failure, longer than all retries.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// One workflow `orders`, on the plugins `check` (validate), `shape` (transform) and `call` (connector).
pub(super) struct Rig {
    pub(super) journal: Arc<Twisted>,
    pub(super) sandbox: Arc<Scripted>,
    pub(super) trace: Trace,
    pub(super) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    catalog: Arc<Catalog>,
    workflow: &'static str,
    concurrency: usize,
    wake: Arc<Notify>,
    accepted: AtomicU8,
}

/// A dispatcher at work.
pub(super) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Rig {
    /// The workflow has these steps; `concurrency` runs are worked on at once.
    pub(super) fn new(concurrency: usize, steps: Value) -> Self {
        Self::of(concurrency, json!({ "steps": steps }))
    }

    /// The workflow is defined so, besides its name.
    pub(super) fn of(concurrency: usize, mut definition: Value) -> Self {
        definition["name"] = json!("orders");
        Self::with(concurrency, catalog(vec![plan(definition)]), "orders")
    }

    /// Events are for this workflow of the catalog.
    pub(super) fn with(concurrency: usize, catalog: Catalog, workflow: &'static str) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let trace = Trace::default();
        Self {
            journal: Arc::new(Twisted::new(Arc::clone(&clock), trace.clone())),
            sandbox: Arc::new(Scripted::new(Arc::clone(&clock), trace.clone())),
            trace,
            clock,
            entropy: Arc::new(Seeded::new(7)),
            catalog: Arc::new(catalog),
            workflow,
            concurrency,
            wake: Arc::default(),
            accepted: AtomicU8::new(0),
        }
    }

    /// Starts a dispatcher.
    pub(super) fn start(&self) -> Running {
        self.start_with(Arc::clone(&self.catalog))
    }

    /// Starts a dispatcher that knows no workflow.
    pub(super) fn start_without_workflow(&self) -> Running {
        self.start_with(Arc::new(catalog(Vec::new())))
    }

    fn start_with(&self, catalog: Arc<Catalog>) -> Running {
        let dispatcher = Dispatcher {
            live: Live::new(catalog),
            journal: Arc::clone(&self.journal) as _,
            sandbox: Arc::clone(&self.sandbox) as _,
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            answers: Arc::default(),
            gates: Gates::new(
                &self.catalog.gates,
                Arc::clone(&self.clock),
                Arc::clone(&self.entropy),
                Arc::clone(&self.wake),
            ),
            wake: Arc::clone(&self.wake),
            concurrency: self.concurrency,
            drain: DRAIN,
        };
        let stop = CancellationToken::new();
        Running { task: tokio::spawn(dispatcher.run(stop.clone())), stop }
    }

    /// Accepts an event with this payload.
    pub(super) async fn accept(&self, body: Value) -> RunId {
        let at_ms = self.clock.now_ms();
        let mut random = [0; 10];
        random[9] = self.accepted.fetch_add(1, Ordering::Relaxed);
        let event = Event {
            trigger: Trigger::Manual,
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            document: Document::json(&body),
            raw: None,
        };
        let run = RunId::new(at_ms, random);
        let acceptance = self.catalog.plans[self.workflow].plan.accept(run, at_ms, event, None).unwrap();
        self.journal.accept(vec![acceptance]).await.unwrap();
        self.wake.notify_one();
        run
    }

    /// Waits until a run's state is as wanted.
    pub(super) async fn until(&self, run: RunId, wanted: impl Fn(&State) -> bool) -> (State, Vec<Entry>) {
        let found = tokio::time::timeout(PATIENCE, self.journal.until(run, wanted)).await;
        found.unwrap_or_else(|_| panic!("waited in vain for {run}: {:#?}", self.trace.lines()))
    }

    /// Publishes a shipment with this key. Answers the runs that it wakes.
    pub(super) async fn publish(&self, key: &str, body: Value) -> Vec<RunId> {
        let at_ms = self.clock.now_ms();
        let event = Event {
            trigger: Trigger::Event { name: "shipment".into() },
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            document: Document::json(&body),
            raw: None,
        };
        let publication = Publication {
            id: RunId::new(at_ms, [1; 10]),
            name: "shipment".into(),
            key: key.into(),
            at_ms,
            event,
            keep_until_ms: at_ms + 60_000,
            dedupe: None,
        };
        let published = self.journal.publish(publication).await.unwrap();
        self.wake.notify_one();
        match published {
            Published::New(woken) => woken,
            Published::Duplicate(_) => panic!("it has no dedupe key"),
        }
    }

    /// Adds an entry to a run, as a person would.
    pub(super) async fn append(&self, run: RunId, what: What) {
        self.try_append(run, what).await.unwrap();
    }

    /// The same, where it may be refused.
    pub(super) async fn try_append(&self, run: RunId, what: What) -> Result<State, JournalError> {
        let state = self.journal.append(run, Entry::new(self.clock.now_ms(), what)).await;
        self.wake.notify_one();
        state
    }

    /// All runs.
    pub(super) async fn all(&self) -> Vec<State> {
        self.journal.query(&Filter::default(), None, 10_000).await.unwrap().runs
    }

    /// The dead letters.
    pub(super) async fn dead(&self) -> Vec<State> {
        self.all().await.into_iter().filter(|state| state.phase.is_dead()).collect()
    }

    /// Waits until a run has ended that may take months.
    pub(super) async fn ended_late(&self, run: RunId) -> (State, Vec<Entry>) {
        self.journal.until(run, |state| !state.phase.is_open()).await
    }

    /// Waits until a run has ended.
    pub(super) async fn ended(&self, run: RunId) -> (State, Vec<Entry>) {
        self.until(run, |state| !state.phase.is_open()).await
    }

    /// Waits until `count` attempts have begun.
    pub(super) async fn begun(&self, count: usize) {
        let begun = tokio::time::timeout(PATIENCE, self.sandbox.begun(count)).await;
        begun.unwrap_or_else(|_| panic!("{count} attempts do not begin: {:#?}", self.trace.lines()));
    }

    /// When the attempts of a step began.
    pub(super) fn times(&self, step: &str) -> Vec<u64> {
        self.sandbox.asked_of(step).iter().map(|asked| asked.at_ms).collect()
    }
}

impl Running {
    /// Begins a drain.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the dispatcher has ended by itself.
    pub(super) async fn ended(self) {
        self.task.await.unwrap();
    }

    /// Drains.
    pub(super) async fn drained(self) {
        self.stop();
        self.ended().await;
    }

    /// Ends it as a kill of the process would.
    pub(super) async fn killed(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// The output that a step has committed.
pub(super) fn committed(entries: &[Entry], step: &str) -> Value {
    let mut outputs = entries.iter().filter_map(|entry| match &entry.what {
        What::StepSucceeded { output, record } if record.step == step => Some(output.to_json().unwrap()),
        _ => None,
    });
    let output = outputs.next().unwrap_or_else(|| panic!("{step} is not committed: {entries:#?}"));
    assert_eq!(outputs.next(), None, "{step} is committed twice");
    output
}

pub(super) fn plan(definition: Value) -> Plan {
    let environment = Environment {
        plugins: &[("check", Kind::Validate), ("shape", Kind::Transform), ("call", Kind::Connector)]
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), plugin(name, kind)))
            .collect(),
        unused_plugins: Names::Any,
        systems: Names::Of(&BTreeSet::new()),
        events: Names::Of(&BTreeSet::from(["shipment".into()])),
        workflows: Names::Of(&BTreeSet::from(["orders".into(), "parcel".into()])),
        has_links: true,
        limits: Limits::default(),
        read_file: &|path| Err(format!("there is no file {path}")),
    };
    Plan::try_new(serde_json::from_value(definition).unwrap(), &environment).unwrap()
}

pub(super) fn plugin(name: &str, kind: Kind) -> PluginInfo {
    let manifest = Manifest {
        name: name.into(),
        version: "1.0.0".into(),
        summary: "scripted".into(),
        kind,
        config_schema: json!({ "type": "object" }),
        input_schema: None,
        output_schema: None,
    };
    PluginInfo { manifest: Arc::new(manifest), digest: format!("digest-of-{name}").into() }
}

/// Links as a service would have them.
fn links() -> Links {
    let secret = Secret::new(*b"a secret of the dispatcher's tests");
    Links::try_new("https://flows.example.com", secret, None).unwrap()
}

pub(super) fn catalog(plans: Vec<Plan>) -> Catalog {
    let deployed = |plan: Plan| {
        let name = plan.name.to_string();
        (
            name,
            Arc::new(Deployed {
                plan: Arc::new(plan),
                verifier: None,
                senders: Senders::default(),
                file: PathBuf::new(),
            }),
        )
    };
    Catalog {
        plans: plans.into_iter().map(deployed).collect(),
        events: BTreeMap::new(),
        gates: BTreeMap::new(),
        by_path: HashMap::new(),
        plugins: BTreeMap::new(),
        links: Some(Arc::new(links())),
        ..Catalog::default()
    }
}
