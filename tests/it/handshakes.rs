//! The questions of providers, asked of a service: each file of vectors is a webhook.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use stepmill_test_support::clock::ClockFrom;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::sender::client;

/// The time of the vectors: 2026-01-02T03:04:05Z.
const NOW_MS: u64 = 1_767_323_045_000;
const BASE: &str = "https://hooks.example.com";

#[derive(Deserialize)]
struct File {
    handshake: Value,
    verify: Value,
    secrets: BTreeMap<String, String>,
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
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/senders/vectors/handshakes");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_stem().is_some_and(|name| name != "aws-sns"));
    paths.sort();
    paths.iter().map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect()
}

impl File {
    fn name(&self) -> &str {
        self.handshake["kind"].as_str().unwrap()
    }

    /// The path of the webhook, as its cases have it.
    fn path(&self) -> &str {
        let url = self.cases[0].request.url.strip_prefix(BASE).unwrap();
        url.split_once('?').map_or(url, |(path, _)| path)
    }

    /// With its secrets in files: the environment is everybody's.
    fn add(&self, project: Project) -> Project {
        let (verify, handshake) = (self.verify.to_string(), self.handshake.to_string());
        let [verify, handshake] = [verify, handshake].map(|text| text.replace("\"env:", "\"file:secrets/"));
        let (name, path) = (self.name(), self.path());
        let workflow = format!(
            "name: {name}\non:\n  webhook:\n    path: {path}\n    verify: {verify}\n    handshake: {handshake}\n\
             steps: [{{ id: echo, use: echo }}]\n"
        );
        let project = project.file(&format!("workflows/{name}.yaml"), &workflow);
        self.secrets
            .iter()
            .fold(project, |project, (name, secret)| project.file(&format!("secrets/{name}"), secret))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_read_what_they_ask_for_and_strangers_nothing() {
    let files = files();
    let project = Project::new().guests(&["echo"]).extra(&format!("ingress: {{ public_url: {BASE} }}"));
    let project = files.iter().fold(project, |project, file| file.add(project));
    let host = Host::at(&project.write(), Arc::new(ClockFrom::start(NOW_MS))).await;
    let mut events = 0;
    for (file, case) in files.iter().flat_map(|file| file.cases.iter().map(move |case| (file, case))) {
        let what = format!("{}: {}", file.name(), case.name);
        let url = case.request.url.replacen(BASE, &host.ingress, 1);
        let method: Method = case.request.method.parse().unwrap();
        let mut request = client().request(method.clone(), url).body(case.request.body.clone());
        for (name, value) in &case.request.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.text().await.unwrap();
        match case.expect.as_str() {
            Some("refused") => {
                let error: Value = serde_json::from_str(&body).unwrap();
                let code = error["error"]["code"].as_str().unwrap();
                let codes = [(401, "signature-refused"), (403, "handshake-refused")];
                assert!(codes.contains(&(status, code)), "{what}: {status} {body}");
            }
            Some(_) if method == Method::POST => {
                assert_eq!(status, 202, "{what}: {body}");
                // Some are of one delivery's id.
                events += usize::from(!body.contains("duplicate"));
            }
            Some(_) => {
                assert_eq!(status, 405, "{what}: {body}");
                let allow = headers["allow"].to_str().unwrap();
                assert!(allow.starts_with("POST, ") && allow.contains(method.as_str()), "{what}: {allow}");
            }
            None => {
                assert_eq!(json!(status), case.expect["status"], "{what}: {body}");
                for (name, value) in case.expect["headers"].as_object().unwrap() {
                    assert_eq!(headers[name].to_str().unwrap(), value.as_str().unwrap(), "{what}: {name}");
                }
                match &case.expect["body"] {
                    Value::String(text) => assert_eq!(body, *text, "{what}"),
                    value => assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), *value, "{what}"),
                }
            }
        }
    }
    host.admin.idle().await;
    assert_eq!(host.admin.get("/api/runs?limit=100").await["runs"].as_array().unwrap().len(), events);
    let metrics = host.admin.text("/metrics").await;
    let counted = "stepmill_handshakes_total{source=\"zoom\",provider=\"zoom\",result=\"answered\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    // What Asana will sign with is for the operator's eyes.
    let kept = project.folder().join("data/handshakes/asana");
    assert_eq!(
        fs::read_to_string(&kept).unwrap(),
        "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
    );
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_answers_no_more_than_a_provider_asks() {
    let file = files().into_iter().find(|file| file.name() == "x").unwrap();
    let host = Host::in_memory(&file.add(Project::new().guests(&["echo"])).write()).await;
    let ask = |method| client().request(method, format!("{}/x?crc_token=a", host.ingress));
    let head = ask(Method::HEAD).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap()), (200, String::new()));
    let put = ask(Method::PUT).send().await.unwrap();
    assert_eq!((put.status().as_u16(), put.headers()["allow"].to_str().unwrap()), (405, "POST, GET, HEAD"));
    let mut statuses = BTreeMap::new();
    for _ in 0..40 {
        let response = ask(Method::GET).send().await.unwrap();
        let is_later = response.headers().contains_key("retry-after");
        *statuses.entry((response.status().as_u16(), is_later)).or_insert(0) += 1;
    }
    assert!(
        statuses[&(200, false)] >= 9 && statuses[&(429, true)] >= 1 && statuses.len() == 2,
        "{statuses:?}"
    );
    host.stop().await;
}
