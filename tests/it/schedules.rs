//! Schedules fire once an instant, over restarts too.

use stepmill_core::event::Trigger;
use stepmill_core::run::What;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::stub::Stub;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interval_fires_each_instant_once_over_a_restart() {
    let stub = Stub::start().await;
    let workflow = "name: tick\non: { schedule: { every: 1s } }\nsteps:\n  - id: post\n    use: rest\n    \
                    system: stub\n    with: { method: POST, path: /ticks }\n";
    let project = Project::new().system("stub", &stub.url()).file("workflows/tick.yaml", workflow);
    let config = project.write();

    let mut fires = Vec::new();
    for wanted in [2, 4] {
        let host = Host::on_disk(&config).await;
        let deadline = std::time::Instant::now() + stepmill_test_support::host::PATIENCE;
        while stub.seen().len() < wanted {
            assert!(std::time::Instant::now() < deadline, "the schedule does not fire");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        host.admin.idle().await;
        let page = host.admin.get("/api/runs?workflow=tick").await;
        for state in page["runs"].as_array().unwrap() {
            let (_, entries) = host.admin.read(state["run"].as_str().unwrap().parse().unwrap()).await;
            let What::Accepted(accepted) = &entries[0].what else { panic!("{entries:?}") };
            let event = &accepted.event;
            let Trigger::Schedule { fire_ms } = event.trigger else { panic!("{event:?}") };
            fires.push(fire_ms);
        }
        host.stop().await;
        if wanted == 2 {
            fires.clear();
        }
    }
    fires.sort_unstable();
    assert!(fires.iter().all(|fire| fire % 1_000 == 0), "{fires:?}");
    let count = fires.len();
    fires.dedup();
    assert_eq!(fires.len(), count, "no instant fires twice");
}
