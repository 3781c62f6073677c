//! Signatures by keys that a service fetches: from a server on loopback that stands for the provider.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use stepmill_test_support::clock::ClockFrom;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::sender::client;
use tokio::net::TcpListener;
use url::Url;

/// The time of the vectors: 2026-01-02T03:04:05Z.
const NOW_MS: u64 = 1_767_323_045_000;

#[derive(Deserialize)]
struct File {
    verify: Value,
    keys: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    request: Sent,
    expect: Value,
}

#[derive(Deserialize)]
struct Sent {
    headers: Vec<(String, String)>,
    body: Value,
}

fn read(name: &str) -> File {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/senders/vectors");
    serde_json::from_str(&fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap()
}

/// What stands in for a provider: documents by their paths, and what it was asked.
struct Provider {
    url: String,
    is_up: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    async fn of(file: &File) -> Self {
        let path = |url: &String| Url::parse(url).unwrap().path().to_owned();
        let documents: BTreeMap<_, _> =
            file.keys.iter().map(|(url, document)| (path(url), document.clone())).collect();
        let (is_up, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(Vec::new())));
        let (up, heard) = (Arc::clone(&is_up), Arc::clone(&asked));
        let router = Router::new().fallback(move |request: Request| async move {
            heard.lock().unwrap().push(request.uri().to_string());
            match documents.get(request.uri().path()) {
                Some(document) if up.load(Ordering::SeqCst) => document.clone().into_response(),
                // Where a subscription is confirmed.
                None if request.uri().path() == "/" => "confirmed".into_response(),
                Some(_) | None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, is_up, asked }
    }
}

async fn host(name: &str, file: &File, provider: &Provider) -> Host {
    let mut verify = file.verify.clone();
    if name == "jwt" {
        let url = Url::parse(verify["jwks"].as_str().unwrap()).unwrap();
        verify["jwks"] = json!(format!("{}{}", provider.url, url.path()));
    } else {
        verify["keys"] = json!(provider.url);
    }
    let workflow = format!(
        "name: {name}\non:\n  webhook: {{ path: /{name}, verify: {verify} }}\nsteps: [{{ id: echo, use: echo }}]\n"
    );
    let project = Project::new().guests(&["echo"]).file(&format!("workflows/{name}.yaml"), &workflow);
    Host::at(&project.write(), Arc::new(ClockFrom::start(NOW_MS))).await
}

impl Sent {
    async fn send(&self, host: &Host, name: &str) -> (u16, Value, bool) {
        let body = match self.body.as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => STANDARD.decode(self.body["base64"].as_str().unwrap()).unwrap(),
        };
        let mut request = client().post(format!("{}/{name}", host.ingress)).body(body);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let (status, is_later) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(), is_later)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_believed_by_the_key_that_its_provider_publishes() {
    for name in ["aws-sns", "jwt", "paypal"] {
        let file = read(name);
        let provider = Provider::of(&file).await;
        let host = host(name, &file, &provider).await;
        for case in &file.cases {
            let (status, answer, _) = case.request.send(&host, name).await;
            let what = format!("{name}: {}: {answer}", case.name);
            // A body that is not UTF-8 is signed right, and is no JSON; a subscription is confirmed, and no event.
            match case.expect.as_str().unwrap() {
                "accepted" if case.request.body.is_object() => assert_eq!(status, 400, "{what}"),
                "accepted" if case.name == "a subscription" => assert_eq!(status, 200, "{what}"),
                "accepted" => assert_eq!(status, 202, "{what}"),
                _ => assert_eq!(
                    (status, &answer["error"]["code"]),
                    (401, &json!("signature-refused")),
                    "{what}"
                ),
            }
        }
        let documents = provider
            .asked
            .lock()
            .unwrap()
            .iter()
            .filter(|path| path.len() > 1 && !path.contains('?'))
            .count();
        assert_eq!(documents, 1, "{name}: {:?}", provider.asked.lock().unwrap());
        host.stop().await;
    }
}

/// Neither believed nor refused for good: the sender comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_had_is_no_verdict() {
    let file = read("paypal");
    let provider = Provider::of(&file).await;
    provider.is_up.store(false, Ordering::SeqCst);
    let host = host("paypal", &file, &provider).await;
    for _ in 0..3 {
        let (status, answer, is_later) = file.cases[0].request.send(&host, "paypal").await;
        assert_eq!((status, &answer["error"]["code"], is_later), (503, &json!("key-unavailable"), true));
    }
    // What can be told without the key is refused for good.
    let elsewhere = file.cases.iter().find(|case| case.name == "a certificate at another host").unwrap();
    assert_eq!(elsewhere.request.send(&host, "paypal").await.0, 401);
    assert_eq!(provider.asked.lock().unwrap().len(), 1);
    assert_eq!(host.admin.get("/api/runs").await["runs"], json!([]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_confirmed_where_amazon_says_and_nowhere_else() {
    let file = read("handshakes/aws-sns");
    let provider = Provider::of(&file).await;
    let host = host("aws-sns", &file, &provider).await;
    for case in &file.cases {
        let (status, answer, _) = case.request.send(&host, "aws-sns").await;
        let what = format!("{}: {answer}", case.name);
        match case.expect.as_str() {
            None => assert_eq!(status, 200, "{what}"),
            Some("none") => assert_eq!(status, 202, "{what}"),
            Some(_) => assert!([401, 403].contains(&status), "{what}"),
        }
    }
    let fetch = file.cases.iter().find_map(|case| case.expect["fetch"].as_str()).unwrap();
    let visits: Vec<_> =
        provider.asked.lock().unwrap().iter().filter(|path| path.contains('?')).cloned().collect();
    assert_eq!(visits, [fetch.split_once(".com").unwrap().1]);
    host.stop().await;
}
