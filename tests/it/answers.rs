//! What a webhook answers where config says so: the same to an event that is sent again.

use serde_json::json;
use stepmill_core::signature::{Algorithm, sign};
use stepmill_test_support::host::Host;
use stepmill_test_support::project::{Project, SECRET};
use stepmill_test_support::sender::client;

/// A project with a webhook that answers so.
fn with(project: Project, name: &str, answer: &str) -> Project {
    let keys = format!("dedupe: \"${{{{ headers['x-id'] }}}}\"\n    answer: {answer}");
    project.workflow_with(name, &keys, "  - { id: same, use: map, with: { jq: . } }")
}

struct Answer {
    status: u16,
    media_type: Option<String>,
    header: Option<String>,
    body: String,
}

async fn send(host: &Host, path: &str, id: &str) -> Answer {
    let body = json!({ "order": 7 }).to_string();
    let signature = sign::hmac_hex(Algorithm::Sha256, SECRET.as_bytes(), body.as_bytes());
    let request =
        client().post(format!("{}{path}", host.ingress)).header("x-id", id).header("x-signature", signature);
    let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
    let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
    let (status, media_type, header) = (response.status().as_u16(), header("content-type"), header("x-shop"));
    Answer { status, media_type, header, body: response.text().await.unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_config_is_given_again_with_the_run_that_has_the_event() {
    let json_answer = "{ status: 200, headers: { x-shop: seen }, body: { order: \"${{ body.order }}\", run: \"${{ run.id }}\" } }";
    let project = [
        ("json", json_answer),
        ("text", "{ status: 201, body: \"[accepted]\" }"),
        ("empty", "{ status: 204 }"),
        ("odd", "{ body: \"${{ body.nothing.there }}\" }"),
    ]
    .into_iter()
    .fold(Project::new(), |project, (name, answer)| with(project, name, answer));
    let host = Host::in_memory(&project.write()).await;
    let first = send(&host, "/json", "1").await;
    assert_eq!((first.status, first.header.as_deref()), (200, Some("seen")));
    assert_eq!(first.media_type.as_deref(), Some("application/json"));
    let told: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    let run = told["run"].as_str().unwrap().parse().unwrap();
    assert_eq!(told["order"], 7);
    host.admin.ended(run).await;
    assert_eq!(send(&host, "/json", "1").await.body, first.body, "with the first run's id");
    assert_ne!(send(&host, "/json", "2").await.body, first.body);

    let text = send(&host, "/text", "1").await;
    assert_eq!((text.status, text.body.as_str()), (201, "[accepted]"));
    assert_eq!(text.media_type.as_deref(), Some("text/plain; charset=utf-8"));
    let empty = send(&host, "/empty", "1").await;
    assert_eq!((empty.status, empty.body.as_str()), (204, ""));
    // The event is on disk, whatever its sender can be told.
    let odd = send(&host, "/odd", "1").await;
    assert!(odd.status == 202 && odd.body.contains("run_"), "{} {}", odd.status, odd.body);
    host.stop().await;
}
