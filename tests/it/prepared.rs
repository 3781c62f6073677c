//! Prepared steps: an attempt that begins with the memory after `prepare` answers what one without answers,
//! and is as fresh.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::attempt::{Cause, Failure, LogLine};
use stepmill_core::clock::SystemClock;
use stepmill_core::document::{Body, Document};
use stepmill_core::grant::Grant;
use stepmill_core::invoke::{Attempt, Report};
use stepmill_core::limits::Limits;
use stepmill_core::{Invoke as _, RunId};
use stepmill_journal::LocalJournal;
use stepmill_sandbox::egress::Egress;
use stepmill_sandbox::{Options, Preparation, Sandbox, SnapshotError};
use stepmill_server::stock;
use stepmill_test_support::guests;
use tokio_util::sync::CancellationToken;

fn sandbox(options: Options) -> Arc<Sandbox> {
    let clock = Arc::new(SystemClock);
    let storage = Arc::new(LocalJournal::memory(clock.clone()).unwrap());
    Sandbox::try_new(options, Egress::try_new(Vec::new()).unwrap(), storage, clock).unwrap()
}

/// What is compiled is kept from test to test, and from run to run of the tests.
fn pooled() -> Arc<Sandbox> {
    sandbox(Options { max_concurrent: 4, cache_dir: Some(guests::compiled()), ..Options::default() })
}

fn component(name: &str) -> Vec<u8> {
    match stock::find(name) {
        Some(stock) => stock.component.to_vec(),
        None => guests::bytes(name),
    }
}

/// A plugin with a config.
struct Step {
    sandbox: Arc<Sandbox>,
    digest: Arc<str>,
    config: Arc<str>,
}

impl Step {
    async fn load(sandbox: &Arc<Sandbox>, name: &str, config: Value) -> Self {
        let loaded = sandbox.load(&component(name)).await.unwrap();
        Self { sandbox: Arc::clone(sandbox), digest: loaded.digest.into(), config: config.to_string().into() }
    }

    async fn prepare(&self) -> Result<usize, SnapshotError> {
        self.sandbox.prepare(&self.digest, &self.config, &CancellationToken::new()).await
    }

    async fn report(&self, run: u8, input: Value, limits: Limits) -> Report {
        let attempt = Attempt {
            digest: Arc::clone(&self.digest),
            plugin: "prepared".into(),
            workflow: "orders".into(),
            run: RunId::new(1_700_000_000_000, [run; 10]),
            step: "step".into(),
            number: 1,
            idempotency_key: "run:step".into(),
            accepted_at_ms: 1_700_000_000_000 + u64::from(run),
            input: Arc::new(Document::from_bytes("application/json", input.to_string().into_bytes())),
            // As the text of a plan that was loaded again: equal, and not the same.
            config: self.config.to_string().into(),
            limits,
            grant: Arc::new(Grant::default()),
        };
        self.sandbox.invoke(attempt).await
    }

    /// What an attempt comes to for whoever reads it.
    async fn run(&self, run: u8, input: Value) -> (Result<Arc<Document>, Failure>, Vec<LogLine>) {
        let report = self.report(run, input, Limits::default()).await;
        (report.outcome, report.record.logs)
    }
}

fn json_of(report: &Report) -> Value {
    match &report.outcome.as_ref().unwrap().body {
        Body::Text(text) => serde_json::from_str(text).unwrap(),
        Body::Binary(_) => panic!("JSON is text"),
    }
}

