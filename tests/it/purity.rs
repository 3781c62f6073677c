//! Invariant 3: pure steps see nothing of the world, so the same attempt has the same answer.

use serde_json::json;
use stepmill_core::run::What;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::stub::Stub;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_stands_at_acceptance_and_randomness_repeats_with_the_attempt() {
    let stub = Stub::start().await;
    stub.answer(503);
    let steps = "  - { id: clock, use: clock }\n  - id: post\n    use: rest\n    system: stub\n    \
                 with: { method: POST, path: /seen }\n    retry: { first: 10ms, max: 20ms, attempts: 1000 }";
    let project = Project::new().guests(&["clock"]).system("stub", &stub.url()).workflow("pure", steps);
    let host = Host::in_memory(&project.write()).await;

    let run = host.accept("pure", "1", &json!({})).await;
    // Three attempts of the connector: each recomputes the pure step before it.
    host.admin.until(run, |state| state.tries("post").last >= 3).await;
    stub.answer(200);
    let (state, entries) = host.admin.ended(run).await;
    let mut requests: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::AttemptFailed { record, .. } | What::StepSucceeded { record, .. } => {
                Some(record.exchanges[0].request_body.clone())
            }
            _ => None,
        })
        .collect();
    assert!(requests.len() >= 4, "{requests:?}");
    requests.dedup();
    assert_eq!(requests.len(), 1, "every attempt was fed the same: {requests:#?}");
    let seen: serde_json::Value = serde_json::from_str(&requests[0]).unwrap();
    assert_eq!(seen["now_ms"], state.accepted_ms);
    assert_eq!(seen["env"], 0);
    assert_eq!(seen["args"], 0);

    // Another run draws other numbers.
    let (_, entries) = host.finish("pure", "2", &json!({})).await;
    let other = entries.iter().find_map(|entry| match &entry.what {
        What::StepSucceeded { record, .. } => Some(record.exchanges[0].request_body.clone()),
        _ => None,
    });
    let other: serde_json::Value = serde_json::from_str(&other.unwrap()).unwrap();
    assert_ne!(other["random"], seen["random"]);
    host.stop().await;
}
