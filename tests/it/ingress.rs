//! The front door: what a sender reads, and why.

use std::time::{SystemTime, UNIX_EPOCH};

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

/// A request that Stripe would send, with this id of an event.
fn stripe(url: &str, id: &str, secret: &str) -> reqwest::RequestBuilder {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let body = json!({ "id": id, "type": "invoice.paid" }).to_string();
    let signature = sign::hmac_hex(Algorithm::Sha256, secret.as_bytes(), format!("{now}.{body}").as_bytes());
    let header = format!("t={now},v1={},v1={signature}", "0".repeat(64));
    client()
        .post(url)
        .header("content-type", "application/json")
        .header("stripe-signature", header)
        .body(body)
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_a_provider_sends_again_is_known_by_its_own_id() {
    let workflow = |name: &str, verify: &str| {
        format!(
            "name: {name}\non: {{ webhook: {{ path: /{name}, {verify} }} }}\nsteps:\n  - {{ id: shape, use: map, with: {{ jq: . }} }}\n"
        )
    };
    let verify = "verify: { scheme: stripe, secret: \"file:new\", previous: \"file:old\" }";
    let project = Project::new()
        .file("new", "new secret")
        .file("old", "old secret")
        .file("workflows/known.yaml", &workflow("known", verify))
        .file("workflows/each.yaml", &workflow("each", &format!("{verify}, dedupe: none")));
    let host = Host::in_memory(&project.write()).await;
    let url = |name: &str| format!("{}/{name}", host.ingress);
    let (status, first) = answer(stripe(&url("known"), "evt_1", "old secret")).await;
    assert_eq!((status, &first["duplicate"]), (202, &Value::Null), "{first}");
    let (status, again) = answer(stripe(&url("known"), "evt_1", "new secret")).await;
    assert_eq!((status, again), (202, json!({ "run": first["run"], "duplicate": true })));
    assert_ne!(answer(stripe(&url("known"), "evt_2", "new secret")).await.1["run"], first["run"]);
    let (status, refused) = answer(stripe(&url("known"), "evt_3", "another secret")).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("signature-refused")));
    for _ in 0..2 {
        let (status, answer) = answer(stripe(&url("each"), "evt_1", "new secret")).await;
        assert_eq!((status, &answer["duplicate"]), (202, &Value::Null));
    }
    let workflows = host.admin.get("/api/workflows").await;
    assert_eq!(workflows[0]["verify"], json!({ "scheme": "stripe", "strength": "strong", "weaknesses": [] }));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_is_signed_as_its_sender_calls_it() {
    let workflow = "name: payments\non: { webhook: { path: /payments, verify: { scheme: square, secret: \"file:secret\" } } }\nsteps:\n  - { id: shape, use: map, with: { jq: . } }\n";
    let project = Project::new()
        .extra("ingress: { public_url: \"https://hooks.example.com/in/\" }")
        .file("secret", "a secret")
        .file("workflows/payments.yaml", workflow);
    let host = Host::in_memory(&project.write()).await;
    let send = |signed: &str| {
        let body = json!({ "event_id": signed }).to_string();
        let signature =
            sign::hmac_base64(Algorithm::Sha256, b"a secret", format!("{signed}{body}").as_bytes());
        let request = client().post(format!("{}/payments?shop=%C3%A4+1", host.ingress));
        answer(
            request
                .header("content-type", "application/json")
                .header("x-square-hmacsha256-signature", signature)
                .body(body),
        )
    };
    assert_eq!(send("https://hooks.example.com/in/payments?shop=%C3%A4+1").await.0, 202);
    for wrong in
        ["https://hooks.example.com/in/payments", &format!("{}/payments?shop=%C3%A4+1", host.ingress)]
    {
        assert_eq!(send(wrong).await.0, 401, "{wrong}");
    }
    let workflows = host.admin.get("/api/workflows").await;
    let verify = json!({ "scheme": "square", "strength": "weak", "weaknesses": ["no-timestamp"] });
    assert_eq!(workflows[0]["verify"], verify);
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