/// Words of which a hash map makes an order of its own.
fn words() -> Value {
    (0..40).map(|number| format!("word {number}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_answers_the_same_with_and_without_a_snapshot() {
    let sandbox = pooled();
    let schema = json!({
        "type": "object",
        "required": ["id", "lines"],
        "properties": {
            "id": { "type": "string", "pattern": "^[A-Z]+$" },
            "email": { "format": "email" },
            "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
        },
        "$defs": { "line": { "required": ["sku"], "properties": { "sku": { "type": "string", "maxLength": 5 } } } },
    });
    let program = "{id, skus: [.lines[]? | .sku | ascii_downcase], seen: (.id | debug | test(\"^A\")), \
                   all: (to_entries | map(.key))}";
    for (name, config) in [
        ("json-schema", json!({ "schema": schema })),
        ("map", json!({ "jq": program })),
        (
            "rest",
            json!({ "method": "POST", "path": "https://example.com/orders", "query": { "a": [1, "b"] } }),
        ),
        ("prepared", json!({ "words": words() })),
    ] {
        let step = Step::load(&sandbox, name, config).await;
        let inputs = [
            json!({ "id": "ABC", "email": "a@example.com", "lines": [{ "sku": "X-1" }] }),
            json!({ "id": "a", "email": "nobody", "lines": [{ "sku": "longer than that" }, {}] }),
            json!("text"),
        ];
        let mut plain = Vec::new();
        for (run, input) in (0..).zip(&inputs) {
            plain.push(step.run(run, input.clone()).await);
        }
        assert_eq!(sandbox.try_config(&step.digest, &step.config).await, Preparation::Ready, "{name}");
        assert!(step.prepare().await.unwrap() > 0, "{name}");
        for _ in 0..2 {
            for ((run, input), plain) in (0..).zip(&inputs).zip(&plain) {
                assert_eq!(&step.run(run, input.clone()).await, plain, "{name} on {input}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attempt_begins_after_prepare_and_sees_nothing_of_another() {
    let sandbox = pooled();
    // So much work that an attempt may not do it, also where the tick that tells its time comes late.
    let config = json!({ "words": words(), "turns": 1_200_000_000, "mebibytes": 9 });
    let step = Step::load(&sandbox, "prepared", config).await;
    let hurried = Limits { cpu_ms: 60, ..Limits::default() };
    let plain = step.report(1, json!("first"), hurried).await;
    assert_eq!(plain.outcome.unwrap_err().cause, Cause::CpuDeadline);
    step.prepare().await.unwrap();
    let mut answers = Vec::new();
    for run in [1, 1, 2] {
        let report = step.report(run, json!("again"), hurried).await;
        let lines: Vec<_> = report.record.logs.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(lines, ["run with again"]);
        assert!(report.record.memory_bytes > 9 << 20, "{}", report.record.memory_bytes);
        answers.push(json_of(&report));
    }
    assert_eq!(answers[0], answers[1]);
    for answer in &answers {
        assert_eq!(
            (&answer["prepared"], &answer["run"], &answer["sum"]),
            (&json!(1), &json!(0), &json!(9 << 20))
        );
    }
    // Randomness and time are the run's, the order of hash maps is the config's.
    assert_ne!(answers[0]["random"], answers[2]["random"]);
    assert_ne!(answers[0]["now_ms"], answers[2]["now_ms"]);
    assert_eq!(answers[0]["order"], answers[2]["order"]);
    assert_eq!(answers[0]["other_order"], answers[2]["other_order"]);

    // The memory that `prepare` has left counts as an attempt's own.
    let narrow = Limits { memory_bytes: 9 << 20, ..hurried };
    let report = step.report(1, json!("narrow"), narrow).await;
    assert_eq!(report.outcome.unwrap_err().cause, Cause::MemoryLimit);

    // A plugin that is loaded anew begins as any.
    assert!(sandbox.unload(&step.digest));
    assert!(matches!(step.prepare().await, Err(SnapshotError::NotLoaded)));
    sandbox.load(&component("prepared")).await.unwrap();
    let again = step.report(1, json!("anew"), hurried).await;
    assert_eq!(again.outcome.unwrap_err().cause, Cause::CpuDeadline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_frozen_is_named_and_attempts_do_without() {
    let sandbox = pooled();
    for (and, why) in [
        ("random", "it draws random numbers, which would be the same in every attempt"),
        ("insecure-random", "it draws random numbers, which would be the same in every attempt"),
        ("clock", "it reads a clock, whose time would be the same in every attempt"),
        ("log", "it logs or prints, and the lines would be missing from every attempt"),
        ("print", "it logs or prints, and the lines would be missing from every attempt"),
        ("handle", "it keeps a handle, such as a stream, which no attempt would have"),
    ] {
        let step = Step::load(&sandbox, "prepared", json!({ "words": words(), "and": and })).await;
        let said = sandbox.try_config(&step.digest, &step.config).await;
        assert_eq!(said, Preparation::Unusable(why.into()), "{and}");
        assert!(matches!(step.prepare().await, Err(SnapshotError::Unusable(said)) if said == why), "{and}");
        let (outcome, _) = step.run(1, json!("input")).await;
        assert!(outcome.is_ok(), "{and}: {outcome:?}");
    }
    for (and, start) in [("panic", "wasm trap: "), ("exit", "the guest called exit(1)")] {
        let step = Step::load(&sandbox, "prepared", json!({ "words": [], "and": and })).await;
        let said = sandbox.try_config(&step.digest, &step.config).await;
        assert!(matches!(&said, Preparation::Unusable(why) if why.contains(start)), "{and}: {said:?}");
    }
    let bomb = Step::load(&sandbox, "prepared", json!({ "words": [], "mebibytes": 1000 })).await;
    let said = sandbox.try_config(&bomb.digest, &bomb.config).await;
    assert!(matches!(&said, Preparation::Unusable(why) if why.contains("memory_bytes")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_config_is_a_value_and_a_plugin_without_prepare_is_as_it_was() {
    let sandbox = pooled();
    for (and, code, message) in
        [("reject", "no-words", "there are no good words"), ("retry", "retry", "the words are late")]
    {
        let step = Step::load(&sandbox, "prepared", json!({ "words": [], "and": and })).await;
        let rejected = Preparation::Rejected { code: code.into(), message: message.into() };
        assert_eq!(sandbox.try_config(&step.digest, &step.config).await, rejected);
        assert!(matches!(step.prepare().await, Err(SnapshotError::Rejected { .. })));
    }
    // In an attempt a wish for another one is just that.
    let late = Step::load(&sandbox, "prepared", json!({ "words": [], "and": "retry" })).await;
    assert_eq!(late.run(1, json!("input")).await.0.unwrap_err().cause, Cause::RetryAsked);

    let plain = Step::load(&sandbox, "plain", json!({ "a": 1 })).await;
    assert_eq!(sandbox.try_config(&plain.digest, &plain.config).await, Preparation::Absent);
    assert!(matches!(plain.prepare().await, Err(SnapshotError::Absent)));
    assert_eq!(json_of(&plain.report(1, json!(7), Limits::default()).await), json!({ "a": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_kept_on_disk_and_a_damaged_one_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let cache_dir = Some(folder.path().join("aot"));
        sandbox(Options { pool: false, max_concurrent: 1, cache_dir, ..Options::default() })
    };
    let config = json!({ "words": words() });
    let first = Step::load(&start(), "prepared", config.clone()).await;
    let plugin = files(folder.path());
    assert_eq!(plugin.len(), 1);
    first.prepare().await.unwrap();
    let expected = first.run(1, json!("input")).await;
    let kept = files(folder.path()).into_iter().find(|file| !plugin.contains(file)).unwrap();
    let changed = || fs::metadata(&kept).unwrap().modified().unwrap();
    let made = changed();

    let second = Step::load(&start(), "prepared", config.clone()).await;
    second.prepare().await.unwrap();
    assert_eq!(changed(), made, "the second start takes it from the folder");
    assert_eq!(second.run(1, json!("input")).await, expected);
    assert!(second.sandbox.is_prepared(&second.digest, &second.config));
    second.sandbox.keep_snapshots(|digest, config| (digest, config) == (&*second.digest, &*second.config));
    assert!(second.sandbox.is_prepared(&second.digest, &second.config));
    second.sandbox.keep_snapshots(|_, _| false);
    assert!(!second.sandbox.is_prepared(&second.digest, &second.config));
    assert_eq!(
        second.run(1, json!("input")).await,
        expected,
        "what was prepared is done in each attempt again"
    );
    // Another config is another snapshot.
    Step::load(&second.sandbox, "prepared", json!({ "words": [] })).await.prepare().await.unwrap();
    assert_eq!(files(folder.path()).len(), 3);

    // What is mapped must not be changed where it is.
    drop((first, second));
    let mut damaged = fs::read(&kept).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&kept, &damaged).unwrap();
    let third = Step::load(&start(), "prepared", config).await;
    third.prepare().await.unwrap();
    assert_ne!(fs::read(&kept).unwrap(), damaged, "it was made again");
    assert_eq!(third.run(1, json!("input")).await, expected);
}

/// What is compiled in a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let engines = fs::read_dir(folder.join("aot")).unwrap();
    engines
        .flat_map(|engine| fs::read_dir(engine.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}
