//! Runs that wait, and who wakes them: a webhook of the carrier's, a person, the API; and senders that wait for an
//! answer.

use serde_json::{Value, json};
use stepmill_core::journal::PhaseName;
use stepmill_core::run::{Phase, State};
use stepmill_core::signature::{Algorithm, sign};
use stepmill_test_support::host::Host;
use stepmill_test_support::project::{Project, SECRET};
use stepmill_test_support::sender::client;

const EVENTS: &str = r#"
events:
  shipment:
    webhook:
      path: /carrier/shipments
      verify: { scheme: hmac, header: x-signature, secret: "file:secret" }
      dedupe: "${{ headers['x-id'] }}"
    key: "${{ body.order }}"
"#;

fn project() -> Project {
    Project::new().guests(&["echo"]).extra(EVENTS)
}

/// Sends a signed payload; answers the status, the run's header and the body.
async fn send(host: &Host, path: &str, id: &str, body: &Value) -> (u16, Option<String>, Value) {
    let body = body.to_string();
    let signature = sign::hmac_hex(Algorithm::Sha256, SECRET.as_bytes(), body.as_bytes());
    let request = client()
        .post(format!("{}{path}", host.ingress))
        .header("content-type", "application/json")
        .header("x-id", id)
        .header("x-signature", signature)
        .body(body);
    let response = request.send().await.unwrap();
    let run = response.headers().get("stepmill-run").map(|run| run.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, run, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

fn waits(state: &State) -> bool {
    matches!(state.phase, Phase::Waiting { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_carriers_webhook_wakes_the_run_that_waits_for_its_order_over_a_restart() {
    let steps = "  - { id: order, use: echo }\n  - { id: shipped, wait: { event: shipment, key: \"${{ body.order }}\" } }\n  - { id: told, use: echo }";
    let project = project().workflow("orders", steps);
    let config = project.write();
    let host = Host::on_disk(&config).await;
    let waiting = host.accept("orders", "1", &json!({ "order": "SO-1" })).await;
    host.admin.until(waiting, waits).await;
    // One that comes before its run does is kept for it.
    let (status, _, answer) = send(&host, "/carrier/shipments", "e2", &json!({ "order": "SO-2" })).await;
    assert_eq!((status, &answer["woken"]), (202, &json!([])));
    host.stop().await;

    let host = Host::on_disk(&config).await;
    let (early, _) = host.finish("orders", "2", &json!({ "order": "SO-2" })).await;
    assert_eq!(early.phase, Phase::Succeeded);
    let shipment = json!({ "order": "SO-1", "tracking": "T1" });
    let (status, _, answer) = send(&host, "/carrier/shipments", "e1", &shipment).await;
    assert_eq!((status, &answer["woken"]), (202, &json!([waiting.to_string()])));
    let (state, _) = host.admin.ended(waiting).await;
    assert_eq!(state.phase, Phase::Succeeded);
    let (status, _, answer) = send(&host, "/carrier/shipments", "e1", &shipment).await;
    assert_eq!((status, &answer["duplicate"]), (202, &json!(true)));
    // A forged one wakes nobody, and one without a key is refused.
    let forged = client().post(format!("{}/carrier/shipments", host.ingress)).body("{}");
    assert_eq!(forged.send().await.unwrap().status(), 401);
    let (status, _, answer) = send(&host, "/carrier/shipments", "e3", &json!({ "no": "order" })).await;
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("no-key")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_publishes_decides_and_starts_workflows_by_the_api() {
    let steps = "  - { id: boss, approve: {} }\n  - { id: paid, use: echo }\n  - { id: refused, otherwise: boss, use: echo }";
    let on_event = "name: watcher\non: { event: shipment }\nsteps:\n  - { id: seen, use: echo }\n";
    let project = project().workflow("refunds", steps).file("workflows/watcher.yaml", on_event);
    let host = Host::in_memory(&project.write()).await;
    let run = host.accept("refunds", "1", &json!({ "amount": 7 })).await;
    host.admin.until(run, waits).await;
    let decide = format!("/api/runs/{run}/decide");
    let (status, _) =
        host.admin.post(&decide, &json!({ "step": "boss", "approved": true, "by": "jo" })).await;
    assert_eq!(status, 200);
    assert_eq!(host.admin.ended(run).await.0.phase, Phase::Succeeded);
    let (status, answer) = host.admin.post(&decide, &json!({ "step": "boss", "approved": false })).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("run-ended")));

    let (status, answer) = host.admin.post("/api/events/shipment?key=SO-9", &json!({ "n": 1 })).await;
    assert_eq!((status, answer["started"].as_array().unwrap().len()), (202, 1));
    let (status, answer) = host.admin.post("/api/events/nothing", &json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("no-such-event")));
    host.admin.idle().await;
    assert_eq!(host.admin.count(PhaseName::Succeeded).await, 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_waits_is_answered_with_what_a_step_gives_or_why_there_is_none() {
    let on = "on:\n  webhook:\n    path: /ask\n    verify: { scheme: hmac, header: x-signature, secret: \"file:secret\" }\n    respond: { within: 20s }\n";
    let schema = r#"{ "type": "object", "required": ["n"] }"#;
    let workflow = format!(
        "name: ask\n{on}steps:\n  - {{ id: check, use: json-schema, with: {{ schema: schema.json }} }}\n  - {{ id: echo, use: echo }}\noutput: {{ twice: \"${{{{ [body.n, body.n] }}}}\" }}\n"
    );
    let slow = "name: slow\non:\n  webhook:\n    path: /slow\n    verify: { scheme: hmac, header: x-signature, secret: \"file:secret\" }\n    respond: { within: 100ms }\nsteps:\n  - { id: nap, sleep: 1h }\n";
    let project = project()
        .file("workflows/ask.yaml", &workflow)
        .file("workflows/slow.yaml", slow)
        .file("schema.json", schema);
    let host = Host::in_memory(&project.write()).await;
    let (status, run, answer) = send(&host, "/ask", "1", &json!({ "n": 4 })).await;
    assert_eq!((status, answer), (200, json!({ "twice": [4, 4] })));
    assert!(run.unwrap().starts_with("run_"));
    let (status, _, answer) = send(&host, "/ask", "2", &json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("run-rejected")));
    assert_eq!(answer["error"]["violations"][0]["rule"], "required");
    // One that takes too long gets the usual answer, and its run goes on.
    let (status, _, answer) = send(&host, "/slow", "3", &json!({})).await;
    assert_eq!(status, 202);
    let run = answer["run"].as_str().unwrap().parse().unwrap();
    host.admin.until(run, waits).await;
    // Cancelling ends it, and there is nothing to be paused or shown that is not there.
    let (status, _) = host.admin.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(host.admin.ended(run).await.0.phase, Phase::Cancelled);
    let (status, _) = host.admin.post("/api/schedules/slow", &json!({ "paused": true })).await;
    assert_eq!(status, 404);
    host.stop().await;
}
