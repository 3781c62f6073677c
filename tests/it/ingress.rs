//! The front door: what a sender reads, and why.

use serde_json::{Value, json};
use stepmill_core::journal::PhaseName;
use stepmill_core::signature::{Algorithm, sign};
use stepmill_test_support::host::Host;
use stepmill_test_support::project::{Project, SECRET};
use stepmill_test_support::sender::client;

fn echo() -> Project {
    Project::new().guests(&["echo"]).workflow("orders", "  - { id: echo, use: echo }")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_event_is_answered_with_the_first_run() {
    let host = Host::in_memory(&echo().write()).await;
    let first = host.accept("orders", "same", &json!({ "n": 1 })).await;
    let (status, answer) = host.sender.send("orders", "same", &json!({ "n": 2 })).await.unwrap();
    assert_eq!(status, 202);
    assert_eq!(answer, json!({ "run": first.to_string(), "duplicate": true }));
    // Fifty at once under one key become one run.
    let sends = (0..50).map(|n| {
        let sender = host.sender.clone();
        tokio::spawn(async move { sender.send("orders", "herd", &json!({ "n": n })).await.unwrap().1 })
    });
    let mut new = 0;
    for send in sends.collect::<Vec<_>>() {
        new += usize::from(send.await.unwrap().get("duplicate").is_none());
    }
    assert_eq!(new, 1);
    host.admin.idle().await;
    assert_eq!(host.admin.count(PhaseName::Succeeded).await, 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_its_status_and_code() {
    let host = Host::in_memory(&echo().write()).await;
    let body = r#"{"n":1}"#;
    let good = sign::hmac_hex(Algorithm::Sha256, SECRET.as_bytes(), body.as_bytes());
    let url = format!("{}/orders", host.ingress);
    let post = |url: &str| client().post(url).header("content-type", "application/json").header("x-id", "1");
    let broken = r#"{"n":"#;
    let broken_signature = sign::hmac_hex(Algorithm::Sha256, SECRET.as_bytes(), broken.as_bytes());
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    let requests = [
        (404, "no-such-webhook", post(&format!("{}/nowhere", host.ingress)).body(body)),
        (405, "method-not-allowed", client().get(&url)),
        (401, "signature-refused", post(&url).body(body)),
        (401, "signature-refused", post(&url).header("x-signature", &good).body(r#"{"n":2}"#)),
        (400, "malformed-json", post(&url).header("x-signature", broken_signature).body(broken)),
        (413, "body-too-large", post(&url).header("x-signature", &good).body(large)),
        (
            415,
            "unsupported-encoding",
            post(&url).header("x-signature", &good).header("content-encoding", "compress").body(body),
        ),
        (
            422,
            "no-dedupe-key",
            client().post(&url).header("x-signature", &good).header("x-id", "").body(body),
        ),
    ];
    for (status, code, request) in requests {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{code}");
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    assert_eq!(host.admin.get("/api/runs").await["runs"], json!([]));
    let metrics = host.admin.text("/metrics").await;
    assert!(metrics.contains("stepmill_events_refused_total{code=\"signature-refused\"}"), "{metrics}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_journal_says_when_to_come_again() {
    let project = Project::new()
        .guests(&["slow"])
        .extra("journal: { max_unfinished: 3 }")
        .workflow("orders", "  - { id: slow, use: slow, with: { ms: 20000 } }");
    let host = Host::in_memory(&project.write()).await;
    for n in 0..3 {
        host.accept("orders", &n.to_string(), &json!({})).await;
    }
    let body = "{}";
    let response = client()
        .post(format!("{}/orders", host.ingress))
        .header("x-id", "4")
        .header("x-signature", sign::hmac_hex(Algorithm::Sha256, SECRET.as_bytes(), body.as_bytes()))
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "30");
    host.stop().await;
}
