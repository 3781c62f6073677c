//! Backups of a service that goes on: what was accepted before is in them, and goes on from them, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;
use stepmill_core::RunId;
use stepmill_core::journal::PhaseName;
use stepmill_test_support::host::AdminClient;
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use stepmill_test_support::sender::Sender;
use stepmill_test_support::stub::Stub;

const SENDERS: u64 = 4;

fn stepmill(arguments: &[&str], file: &Path, config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepmill"));
    command.args(arguments).arg(file).arg("--config").arg(config).env_remove("STEPMILL_ADMIN");
    command.output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn send(sender: Sender, next: Arc<AtomicU64>, is_over: Arc<AtomicBool>) -> Vec<(u64, RunId)> {
    let mut accepted = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let (status, answer) =
            sender.send("numbers", &number.to_string(), &json!({ "number": number })).await.unwrap();
        assert_eq!(status, 202, "{answer}");
        accepted.push((number, answer["run"].as_str().unwrap().parse().unwrap()));
    }
    accepted
}

async fn runs(admin: &AdminClient) -> BTreeMap<RunId, bool> {
    let mut runs = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/api/runs?limit=500{cursor}")).await;
        for state in page["runs"].as_array().unwrap() {
            runs.insert(state["run"].as_str().unwrap().parse().unwrap(), state["phase"] == "succeeded");
        }
        let Some(next) = page["cursor"].as_str() else { return runs };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_goes_on_from_a_backup_that_was_taken_while_it_served() {
    let stub = Stub::start().await;
    let steps = "  - { id: post, use: rest, system: stub, with: { method: POST, path: /numbers } }";
    let project = Project::new().system("stub", &stub.url()).workflow("numbers", steps);
    let config = project.write();
    let binary = Path::new(env!("CARGO_BIN_EXE_stepmill"));
    let process = Process::start(binary, &config).await;
    let (next, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| tokio::spawn(send(process.sender.clone(), Arc::clone(&next), Arc::clone(&is_over))))
        .collect();
    while next.load(Ordering::SeqCst) < 200 {
        tokio::task::yield_now().await;
    }
    let before = runs(&process.admin).await;
    let file = project.folder().join("nightly.ndjson");
    let backup = tokio::task::spawn_blocking({
        let (file, config) = (file.clone(), config.clone());
        move || stepmill(&["backup"], &file, &config)
    });
    let backup = backup.await.unwrap();
    assert!(backup.status.success(), "{}", error(&backup));
    is_over.store(true, Ordering::SeqCst);
    let mut accepted = BTreeMap::new();
    for sender in senders {
        accepted.extend(sender.await.unwrap());
    }
    process.kill();
    assert!(!file.with_added_extension("new").exists());

    // Nothing is restored over what is there, and nothing of what is cut off.
    let refused = stepmill(&["restore"], &file, &config);
    assert!(!refused.status.success() && error(&refused).contains("is not empty"), "{}", error(&refused));
    std::fs::rename(project.folder().join("data"), project.folder().join("lost")).unwrap();
    let content = std::fs::read(&file).unwrap();
    let cut = project.folder().join("cut.ndjson");
    std::fs::write(&cut, &content[..content.len() - 100]).unwrap();
    let refused = stepmill(&["restore"], &cut, &config);
    assert!(!refused.status.success() && error(&refused).contains("cut off"), "{}", error(&refused));
    assert!(!project.folder().join("data").exists());
    let restored = stepmill(&["restore"], &file, &config);
    assert!(restored.status.success(), "{}", error(&restored));

    let reached = |number: u64| {
        let body = json!({ "number": number }).to_string();
        stub.bodies().get(&body).copied().unwrap_or_default()
    };
    let process = Process::start(binary, &config).await;
    process.admin.idle().await;
    let after = runs(&process.admin).await;
    assert_eq!(process.admin.count(PhaseName::Dead).await, 0);
    assert!(before.keys().all(|run| after.contains_key(run)), "all that was accepted before is there");
    for (number, run) in &accepted {
        if after.contains_key(run) {
            // The backup may not know that it was done already: then it is done again, as after a crash.
            assert!((1..=2).contains(&reached(*number)), "{number}");
        }
        // Whoever sends again what the backup has reads that; what it has not is a new run.
        let (status, answer) =
            process.sender.send("numbers", &number.to_string(), &json!({ "number": number })).await.unwrap();
        assert_eq!(status, 202);
        assert_eq!(answer["duplicate"] == true, after.contains_key(run), "{answer}");
    }
    process.admin.idle().await;
    assert_eq!(runs(&process.admin).await.len(), accepted.len(), "none is lost, none is doubled");
    process.kill();

    // Without a service the folder itself is read.
    let again = project.folder().join("again.ndjson");
    let backup = stepmill(&["backup"], &again, &config);
    assert!(backup.status.success(), "{}", error(&backup));
    let lines = std::fs::read_to_string(&again).unwrap();
    assert_eq!(lines.lines().filter(|line| line.contains("\"run\":{\"state\"")).count(), accepted.len());
}
