//! Webhooks whose sender a plugin verifies: the guest `courier`, in a service.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use stepmill_core::signature::{Algorithm, sign};
use stepmill_server::catalog::{CheckOptions, check};
use stepmill_test_support::clock::ClockFrom;
use stepmill_test_support::guests;
use stepmill_test_support::host::{Host, PATIENCE};
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use stepmill_test_support::sender::client;
use tokio::net::TcpListener;

/// 2026-01-02T03:04:05Z.
const NOW_MS: u64 = 1_767_323_045_000;
const SECRET: &[u8] = b"the courier's secret of now";
const PREVIOUS: &[u8] = b"the courier's secret of before";

const VERIFY: &str = "scheme: plugin
      use: courier
      with: { prefix: courier- }
      keys: { signing: { secret: \"file:now\", previous: \"file:before\" } }";

fn workflow(verify: &str) -> String {
    format!(
        "name: parcels\non:\n  webhook:\n    path: /parcels\n    verify:\n      {verify}\n    body: {{ as: binary }}\nsteps:\n  - {{ id: echo, use: echo }}\n"
    )
}

fn project(verify: &str) -> Project {
    Project::new()
        .guests(&["echo", "courier"])
        .file("now", std::str::from_utf8(SECRET).unwrap())
        .file("before", std::str::from_utf8(PREVIOUS).unwrap())
        .file("workflows/parcels.yaml", &workflow(verify))
}

async fn host() -> Host {
    Host::at(&project(VERIFY).write(), Arc::new(ClockFrom::start(NOW_MS))).await
}

/// A request of the courier's.
#[derive(Clone)]
struct Parcel {
    id: &'static str,
    at_ms: u64,
    body: Vec<u8>,
    secret: &'static [u8],
    besides: Option<&'static str>,
}

fn parcel(id: &'static str) -> Parcel {
    Parcel { id, at_ms: NOW_MS, body: br#"{"n":1}"#.to_vec(), secret: SECRET, besides: None }
}

impl Parcel {
    fn signature(&self) -> String {
        let signed = [format!("{}.{}.", self.id, self.at_ms / 1_000).as_bytes(), &self.body].concat();
        sign::hmac_hex(Algorithm::Sha256, self.secret, &signed)
    }

    fn request(&self, ingress: &str) -> RequestBuilder {
        let request = client()
            .post(format!("{ingress}/parcels"))
            .header("x-courier-id", self.id)
            .header("x-courier-time", self.at_ms / 1_000)
            .header("x-courier-signature", self.signature())
            .body(self.body.clone());
        match self.besides {
            Some(what) => request.header("x-courier-do", what),
            None => request,
        }
    }

    async fn send(&self, host: &Host) -> (u16, Value) {
        answer(self.request(&host.ingress)).await
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let (status, after) = (response.status().as_u16(), response.headers().get("retry-after").cloned());
    let mut answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    if let Some(after) = after {
        answer["after"] = json!(after.to_str().unwrap());
    }
    (status, answer)
}

/// How often a metric of the courier's was counted with this label.
async fn count(host: &Host, metric: &str, label: &str) -> u64 {
    let metrics = host.admin.text("/metrics").await;
    let line = metrics.lines().find(|line| line.starts_with(&format!("{metric}{{")) && line.contains(label));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_believed_and_known_again_as_the_plugin_says() {
    let host = host().await;
    let (status, first) = parcel("p1").send(&host).await;
    assert_eq!((status, &first["duplicate"]), (202, &Value::Null), "{first}");
    // Sent again a minute later, under the secret before, with another body.
    let again = Parcel { at_ms: NOW_MS + 60_000, secret: PREVIOUS, body: b"[]".to_vec(), ..parcel("p1") };
    assert_eq!(again.send(&host).await, (202, json!({ "run": first["run"], "duplicate": true })));
    let other = parcel("p2").send(&host).await;
    assert!(other.0 == 202 && other.1["run"] != first["run"], "{other:?}");
    // A body that is no text is signed as it is, and one of nothing.
    for (id, body) in [("p3", vec![0xff, 0x00, 0xfe]), ("p4", Vec::new())] {
        assert_eq!(Parcel { body, ..parcel(id) }.send(&host).await.0, 202, "{id}");
    }
    // An id that is too long for a key is none, so that each delivery is another event.
    let long: &'static str = "p".repeat(600).leak();
    let runs = [parcel(long).send(&host).await, parcel(long).send(&host).await];
    assert!(runs.iter().all(|(status, _)| *status == 202), "{runs:?}");
    assert_ne!(runs[0].1["run"], runs[1].1["run"]);
    let told = json!({
        "scheme": "plugin", "plugin": "courier", "strength": "by-plugin", "weaknesses": ["by-plugin"],
    });
    assert_eq!(host.admin.get("/api/workflows").await[0]["verify"], told);
    assert!(count(&host, "stepmill_verifications_total", "result=\"verified\"").await >= 7);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_plugin_refuses_is_a_401_whose_reason_only_the_operator_learns() {
    let host = host().await;
    let good = parcel("p1");
    let without = |name: &str| {
        let mut request = good.request(&host.ingress).build().unwrap();
        request.headers_mut().remove(name).unwrap();
        RequestBuilder::from_parts(client(), request)
    };
    let flipped = |at: usize| {
        let mut body = good.body.clone();
        body[at] ^= 1;
        good.request(&host.ingress).body(body)
    };
    let late = Parcel { at_ms: NOW_MS - 301_000, ..good.clone() };
    let early = Parcel { at_ms: NOW_MS + 303_000, ..good.clone() };
    let forged = Parcel { secret: b"a guess", ..good.clone() };
    let refused = [
        ("mismatch", flipped(0)),
        ("mismatch", flipped(6)),
        ("mismatch", good.request(&host.ingress).body(good.body[1..].to_vec())),
        ("mismatch", forged.request(&host.ingress)),
        ("missing-header", without("x-courier-id")),
        ("missing-header", without("x-courier-time")),
        ("missing-header", without("x-courier-signature")),
        ("repeated-header", good.request(&host.ingress).header("x-courier-signature", good.signature())),
        ("repeated-header", good.request(&host.ingress).header("x-courier-time", "1")),
        ("malformed-header", without("x-courier-time").header("x-courier-time", "soon")),
        ("malformed-header", without("x-courier-signature").header("x-courier-signature", "v1=ab")),
        ("too-old", late.request(&host.ingress)),
        ("too-new", early.request(&host.ingress)),
        ("other", Parcel { besides: Some("what?"), ..good.clone() }.request(&host.ingress)),
        ("other", Parcel { besides: Some("long-refusal"), ..good.clone() }.request(&host.ingress)),
    ];
    for (reason, request) in refused {
        let label = format!("workflow=\"parcels\",reason=\"{reason}\"");
        let before = count(&host, "stepmill_signatures_refused_total", &label).await;
        let (status, answer) = answer(request).await;
        let told = json!({ "code": "signature-refused", "message": "the request could not be verified" });
        assert_eq!((status, &answer["error"]), (401, &told), "{reason}");
        assert!(count(&host, "stepmill_signatures_refused_total", &label).await > before, "{reason}");
    }
    assert_eq!(host.admin.get("/api/runs").await["runs"], json!([]));
    assert_eq!(good.send(&host).await.0, 202);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_gives_no_verdict_is_a_503_after_which_the_sender_comes_again() {
    let host = host().await;
    for (besides, cause) in [
        ("panic", "trap"),
        ("loop", "cpu-deadline"),
        ("memory", "memory-limit"),
        ("ask-too-often", "trap"),
        ("ask-for-another", "trap"),
        ("ask-the-wrong-way", "trap"),
    ] {
        let label = format!("result=\"{cause}\"");
        let before = count(&host, "stepmill_verifications_total", &label).await;
        let (status, answer) = Parcel { besides: Some(besides), ..parcel("p1") }.send(&host).await;
        let told = json!({
            "code": "verifier-unavailable",
            "message": "the request could not be verified now: send it again later",
        });
        assert_eq!((status, &answer["error"], &answer["after"]), (503, &told, &json!("60")), "{besides}");
        assert!(count(&host, "stepmill_verifications_total", &label).await > before, "{besides}");
    }
    assert_eq!(host.admin.get("/api/runs").await["runs"], json!([]));
    // What it has logged is cut, and no fault.
    assert_eq!(Parcel { besides: Some("flood"), ..parcel("p1") }.send(&host).await.0, 202);
    host.stop().await;
}

/// What the operator reads of a refusal, of a fault, and of the guest's own lines; and what a guest that is after the
/// secret finds of it by its environment, by files, and in its memory when the keys have answered it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_the_plugins_own_words_and_nothing_has_the_secret() {
    let binary = Path::new(env!("CARGO_BIN_EXE_stepmill"));
    let project = project(VERIFY);
    let service = Process::start(binary, &project.write()).await;
    let url = &service.addresses.ingress;
    let deadline = Instant::now() + PATIENCE;
    while service.admin.get("/api/status").await["prepared"] != true {
        assert!(Instant::now() < deadline, "{}", service.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let parcel = |besides| Parcel { at_ms: now_ms, besides: Some(besides), ..parcel("an-id-to-be-found") };
    let status = async |parcel: Parcel| answer(parcel.request(url)).await.0;
    assert_eq!(status(Parcel { secret: b"a guess", ..parcel("") }).await, 401);
    assert_eq!(status(parcel("panic")).await, 503);
    assert_eq!(status(parcel("long-refusal")).await, 401);
    let masked = |bytes: &[u8]| hex::encode(bytes.iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>());
    for secret in [SECRET, PREVIOUS] {
        let request = parcel("search").request(url).header("x-courier-masked", masked(secret));
        assert_eq!(answer(request).await.0, 401);
    }
    let log = service.log();
    for told in [
        "the signature does not fit",
        "the courier's signature does not fit",
        "the courier panicked on purpose",
        &"x".repeat(1_000),
        "config prepared plugin=courier user=/parcels",
    ] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(!log.contains(&"x".repeat(1_025)), "a refusal is cut");
    let found = "secret: false, id: true, environment: 0, files: false, time stands";
    assert_eq!(log.matches(found).count(), 2, "{log}");
}

/// Nor could strangers keep steps from it, as verifications take no place of theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_verified_while_a_slow_step_has_the_only_place() {
    // It takes a connection and says nothing.
    let system = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let project = project(VERIFY)
        .guests(&["post"])
        .system("silent", &format!("http://{}", system.local_addr().unwrap()))
        .extra("concurrency: { attempts: 1 }")
        .workflow("slow", "  - { id: wait, use: post, system: silent, with: { path: /a } }");
    let host = Host::at(&project.write(), Arc::new(ClockFrom::start(NOW_MS))).await;
    host.accept("slow", "1", &json!({})).await;
    let _connection = system.accept().await.unwrap();
    for id in ["p1", "p2", "p3"] {
        assert_eq!(parcel(id).send(&host).await.0, 202, "{id}");
    }
    drop(system);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_replaced_while_the_service_runs() {
    let project = project(VERIFY);
    fs::copy(guests::path("courier"), project.folder().join("plugin.wasm")).unwrap();
    let config = |project: &Project| {
        let path = project.write();
        let text = fs::read_to_string(&path).unwrap();
        let courier = guests::path("courier").display().to_string();
        assert!(text.contains(&courier));
        fs::write(&path, text.replace(&format!("{courier:?}"), "plugin.wasm")).unwrap();
        path
    };
    let host = Host::at(&config(&project), Arc::new(ClockFrom::start(NOW_MS))).await;
    assert_eq!(parcel("p1").send(&host).await.0, 202);
    // The same with another header for the id.
    let mut next = guests::bytes("courier");
    let (before, after) = (b"x-courier-id", b"x-courier-no");
    let places: Vec<_> =
        (0..next.len() - before.len()).filter(|at| next[*at..].starts_with(before)).collect();
    for at in &places {
        next[*at..at + after.len()].copy_from_slice(after);
    }
    assert!(!places.is_empty());
    fs::write(project.folder().join("plugin.wasm"), next).unwrap();
    let (status, changes) = host.admin.post("/api/reload", &json!({})).await;
    assert_eq!((status, &changes["plugins"]["changed"]), (200, &json!(["courier"])), "{changes}");
    assert_eq!(parcel("p2").send(&host).await.0, 401);
    let renamed = parcel("p2").request(&host.ingress).header("x-courier-no", "p2");
    assert_eq!(answer(renamed).await.0, 202);
    host.stop().await;
}

async fn diagnostics(project: &Project) -> String {
    let report = check(&project.write(), CheckOptions { offline: true, strict: false }).await;
    let mut text = report.diagnostics.to_string();
    text = text.replace(&project.folder().display().to_string(), "FOLDER");
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mistake_in_a_webhook_with_a_plugin_is_found_before_it_is_deployed() {
    let keys = "keys: { signing: { secret: \"file:secret\" } }";
    let with = "with: { prefix: a }";
    let cases = [
        ("right", format!("scheme: plugin\n      use: courier\n      {with}\n      {keys}")),
        ("no such plugin", format!("scheme: plugin\n      use: curier\n      {with}\n      {keys}")),
        ("another kind", format!("scheme: plugin\n      use: echo\n      {keys}")),
        ("a stock plugin of another kind", "scheme: plugin\n      use: map".to_owned()),
        ("no plugin", format!("scheme: plugin\n      {keys}")),
        (
            "another config",
            format!("scheme: plugin\n      use: courier\n      with: {{ prefix: 1 }}\n      {keys}"),
        ),
        (
            "an unknown key of config",
            format!(
                "scheme: plugin\n      use: courier\n      with: {{ prefix: a, tolrance: 1 }}\n      {keys}"
            ),
        ),
        (
            "an expression",
            format!(
                "scheme: plugin\n      use: courier\n      with: {{ prefix: \"${{{{ body.id }}}}\" }}\n      {keys}"
            ),
        ),
        (
            "a config that it refuses",
            format!("scheme: plugin\n      use: courier\n      with: {{ prefix: forbidden }}\n      {keys}"),
        ),
        ("no key", format!("scheme: plugin\n      use: courier\n      {with}")),
        (
            "another key",
            format!(
                "scheme: plugin\n      use: courier\n      {with}\n      keys:\n        singing: {{ secret: \"file:secret\" }}"
            ),
        ),
        (
            "a secret that is not there",
            format!(
                "scheme: plugin\n      use: courier\n      {with}\n      keys:\n        signing:\n          secret: file:nowhere"
            ),
        ),
        (
            "a secret in its place",
            format!(
                "scheme: plugin\n      use: courier\n      {with}\n      keys:\n        signing:\n          secret: hunter2"
            ),
        ),
        (
            "a public key that is none",
            format!(
                "scheme: plugin\n      use: courier\n      {with}\n      keys:\n        signing:\n          public_key: none"
            ),
        ),
        (
            "two kinds of key",
            format!(
                "scheme: plugin\n      use: courier\n      {with}\n      keys:\n        signing:\n          secret: file:secret\n          public_key: file:secret"
            ),
        ),
    ];
    let mut read = String::new();
    for (name, verify) in cases {
        read += &format!("=== {name}\n{}\n", diagnostics(&project(&verify)).await);
    }
    let step = Project::new()
        .guests(&["courier"])
        .workflow("orders", "  - { id: one, use: courier, with: { prefix: a } }");
    read += &format!("=== a step\n{}\n", diagnostics(&step).await);
    assert!(!read.contains("hunter2"), "{read}");
    insta::assert_snapshot!(read);
    let path = guests::path("courier").display().to_string();
    let shadow = project(VERIFY).extra(&format!("shadows: {{ courier: {{ path: {path:?} }} }}"));
    let text = diagnostics(&shadow).await;
    assert!(text.contains("error: courier is a verify plugin, which makes no attempts"), "{text}");
}

/// An event's webhook, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_runs_wait_for_are_verified_by_plugins_as_well() {
    let verify =
        "{ scheme: plugin, use: courier, with: { prefix: a }, keys: { signing: { secret: \"file:now\" } } }";
    let events = format!(
        "events:\n  arrival:\n    webhook: {{ path: /parcels, verify: {verify}, body: {{ as: binary }} }}\n    key: \"${{{{ headers['x-courier-id'] }}}}\""
    );
    let project =
        Project::new().guests(&["courier"]).file("now", std::str::from_utf8(SECRET).unwrap()).extra(&events);
    let host = Host::at(&project.write(), Arc::new(ClockFrom::start(NOW_MS))).await;
    let (status, answer) = parcel("p1").send(&host).await;
    assert_eq!((status, answer["woken"].as_array().map(Vec::len)), (202, Some(0)), "{answer}");
    assert_eq!(Parcel { secret: PREVIOUS, ..parcel("p2") }.send(&host).await.0, 401);
    host.stop().await;
}
