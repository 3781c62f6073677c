//! Bodies of every kind by the front door: what runs are told of them, and what is kept.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::StatusCode;
use serde_json::{Value, json};
use stepmill_core::RunId;
use stepmill_core::document::{Body, Document};
use stepmill_core::event::Event;
use stepmill_core::journal::PhaseName;
use stepmill_core::run::What;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::sender::client;
use tokio::task::spawn_blocking;

/// A workflow that takes anybody's bodies and gives them on.
fn project(webhook: &str, steps: &str) -> Project {
    let workflow = format!(
        "name: orders\non: {{ webhook: {{ path: /orders, verify: {{ scheme: none }}, {webhook} }} }}\nsteps:\n{steps}\n"
    );
    Project::new().guests(&["echo"]).file("workflows/orders.yaml", &workflow)
}

fn echo(webhook: &str) -> Project {
    project(webhook, "  - { id: echo, use: echo }")
}

async fn post(host: &Host, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> (StatusCode, Value) {
    let mut request = client().post(format!("{}/orders", host.ingress)).body(body.into());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

async fn refused(host: &Host, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> (u16, String) {
    let (status, answer) = post(host, headers, body).await;
    (status.as_u16(), answer["error"]["code"].as_str().unwrap().to_owned())
}

fn id(answer: &Value) -> RunId {
    answer.as_str().unwrap().parse().unwrap()
}

async fn event(host: &Host, run: RunId) -> Event {
    let (_, entries) = host.admin.read(run).await;
    match &entries[0].what {
        What::Accepted(accepted) => accepted.event.clone(),
        other => panic!("{other:?}"),
    }
}

async fn raw(host: &Host, run: RunId) -> (BTreeMap<String, String>, Vec<u8>) {
    let response = client().get(host.admin.url(&format!("/api/runs/{run}/raw"))).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers =
        response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (headers.collect(), response.bytes().await.unwrap().into())
}

/// Headers and a body, and the status and code that they are to be refused with.
type Attack<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, u16, &'a str);

fn bytes(document: &Document) -> &[u8] {
    match &document.body {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_get_the_document_and_the_bytes_are_kept_as_they_came() {
    let host = Host::in_memory(&echo("dedupe_for: 1d").write()).await;
    let xml = b"<?xml version='1.0' encoding='latin1'?><o>\xe4</o>".to_vec();
    let long = format!("[{}1]", "1,".repeat(20_000));
    for (media_type, encoding, body, document) in [
        ("application/json", "", b" [1.0]".to_vec(), " [1.0]"),
        ("text/xml", "", xml.clone(), r#"{"o":"ä"}"#),
        ("text/xml", "gzip", gzip(&xml), r#"{"o":"ä"}"#),
        ("application/json", "gzip", gzip(long.as_bytes()), &*long),
        ("text/html", "", b"<script>alert(1)</script>".to_vec(), "<script>alert(1)</script>"),
    ] {
        let mut headers = vec![("content-type", media_type)];
        if !encoding.is_empty() {
            headers.push(("content-encoding", encoding));
        }
        let (status, answer) = post(&host, &headers, body.clone()).await;
        assert_eq!(status, 202, "{answer}");
        let run = id(&answer["run"]);
        let (state, _) = host.admin.ended(run).await;
        assert_eq!(state.phase.name(), PhaseName::Succeeded);
        let event = event(&host, run).await;
        assert_eq!(bytes(&event.document), document.as_bytes());
        assert_eq!(event.raw.is_some(), document.as_bytes() != body);
        let (headers, kept) = raw(&host, run).await;
        assert_eq!((kept, &*headers["content-type"]), (body, media_type));
        assert_eq!(headers.get("content-encoding").map_or("", String::as_str), encoding);
        // What strangers have sent is no page of the admin's.
        assert_eq!(headers["content-disposition"], "attachment");
        assert_eq!(headers["content-security-policy"], "sandbox");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_with_another_payload_keeps_the_bytes() {
    let host = Host::in_memory(
        &project(
            "dedupe_for: 1d",
            "  - { id: check, use: json-schema, with: { schema: { required: [b] } } }",
        )
        .write(),
    )
    .await;
    let (_, answer) = post(&host, &[("content-type", "application/x-www-form-urlencoded")], "a=1").await;
    let run = id(&answer["run"]);
    assert_eq!(host.admin.ended(run).await.0.phase.name(), PhaseName::Dead);
    let document = json!({ "media_type": "application/json", "body": { "text": "{\"b\":1}" } });
    let (status, answer) =
        host.admin.post(&format!("/api/runs/{run}/redrive"), &json!({ "document": document })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(host.admin.ended(run).await.0.phase.name(), PhaseName::Succeeded);
    let (headers, kept) = raw(&host, run).await;
    assert_eq!((&*kept, &*headers["content-type"]), (&b"a=1"[..], "application/x-www-form-urlencoded"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepmill"));
    command.args(["runs", "show", &run.to_string(), "--raw", "--admin", &host.admin.url("")]);
    let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"a=1"[..]));
    host.stop().await;
}

/// The front door and the stock plugin are two readers of XML, and one page says what both do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xml_becomes_what_the_stock_plugin_makes_of_it() {
    let read = Host::in_memory(&echo("respond: { within: 30s }").write()).await;
    let steps = "  - { id: read, use: xml, with: { to: json } }";
    let stepped =
        Host::in_memory(&project("body: { as: text }, respond: { within: 30s }", steps).write()).await;
    for xml in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><o:order xmlns:o='urn:x' id='7 &amp; \"8\"'> <sku u=''> X&lt;1&#x3e; </sku></o:order>",
        "<p>a <b>b</b> c<b/><![CDATA[<2>]]>\u{a0}</p>",
        "<p>\u{a0}<b/></p>",
        "<a b='\t x\r\n y'>1\r\n2</a>",
        "<e/>",
    ] {
        let headers = [("content-type", "application/xml")];
        let (first, second) = (post(&read, &headers, xml).await, post(&stepped, &headers, xml).await);
        assert_eq!(first, second, "{xml}");
        assert_eq!(first.0, 200);
    }
    for xml in ["<!DOCTYPE a><a/>", "<a>&b;</a>", "<a><b></a>", "<a/><b/>", "<a b='1' b='2'/>", "x<a/>"] {
        let headers = [("content-type", "application/xml")];
        assert_eq!(refused(&read, &headers, xml).await, (400, "malformed-xml".into()), "{xml}");
        assert_eq!(refused(&stepped, &headers, xml).await, (422, "run-rejected".into()), "{xml}");
    }
    read.stop().await;
    stepped.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_becomes_runs_or_nothing() {
    let host = Host::in_memory(
        &echo("dedupe: \"${{ body.id }}\", body: { split: /events, max_records: 3 }").write(),
    )
    .await;
    let (status, answer) = post(&host, &[], r#"{"events":[{"id":1},{"id":2,"n":1.50},{"id":1}]}"#).await;
    assert_eq!((status, &answer["duplicates"]), (StatusCode::ACCEPTED, &json!(1)));
    let runs: Vec<RunId> = answer["runs"].as_array().unwrap().iter().map(id).collect();
    assert_eq!((runs.len(), runs[0]), (3, runs[2]));
    assert_ne!(runs[0], runs[1]);
    assert_eq!(bytes(&event(&host, runs[1]).await.document), br#"{"id":2,"n":1.50}"#);
    // The same again, with one that is new.
    let (_, again) = post(&host, &[], r#"{"events":[{"id":2},{"id":3}]}"#).await;
    assert_eq!((id(&again["runs"][0]), &again["duplicates"]), (runs[1], &json!(1)));
    host.admin.idle().await;
    assert_eq!(host.admin.count(PhaseName::Succeeded).await, 3);
    // One record without a key keeps the others out too.
    let (status, answer) = post(&host, &[], r#"{"events":[{"id":8},{}]}"#).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (422, &json!("no-dedupe-key")));
    assert!(answer["error"]["message"].as_str().unwrap().contains("in record 2: "), "{answer}");
    let many = r#"{"events":[{"id":11},{"id":12},{"id":13},{"id":14}]}"#;
    assert_eq!(refused(&host, &[], many).await, (413, "too-many-records".into()));
    assert_eq!(refused(&host, &[], "[]").await, (422, "no-records".into()));
    assert_eq!(post(&host, &[], r#"{"events":[]}"#).await.1, json!({ "runs": [], "duplicates": 0 }));
    host.admin.idle().await;
    assert_eq!(host.admin.count(PhaseName::Succeeded).await, 3);
    // A source that is paused holds each of them.
    let paused = json!({ "path": "/orders", "mode": "paused" });
    assert_eq!(host.admin.post("/api/sources", &paused).await.0, 200);
    let (_, held) = post(&host, &[], r#"{"events":[{"id":21},{"id":22}]}"#).await;
    assert_eq!((&held["held"], &held["duplicates"]), (&json!(true), &json!(0)), "{held}");
    assert_eq!(host.admin.read(id(&held["runs"][1])).await.0.phase.name(), PhaseName::Held);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_no_larger_than_a_commit() {
    let limits = "max_body_bytes: 1048576, body: { split: true, max_records: 10000 }";
    let host = Host::in_memory(&echo(limits).write()).await;
    // Each run is told the headers, so that many small records of a request with large ones come to much.
    let header = "x".repeat(8 << 10);
    let records = format!("[{}1]", "1,".repeat(2_100));
    assert_eq!(refused(&host, &[("x-large", &header)], &*records).await, (413, "batch-too-large".into()));
    let (status, answer) = post(&host, &[], &*records).await;
    assert_eq!((status.as_u16(), answer["runs"].as_array().unwrap().len()), (202, 2_101));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_known_by_its_source_and_id_in_every_mode() {
    let steps = "  - { id: echo, use: echo, input: { subject: \"${{ headers['ce-subject'] }}\", data: \"${{ body }}\" } }";
    let host =
        Host::in_memory(&project("body: { as: cloudevents }, respond: { within: 30s }", steps).write()).await;
    let expected = json!({ "subject": "ä b", "data": { "n": 1 } });
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/shop"),
        ("ce-type", "t"),
        ("ce-subject", "%C3%A4 b"),
        ("content-type", "application/json"),
    ];
    assert_eq!(post(&host, &binary, r#"{"n":1}"#).await, (StatusCode::OK, expected.clone()));
    let structured = |id: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/shop","type":"t","subject":"ä b","data":{{"n":1}}}}"#
        )
    };
    let headers = [("content-type", "application/cloudevents+json")];
    assert_eq!(post(&host, &headers, structured("8")).await, (StatusCode::OK, expected.clone()));
    // Whatever mode it comes in again: it is answered as the first was, and no run begins.
    assert_eq!(post(&host, &headers, structured("7")).await, (StatusCode::OK, expected));
    host.admin.idle().await;
    assert_eq!(host.admin.count(PhaseName::Succeeded).await, 2);
    assert_eq!(
        refused(&host, &[("content-type", "application/json")], "{}").await,
        (415, "unsupported-media-type".into())
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bombs_are_refused_and_the_honest_sender_is_served() {
    let host = Host::in_memory(&echo("dedupe_for: 1d").write()).await;
    let member = gzip(&vec![0; 16 << 20]);
    let gibibyte = member.repeat(60);
    let deep = "<a>".repeat(300_000);
    let laughs = "<!DOCTYPE l [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;\">]><l>&b;</l>";
    let parts = format!("{}--x--", "--x\r\n\r\n\r\n".repeat(100_000));
    let multipart = "multipart/form-data; boundary=x";
    let attacks: [Attack<'_>; 5] = [
        (&[("content-encoding", "gzip")], gibibyte.clone(), 413, "inflated-too-large"),
        (&[("content-encoding", "gzip, gzip")], gzip(&gibibyte), 413, "inflated-too-large"),
        (&[("content-type", "text/xml")], deep.into(), 413, "too-complex"),
        (&[("content-type", "text/xml")], laughs.into(), 400, "malformed-xml"),
        (&[("content-type", multipart)], parts.into(), 413, "too-complex"),
    ];
    let attack = async {
        for _ in 0..4 {
            for (headers, body, status, code) in &attacks {
                assert_eq!(refused(&host, headers, body.clone()).await, (*status, (*code).to_owned()));
            }
        }
    };
    let honest = async {
        for n in 0..50 {
            assert_eq!(post(&host, &[], json!({ "n": n }).to_string()).await.0, 202);
        }
    };
    tokio::join!(attack, honest);
    host.admin.idle().await;
    assert_eq!(host.admin.count(PhaseName::Succeeded).await, 50);
    host.stop().await;
}
