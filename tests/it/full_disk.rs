//! A full disk: a journal that can no longer be written ends the process and loses nothing that was answered
//! 2xx; a log that can no longer be written is nobody's trouble.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::json;
use stepmill_core::run::Phase;
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use stepmill_test_support::sender::Sender;

const SENDERS: usize = 8;
/// Bytes of an event: large, so that the limit is soon reached, and small enough to be no file of its own.
const EVENT_BYTES: usize = 8 << 10;
/// Bytes that the largest file may still grow by. Not zero, so that writes fail in their middle too.
const GROWTH: u64 = 8 << 20;

/// What the senders share.
#[derive(Default)]
struct Field {
    next: AtomicU64,
    accepted: Mutex<BTreeSet<String>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_takes_no_more_writes_ends_the_process_and_nothing_accepted_is_lost() {
    let steps = "  - { id: shape, use: map, with: { jq: .number } }";
    let project = Project::new().workflow("orders", steps);
    let config = project.write();
    let binary = Path::new(env!("CARGO_BIN_EXE_stepmill"));

    // Without its signal, a write beyond the limit fails and does not end the process.
    let process = Process::start_in_shell("trap '' XFSZ; exec \"$@\"", binary, &config).await;
    let field = Arc::new(Field::default());
    let senders: Vec<_> =
        (0..SENDERS).map(|_| tokio::spawn(send(Arc::clone(&field), process.sender.clone()))).collect();
    while field.accepted.lock().unwrap().len() < 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // However the journal lays out its files: the next one that grows cannot.
    let limit = largest(&project.folder().join("data")) + GROWTH;
    let pid = Pid::from_raw(process.id().try_into().unwrap());
    prlimit(pid, Resource::Fsize, Rlimit { current: Some(limit), maximum: None }).unwrap();

    let (status, log) = process.ended().await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("error: the journal has failed: "), "{log}");
    for sender in senders {
        sender.await.unwrap();
    }

    let process = Process::start(binary, &config).await;
    process.admin.idle().await;
    let (mut succeeded, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = process.admin.get(&format!("/api/runs?phase=succeeded&limit=500{cursor}")).await;
        succeeded.extend(
            page["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let accepted = field.accepted.lock().unwrap();
    println!("accepted {}, succeeded {}", accepted.len(), succeeded.len());
    let lost: Vec<_> = accepted.difference(&succeeded).collect();
    assert!(lost.is_empty(), "lost {} of {}: {lost:?}", lost.len(), accepted.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let project = Project::new().workflow("orders", "  - { id: shape, use: map, with: { jq: .number } }");
    let config = project.write();
    let binary = Path::new(env!("CARGO_BIN_EXE_stepmill"));
    let process = Process::start_in_shell("exec \"$@\" 2>/dev/full", binary, &config).await;
    let (status, answer) = process.sender.send("orders", "1", &json!({ "number": 1 })).await.unwrap();
    assert_eq!(status, 202);
    let (state, _) = process.admin.ended(answer["run"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(state.phase, Phase::Succeeded);
    kill_process(Pid::from_raw(process.id().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    let (status, _) = process.ended().await;
    assert!(status.success(), "{status}");
}

/// Sends until the service is gone, each event again under the same id until it is answered 2xx.
async fn send(field: Arc<Field>, sender: Sender) {
    loop {
        let number = field.next.fetch_add(1, Ordering::SeqCst);
        let event = json!({ "number": number, "filling": "x".repeat(EVENT_BYTES) });
        loop {
            let Ok((status, answer)) = sender.send("orders", &number.to_string(), &event).await else {
                return;
            };
            if status == 202 {
                field.accepted.lock().unwrap().insert(answer["run"].as_str().unwrap().to_owned());
                break;
            }
            assert!(status.is_server_error(), "{status} {answer}");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
}

/// Length of the largest file in a folder and those in it.
fn largest(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    // A file that has just gone is not the largest.
    let length = |entry: &fs::DirEntry| entry.metadata().map_or(0, |metadata| metadata.len());
    entries
        .map(|entry| if entry.path().is_dir() { largest(&entry.path()) } else { length(&entry) })
        .max()
        .unwrap_or(0)
}
