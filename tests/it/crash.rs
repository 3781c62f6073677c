//! Invariants 1 and 4 under SIGKILL: what got a 2xx reaches its system, and storage counts it once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use stepmill_core::journal::PhaseName;
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use stepmill_test_support::sender::Sender;
use stepmill_test_support::stub::Stub;

const KILLS: u32 = 30;
const SENDERS: u64 = 8;

/// What the senders share: where the service is now, and what it has accepted.
struct Field {
    sender: Mutex<Option<Sender>>,
    next: AtomicU64,
    accepted: Mutex<BTreeSet<u64>>,
    is_over: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_and_storage_counts_once_over_thirty_kills() {
    let stub = Stub::start().await;
    // Lanes of the counter keys: 4 keys are shared by all runs.
    let steps = "  - { id: shape, use: map, with: { jq: '{number: .number, key: (\"lane-\" + (.number % 4 | tostring))}' } }\n\
                 \x20 - id: count\n\
                 \x20   use: counter\n\
                 \x20   system: stub\n\
                 \x20   with: { path: /numbers, key: \"${{ input.key }}\" }\n\
                 \x20   retry: { first: 20ms, max: 100ms, attempts: 50 }";
    let project = Project::new().guests(&["counter"]).system("stub", &stub.url()).workflow("numbers", steps);
    let config = project.write();
    let binary = Path::new(env!("CARGO_BIN_EXE_stepmill"));

    let field = Arc::new(Field {
        sender: Mutex::new(None),
        next: AtomicU64::new(0),
        accepted: Mutex::new(BTreeSet::new()),
        is_over: AtomicBool::new(false),
    });
    let senders: Vec<_> = (0..SENDERS).map(|_| tokio::spawn(send(Arc::clone(&field)))).collect();

    let mut random = Random(0x5DEE_CE66);
    for _ in 0..KILLS {
        let process = Process::start(binary, &config).await;
        *field.sender.lock().unwrap() = Some(process.sender.clone());
        tokio::time::sleep(Duration::from_millis(30 + random.below(170))).await;
        process.kill();
    }
    field.is_over.store(true, Ordering::SeqCst);
    let process = Process::start(binary, &config).await;
    *field.sender.lock().unwrap() = Some(process.sender.clone());
    for sender in senders {
        sender.await.unwrap();
    }
    process.admin.idle().await;

    let reached: BTreeMap<u64, usize> = stub
        .bodies()
        .into_iter()
        .map(|(body, times)| {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            (body["number"].as_u64().unwrap(), times)
        })
        .collect();
    let accepted = field.accepted.lock().unwrap().clone();
    let lost: Vec<_> = accepted.iter().filter(|number| !reached.contains_key(number)).collect();
    let repeated: usize = reached.values().map(|times| times - 1).sum();
    println!("kills {KILLS}, accepted {}, lost {}, repeated {repeated}", accepted.len(), lost.len());
    assert!(accepted.len() > 100, "too few events to prove anything: {}", accepted.len());
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(process.admin.count(PhaseName::Dead).await, 0);

    // Storage is exact: each key counts the runs of its lane, however often attempts were repeated. A
    // run whose 202 was lost in a kill counts too: its sender sent it again under the same key.
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for number in &accepted {
        *expected.entry(format!("lane-{}", number % 4)).or_default() += 1;
    }
    for (key, count) in expected {
        let (status, answer) = process
            .admin
            .post("/api/workflows/numbers/runs", &json!({ "number": 1_000_000_u64 + key_lane(&key) }))
            .await;
        assert_eq!(status, 202, "{answer}");
        let run = answer["run"].as_str().unwrap().parse().unwrap();
        let (_, entries) = process.admin.ended(run).await;
        let counted = counter_after(&entries);
        assert_eq!(counted, count + 1, "{key}");
    }
}

async fn send(field: Arc<Field>) {
    while !field.is_over.load(Ordering::SeqCst) {
        let number = field.next.fetch_add(1, Ordering::SeqCst);
        // As a real sender does: again and again under the same id until it reads a 2xx.
        loop {
            let sender = field.sender.lock().unwrap().clone();
            let answer = match sender {
                Some(sender) => {
                    sender.send("numbers", &number.to_string(), &json!({ "number": number })).await.ok()
                }
                None => None,
            };
            match answer {
                Some((status, _)) if status.is_success() => {
                    field.accepted.lock().unwrap().insert(number);
                    break;
                }
                Some((status, body)) => assert!(status.is_server_error(), "{status} {body}"),
                None => {}
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
}

fn key_lane(key: &str) -> u64 {
    key.trim_start_matches("lane-").parse().unwrap()
}

/// What the counter guest answered last: the counter with its own addition in it.
fn counter_after(entries: &[stepmill_core::run::Entry]) -> u64 {
    entries
        .iter()
        .find_map(|entry| match &entry.what {
            stepmill_core::run::What::StepSucceeded { output, .. } => output.to_json().unwrap().as_u64(),
            _ => None,
        })
        .unwrap()
}

/// A small generator, so that a failing run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
