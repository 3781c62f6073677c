//! The life of runs: fed step by step, retried, dead, redriven, cancelled, and shown as they were.

use serde_json::json;
use stepmill_core::attempt::Cause;
use stepmill_core::run::{Phase, What};
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::stub::Stub;

const SCHEMA: &str = r#"{ "type": "object", "required": ["sku", "quantity"],
  "properties": { "quantity": { "type": "integer", "minimum": 1 } } }"#;

const STEPS: &str = "  - { id: check, use: json-schema, with: { schema: schema.json } }\n  \
    - { id: shape, use: map, with: { jq: '{item: .sku, count: .quantity}' } }\n  \
    - id: large\n    when: ${{ input.count > 100 }}\n    use: rest\n    system: erp\n    with: { method: POST, path: /large }\n  \
    - id: order\n    use: rest\n    system: erp\n    with: { method: POST, path: \"/orders/${{ steps.shape.output.item }}\" }\n    \
      retry: { first: 10ms, max: 50ms, attempts: 3 }";

async fn host(stub: &Stub) -> Host {
    let project = Project::new()
        .system_with("erp", &stub.url(), "auth: { bearer: \"file:secret\" }")
        .file("schema.json", SCHEMA)
        .workflow("orders", STEPS);
    Host::in_memory(&project.write()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_flows_through_validate_transform_and_connector() {
    let stub = Stub::start().await;
    let host = host(&stub).await;
    let (state, entries) = host.finish("orders", "1", &json!({ "sku": "A1", "quantity": 2 })).await;
    assert_eq!(state.phase, Phase::Succeeded);
    let seen = stub.seen();
    assert_eq!(seen.len(), 1, "the step under a false `when` is passed over");
    assert_eq!(seen[0].path, "orders/A1");
    assert_eq!(seen[0].body, r#"{"item":"A1","count":2}"#);
    assert_eq!(seen[0].key.as_deref(), Some(&*state.run.idempotency_key("order")));
    assert_eq!(seen[0].authorization.as_deref(), Some("Bearer a secret of the tests"));

    // Two commits in all: the acceptance, and the connector's result with the run's end.
    assert!(matches!(&entries[0].what, What::Accepted(_)));
    let What::StepSucceeded { record, .. } = &entries[1].what else { panic!("{entries:#?}") };
    assert_eq!(entries[1].at_ms, entries[2].at_ms);
    assert_eq!(entries[1].pure.iter().map(|record| &*record.step).collect::<Vec<_>>(), ["check", "shape"]);
    assert_eq!(record.exchanges.len(), 1);
    let recorded = serde_json::to_string(&entries).unwrap();
    assert!(!recorded.contains("a secret of the tests"), "credentials are never recorded");

    let (state, _) = host.finish("orders", "2", &json!({ "sku": "B2", "quantity": 200 })).await;
    assert_eq!(state.phase, Phase::Succeeded);
    assert_eq!(
        stub.seen().iter().map(|seen| &*seen.path).collect::<Vec<_>>(),
        ["orders/A1", "large", "orders/B2"]
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_order_is_a_dead_letter_with_its_violations() {
    let stub = Stub::start().await;
    let host = host(&stub).await;
    let (state, entries) = host.finish("orders", "1", &json!({ "quantity": 0 })).await;
    let Phase::Dead { step, failure, .. } = &state.phase else { panic!("{state:?}") };
    assert_eq!((&**step, failure.cause), ("check", Cause::Invalid));
    let broken: Vec<_> =
        failure.violations.iter().map(|violation| (&*violation.pointer, &*violation.rule)).collect();
    assert!(broken.contains(&("", "required")) && broken.contains(&("/quantity", "minimum")), "{broken:?}");
    assert_eq!(entries.len(), 2, "a rejection is not tried again");
    assert!(stub.seen().is_empty());

    // A person mends the payload and sets it going again; the accepted one is kept.
    let document =
        json!({ "media_type": "application/json", "body": { "text": r#"{"sku":"A1","quantity":1}"# } });
    let redrive = json!({ "document": document, "by": "ann" });
    let (status, _) = host.admin.post(&format!("/api/runs/{}/redrive", state.run), &redrive).await;
    assert_eq!(status, 200);
    let (state, entries) = host.admin.ended(state.run).await;
    assert_eq!(state.phase, Phase::Succeeded);
    assert_eq!(stub.seen().len(), 1);
    let What::Accepted(accepted) = &entries[0].what else { panic!() };
    let event = &accepted.event;
    assert_eq!(event.document.to_json().unwrap(), json!({ "quantity": 0 }));
    // What has succeeded is not redriven.
    let (status, answer) = host.admin.post(&format!("/api/runs/{}/redrive", state.run), &json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("run-ended")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_is_down_uses_up_the_attempts_and_a_redrive_goes_on_from_there() {
    let stub = Stub::start().await;
    stub.answer(503);
    let host = host(&stub).await;
    let (state, entries) = host.finish("orders", "1", &json!({ "sku": "A1", "quantity": 1 })).await;
    let Phase::Dead { step, failure, .. } = &state.phase else { panic!("{state:?}") };
    assert_eq!((&**step, failure.cause), ("order", Cause::RetryAsked));
    let numbers: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::AttemptFailed { record, .. } | What::Died { record, .. } => Some(record.number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3]);

    stub.answer(200);
    let (status, _) = host.admin.post(&format!("/api/runs/{}/redrive", state.run), &json!({})).await;
    assert_eq!(status, 200);
    let (state, entries) = host.admin.ended(state.run).await;
    assert_eq!(state.phase, Phase::Succeeded);
    let last = entries.iter().rev().find_map(|entry| match &entry.what {
        What::StepSucceeded { record, .. } => Some(record.number),
        _ => None,
    });
    assert_eq!(last, Some(4), "numbering goes on over the redrive");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_run_can_be_cancelled_and_listed() {
    let stub = Stub::start().await;
    stub.answer(503);
    let project = Project::new().system("erp", &stub.url()).workflow(
        "orders",
        "  - { id: order, use: rest, system: erp, with: { method: POST, path: /orders }, retry: { first: 5m } }",
    );
    let host = Host::in_memory(&project.write()).await;
    let run = host.accept("orders", "1", &json!({})).await;
    host.admin.until(run, |state| matches!(state.phase, Phase::Retrying { .. })).await;
    assert_eq!(host.admin.get("/api/runs?phase=retrying").await["runs"].as_array().unwrap().len(), 1);
    let (status, _) = host.admin.post(&format!("/api/runs/{run}/cancel"), &json!({ "by": "ann" })).await;
    assert_eq!(status, 200);
    let (state, _) = host.admin.read(run).await;
    assert_eq!(state.phase, Phase::Cancelled);
    assert_eq!(host.admin.get("/api/status").await["backlog"]["unfinished"], 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_honoured_and_clamped_to_the_policy() {
    let stub = Stub::start().await;
    stub.answer(429);
    let project = Project::new().guests(&["fetch"]).system("erp", &stub.url()).workflow(
        "orders",
        "  - { id: order, use: rest, system: erp, with: { method: POST, path: /orders }, retry: { first: 1ms, max: 100ms, attempts: 2, jitter: none } }",
    );
    let host = Host::in_memory(&project.write()).await;
    let (state, entries) = host.finish("orders", "1", &json!({})).await;
    assert!(matches!(state.phase, Phase::Dead { .. }), "{state:?}");
    let What::AttemptFailed { record, retry_at_ms } = &entries[1].what else { panic!("{entries:?}") };
    assert_eq!(record.failure.as_ref().unwrap().retry_after_ms, Some(7_000), "the stub's Retry-After");
    // Counted from the end of the attempt, which lies between its start and its commit.
    assert!(*retry_at_ms >= record.started_ms + 100, "{retry_at_ms} {record:?}");
    assert!(*retry_at_ms <= entries[1].at_ms + 100, "{retry_at_ms} {}", entries[1].at_ms);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snoozed_dead_letter_wants_no_attention_until_its_time_or_its_redrive() {
    let stub = Stub::start().await;
    let host = host(&stub).await;
    let (dead, _) = host.finish("orders", "1", &json!({ "quantity": 0 })).await;
    let (other, _) = host.finish("orders", "2", &json!({ "quantity": 0 })).await;
    let status = async || {
        let status = host.admin.get("/api/status").await;
        [&status["backlog"]["dead"], &status["snoozed"], &status["attention"]]
            .map(|count| count.as_u64().unwrap())
    };
    assert_eq!(status().await, [2, 0, 2]);
    let post =
        async |verb: &str, body| host.admin.post(&format!("/api/runs/{}/{verb}", dead.run), &body).await;
    let (code, state) = post("snooze", json!({ "for": "2d", "by": "jo" })).await;
    let until_ms = state["phase"]["dead"]["snoozed_until_ms"].as_u64().unwrap();
    assert!(code == 200 && until_ms > dead.changed_ms + 172_000_000, "{state}");
    assert_eq!(state["phase"]["dead"]["since_ms"], json!(dead.changed_ms), "it died when it died");
    assert_eq!(status().await, [2, 1, 1]);
    // A time that is over shows it again, and so does a redrive.
    post("snooze", json!({ "until": "2020-01-01T00:00:00Z" })).await;
    assert_eq!(status().await, [2, 0, 2]);
    post("snooze", json!({ "for": "1h" })).await;
    post("redrive", json!({})).await;
    let (state, entries) = host.admin.ended(dead.run).await;
    assert!(state.phase.is_dead());
    assert_eq!(status().await, [2, 0, 2]);
    let by: Vec<&str> = entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Snoozed { by, .. } => Some(&**by),
            _ => None,
        })
        .collect();
    assert_eq!(by, ["jo", "admin api", "admin api"]);
    for wrong in
        [json!({}), json!({ "for": "1h", "until": "2020-01-01T00:00:00Z" }), json!({ "for": "3years" })]
    {
        assert_eq!(post("snooze", wrong.clone()).await.0, 400, "{wrong}");
    }
    host.admin.post(&format!("/api/runs/{}/cancel", other.run), &json!({})).await;
    let late = host.admin.post(&format!("/api/runs/{}/snooze", other.run), &json!({ "for": "1h" })).await;
    assert_eq!((late.0, &late.1["error"]["code"]), (409, &json!("run-ended")));
    host.stop().await;
}
