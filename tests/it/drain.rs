//! SIGTERM: the service stops taking work, finishes what runs, and goes on after the next start.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use stepmill_core::journal::PhaseName;
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use stepmill_test_support::stub::Stub;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_service_ends_well_and_leaves_the_rest_for_the_next_start() {
    let stub = Stub::start().await;
    stub.answer(503);
    let steps = "  - id: post\n    use: rest\n    system: stub\n    with: { method: POST, path: /orders }\n    \
                 retry: { first: 100ms, max: 300ms, attempts: 100 }";
    let project = Project::new().system("stub", &stub.url()).workflow("orders", steps);
    let config = project.write();
    let binary = Path::new(env!("CARGO_BIN_EXE_stepmill"));

    let process = Process::start(binary, &config).await;
    for number in 0..20 {
        let (status, _) =
            process.sender.send("orders", &number.to_string(), &json!({ "n": number })).await.unwrap();
        assert_eq!(status, 202);
    }
    kill_process(Pid::from_raw(process.id().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    let (status, log) = process.ended().await;
    assert!(status.success(), "SIGTERM must end with exit code 0, not {status}:\n{log}");
    assert!(stub.seen().is_empty());

    stub.answer(200);
    let process = Process::start(binary, &config).await;
    process.admin.idle().await;
    assert_eq!(process.admin.count(PhaseName::Succeeded).await, 20);
    assert_eq!(stub.bodies().len(), 20);
}
