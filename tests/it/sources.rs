//! Sources that are paused, captured and blocked: what a sender read 2xx for is held, and begins once, in its order.

use serde_json::{Value, json};
use stepmill_core::RunId;
use stepmill_core::journal::PhaseName;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::sender::client;
use stepmill_test_support::stub::Stub;

const STEPS: &str =
    "  - { id: post, use: rest, system: stub, with: { method: POST, path: \"/${{ input.number }}\" } }";
const PATH: &str = "/orders";

async fn set(host: &Host, mode: &str) -> Value {
    let (status, sources) = host.admin.post("/api/sources", &json!({ "path": PATH, "mode": mode })).await;
    assert_eq!(status, 200, "{sources}");
    sources.as_array().unwrap().iter().find(|source| source["path"] == PATH).unwrap().clone()
}

async fn send(host: &Host, number: u32) -> (u16, Value) {
    let (status, body) =
        host.sender.send("orders", &number.to_string(), &json!({ "number": number })).await.unwrap();
    (status.as_u16(), body)
}

fn run(answer: &Value) -> RunId {
    answer["run"].as_str().unwrap().parse().unwrap()
}

async fn held(host: &Host) -> usize {
    host.admin.get("/api/sources").await[0]["held"].as_u64().unwrap().try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_source_holds_what_it_accepts_over_a_restart_and_begins_it_in_order_when_it_is_opened() {
    let stub = Stub::start().await;
    // One after another, so that the order can be seen.
    let project = Project::new().system("stub", &stub.url()).workflow("orders", STEPS);
    let config = project.write();
    let file = project.folder().join("workflows/orders.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\nlane: \"${{{{ 'all' }}}}${{{{ body.number > 0 }}}}\"\n")).unwrap();

    let host = Host::on_disk(&config).await;
    assert_eq!(set(&host, "paused").await["mode"], "paused");
    for number in 1..=3 {
        let (status, answer) = send(&host, number).await;
        assert_eq!((status, &answer["held"]), (202, &json!(true)), "{answer}");
    }
    let (_, first) = send(&host, 1).await;
    assert_eq!(first["duplicate"], true, "its dedupe key is claimed: {first}");
    host.stop().await;

    let host = Host::on_disk(&config).await;
    assert_eq!(held(&host).await, 3);
    let (_, fourth) = send(&host, 4).await;
    assert_eq!(fourth["held"], true, "{fourth}");
    let unfinished = host.admin.get("/api/status").await["backlog"]["unfinished"].clone();
    assert_eq!(unfinished, json!(0), "what is held keeps nothing else from being accepted");
    assert!(stub.seen().is_empty());

    set(&host, "open").await;
    host.admin.ended(run(&fourth)).await;
    let paths: Vec<String> = stub.seen().iter().map(|request| request.path.clone()).collect();
    assert_eq!(paths, ["1", "2", "3", "4"]);
    let (_, fifth) = send(&host, 5).await;
    assert_eq!(fifth.get("held"), None, "{fifth}");
    assert_eq!(host.admin.ended(run(&fifth)).await.0.phase.name(), PhaseName::Succeeded);
    assert_eq!(host.admin.get("/api/sources").await[0]["mode"], "open");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_event_begins_when_it_is_replayed_and_not_before() {
    let stub = Stub::start().await;
    let project = Project::new().system("stub", &stub.url()).workflow("orders", STEPS);
    let host = Host::in_memory(&project.write()).await;
    set(&host, "capture").await;
    let mut runs = Vec::new();
    for number in 1..=3 {
        runs.push(run(&send(&host, number).await.1));
    }
    // Opening a captured source begins nothing of what it holds.
    set(&host, "open").await;
    let (_, fourth) = send(&host, 4).await;
    host.admin.ended(run(&fourth)).await;
    assert_eq!(held(&host).await, 3);

    let replay = async |body: Value| host.admin.post("/api/sources/replay", &body).await;
    let (status, answer) = replay(json!({ "path": PATH, "runs": [runs[1]] })).await;
    assert_eq!((status, answer), (200, json!({ "released": 1 })));
    host.admin.ended(runs[1]).await;
    let (status, answer) = replay(json!({ "path": PATH, "runs": [runs[1]] })).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("illegal-transition")), "{answer}");
    // One is thrown away, and the rest goes.
    let (status, _) = host.admin.post(&format!("/api/runs/{}/cancel", runs[0]), &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(replay(json!({ "path": PATH })).await.1, json!({ "released": 1 }));
    host.admin.ended(runs[2]).await;
    let mut paths: Vec<String> = stub.seen().iter().map(|request| request.path.clone()).collect();
    paths.sort();
    assert_eq!(paths, ["2", "3", "4"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_source_takes_nothing_and_an_unknown_one_is_named() {
    let project = Project::new().workflow("orders", "  - { id: same, use: map, with: { jq: . } }");
    let host = Host::in_memory(&project.write()).await;
    set(&host, "blocked").await;
    let (status, answer) = send(&host, 1).await;
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("source-blocked")));
    set(&host, "open").await;
    assert_eq!(send(&host, 1).await.0, 202, "what was refused claimed nothing");
    let set = async |body: Value| host.admin.post("/api/sources", &body).await;
    let (status, answer) = set(json!({ "path": "/nowhere", "mode": "paused" })).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("no-such-source")));
    let (status, _) = set(json!({ "path": PATH, "mode": "resuming" })).await;
    assert_eq!(status, 400);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_of_an_event_is_open_or_blocked_and_says_why_it_holds_nothing() {
    let event = "events:\n  shipment:\n    webhook: { path: /shipments, verify: { scheme: none } }\n    key: \"${{ body.order }}\"";
    let host = Host::in_memory(&Project::new().extra(event).write()).await;
    let set = async |mode: &str| {
        host.admin.post("/api/sources", &json!({ "path": "/shipments", "mode": mode })).await
    };
    let post = async || {
        let request = client().post(format!("{}/shipments", host.ingress));
        let request = request.header("content-type", "application/json").body(r#"{"order":"SO-1"}"#);
        request.send().await.unwrap().status().as_u16()
    };
    for mode in ["paused", "capture"] {
        let (status, answer) = set(mode).await;
        let why = answer["error"]["message"].as_str().unwrap();
        assert!(status == 400 && why.contains("open or blocked: runs wait for what it is sent"), "{answer}");
        assert_eq!(post().await, 202, "it is as it was");
    }
    assert_eq!(set("blocked").await.0, 200);
    assert_eq!(post().await, 403);
    assert_eq!(set("open").await.0, 200);
    assert_eq!(post().await, 202);
    let (status, answer) = host.admin.post("/api/sources/replay", &json!({ "path": "/shipments" })).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("no-such-source")));
    host.stop().await;
}
