//! Runs that wait, and who wakes them: a webhook of the carrier's, a person, the API; and senders that wait for an
//! answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepmill_core::journal::PhaseName;
use stepmill_core::run::{Phase, State};
use stepmill_core::signature::{Algorithm, sign};
use stepmill_test_support::host::Host;
use stepmill_test_support::project::{Project, SECRET};
use stepmill_test_support::sender::client;
use stepmill_test_support::stub::Stub;

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

/// Workflows whose senders wait: for an output, for what a connector and what a pure step gives, and for an event.
fn answering(stub: &str) -> Project {
    let keys = |respond: &str| format!("dedupe: \"${{{{ headers['x-id'] }}}}\"\n    respond: {respond}");
    let post = "{ id: post, use: rest, system: stub, with: { method: POST, path: \"/${{ body.n }}\" } }";
    project()
        .system("stub", stub)
        .file("schema.json", r#"{ "type": "object", "required": ["n"] }"#)
        .workflow_with(
            "ask",
            &keys("{ within: 20s }"),
            "  - { id: check, use: json-schema, with: { schema: schema.json } }\n  - { id: echo, use: echo }",
        )
        .workflow_with(
            "post",
            &keys("{ within: 20s, from: post }"),
            &format!("  - {post}\n  - {{ id: no, use: map, with: {{ jq: \"error(\\\"no\\\")\" }} }}"),
        )
        .workflow_with(
            "pure",
            &keys("{ within: 20s, from: echo }"),
            "  - { id: echo, use: echo }\n  - { id: last, use: map, with: { jq: .n } }",
        )
        .workflow_with(
            "list",
            &keys("{ within: 20s, from: each }"),
            "  - { id: each, for-each: { in: \"${{ body.items }}\" }, steps: [{ id: one, use: echo }] }\n  - { id: no, use: map, with: { jq: \"error(\\\"no\\\")\" } }",
        )
        .workflow_with(
            "meanwhile",
            &keys("{ within: 20s }"),
            "  - { id: come, wait: { event: shipment, key: \"${{ body.order }}\" } }",
        )
        .workflow_with("slow", &keys("{ within: 100ms }"), "  - { id: nap, sleep: 1h }")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_sent_again_is_answered_as_it_was_over_a_restart() {
    let stub = Stub::start().await;
    let project = answering(&stub.url());
    let config = project.write();
    let host = Host::on_disk(&config).await;
    let output = send(&host, "/ask", "1", &json!({ "n": 4 })).await;
    assert_eq!((output.0, &output.2), (200, &json!({ "n": 4 })));
    let rejected = send(&host, "/ask", "2", &json!({})).await;
    assert_eq!((rejected.0, &rejected.2["error"]["code"]), (422, &json!("run-rejected")));
    // What the step gave, although the run died after it.
    let posted = send(&host, "/post", "3", &json!({ "n": 7 })).await;
    assert_eq!((posted.0, &posted.2), (200, &json!({ "ok": true })));
    let pure = send(&host, "/pure", "4", &json!({ "n": 4 })).await;
    assert_eq!((pure.0, &pure.2), (200, &json!({ "n": 4 })));
    let list = send(&host, "/list", "5", &json!({ "items": [1] })).await;
    assert_eq!((list.0, &list.2), (200, &json!([1])));
    host.admin.idle().await;

    let again = async |host: &Host| {
        assert_eq!(send(host, "/ask", "1", &json!({ "n": 4 })).await, output);
        assert_eq!(send(host, "/ask", "2", &json!({})).await, rejected);
        assert_eq!(send(host, "/post", "3", &json!({ "n": 7 })).await, posted);
        // The journal has no outputs of pure steps and lists: then it is the answer of one that does not come in time,
        // and not why the run died after them.
        for (path, id, body, first) in
            [("/pure", "4", json!({ "n": 4 }), &pure), ("/list", "5", json!({ "items": [1] }), &list)]
        {
            let (status, _, answer) = send(host, path, id, &body).await;
            assert_eq!((status, &answer["run"]), (202, &json!(first.1)), "{answer}");
            assert_eq!(answer["duplicate"], true);
        }
    };
    again(&host).await;
    host.stop().await;
    let host = Host::on_disk(&config).await;
    again(&host).await;
    assert_eq!(stub.seen().len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_sent_again_meanwhile_is_answered_with_the_first_and_not_before_its_time() {
    let stub = Stub::start().await;
    let project = answering(&stub.url());
    let host = Arc::new(Host::in_memory(&project.write()).await);
    let ask = || {
        let host = Arc::clone(&host);
        tokio::spawn(async move { send(&host, "/meanwhile", "1", &json!({ "order": "SO-1" })).await })
    };
    let first = ask();
    let run = loop {
        let page = host.admin.get("/api/runs?workflow=meanwhile").await;
        if let Some(run) = page["runs"][0]["run"].as_str() {
            break run.parse().unwrap();
        }
        assert!(!first.is_finished(), "{:?}", first.await);
    };
    host.admin.until(run, waits).await;
    let others = [ask(), ask()];
    let duplicates = "stepmill_events_total{workflow=\"meanwhile\",kind=\"duplicate\"} 2";
    let deadline = Instant::now() + Duration::from_secs(20);
    while !host.admin.text("/metrics").await.contains(duplicates) {
        assert!(Instant::now() < deadline, "they are not known as duplicates");
    }
    let (status, answer) = host.admin.post("/api/events/shipment?key=SO-1", &json!({ "n": 1 })).await;
    assert_eq!(status, 202, "{answer}");
    let first = first.await.unwrap();
    assert_eq!((first.0, &first.2), (200, &json!({ "n": 1 })));
    for other in others {
        assert_eq!(other.await.unwrap(), first);
    }

    // One that is still under way when its time is over.
    let (status, _, slow) = send(&host, "/slow", "1", &json!({})).await;
    assert_eq!((status, slow.get("duplicate")), (202, None));
    let (status, _, again) = send(&host, "/slow", "1", &json!({})).await;
    assert_eq!((status, &again["run"], &again["duplicate"]), (202, &slow["run"], &json!(true)));
    Arc::into_inner(host).unwrap().stop().await;
}
