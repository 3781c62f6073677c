#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::fmt::Write as _;
use std::fs;

use insta::assert_snapshot;
use proptest::prelude::*;
use stepmill_sandbox::Options;
use stepmill_test_support::guests;
use stepmill_test_support::stub::Stub;
use tempfile::TempDir;

use super::*;
use crate::cli::output::Paint;
use crate::diagnostic::Source;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn bench() -> Workbench {
    let cache_dir = Some(guests::compiled());
    Workbench::with(Options { pool: false, cache_dir, ..Options::default() }).unwrap()
}

fn suite(guest: &str, folder: &TempDir) -> Suite {
    let (plugin, config) = (guests::path(guest).display().to_string(), ".".into());
    Suite { plugin, config, folder: folder.path().to_owned(), filters: Vec::new() }
}

/// What an author reads, without the times.
async fn told(guest: &str, files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let bench = bench();
    match suite(guest, &folder).run(&bench, None).await {
        Ok(mut summary) => {
            summary.took_us = 0;
            summary.cases.iter_mut().for_each(|case| case.took_us = 0);
            summary.render(Paint::plain())
        }
        Err(error) => error.to_string().replace(&folder.path().display().to_string(), "cases"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_not_as_expected_is_told() {
    let text = told(
        "fetch",
        &[
            (
                "a-requests.case.yaml",
                "config: { method: POST, path: /orders, headers: { x-a: b }, send_input: true }\n\
                 input: { sku: A, quantity: 2 }\n\
                 http:\n\
                 - request: { method: POST, path: /orders, headers: { x-a: c, x-b: d }, json: { sku: A, quantity: 3 } }\n\
                 \u{20} response: { status: 201, headers: { x-id: [1, 2] }, text: ok }\n\
                 - request: { method: GET, path: /orders/1 }\n\
                 \u{20} response: { status: 200 }\n\
                 expect:\n\
                 \u{20} output: { status: 200, headers: { content-type: text/plain; charset=utf-8, x-id: 2 }, len: 2, body: ok }\n",
            ),
            (
                "b-nothing-expected.case.yaml",
                "config: { path: /x, times: 2 }\nexpect: { output: { error: other, message: no } }\n",
            ),
            (
                "c-refused.case.yaml",
                "config: { url: 'http://elsewhere.test/x' }\nexpect: { output: {} }\n",
            ),
            (
                "d-host-header.case.yaml",
                "config: { path: /x, headers: { Host: other } }\n\
                 http: [{ request: { path: /x }, response: {} }]\nexpect: { output: {} }\n",
            ),
            (
                "e-text.case.yaml",
                "config: { path: /x, method: PUT, send_input: true }\n\
                 document: { text: \"a\\nb\\nc\\n\" }\n\
                 http: [{ request: { path: /x, text: \"a\\nB\\nc\\n\" }, response: { error: reset } }]\n\
                 expect: { text: \"x\", media-type: text/html, logs: [never] }\n",
            ),
        ],
    )
    .await;
    assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_violations_and_storage_are_told() {
    let script = |lines: &str| format!("config: {{ script: [{lines}] }}\n");
    let text = told(
        "storage-echo",
        &[
            (
                "a-passes.case.yaml",
                &(script(
                    "{ op: get, key: last }, { op: put, key: last, value: '{\"n\": 2}' }, { op: put, key: note, value: hi }, { op: add, key: runs, delta: 2 }, { op: delete, key: old }",
                ) + "storage:\n  before: { last: { n: 1 }, old: { base64: AP8= }, runs: { counter: 3 }, like: { json: { text: x } } }\n\
                     \u{20} after: { last: { n: 2 }, note: { text: hi }, runs: { counter: 5 }, like: { json: { text: x } } }\n\
                     faults: [{ crash: before-commit }]\n\
                     expect:\n  output: [{ value: '{\"n\":1}', version: 1 }, written, written, 5, true]\n"),
            ),
            (
                "b-after.case.yaml",
                &(script("{ op: put, key: last, value: '{\"n\": 2}' }, { op: add, key: runs, delta: 1 }, { op: put, key: more, value: x }")
                    + "storage:\n  before: { kept: 1 }\n  after: { last: { n: 3 }, runs: { counter: 2 }, gone: { text: x }, kept: { counter: 1 } }\n\
                       expect: { output: [written, 1, written] }\n"),
            ),
            (
                "c-a-failed-attempt-leaves-nothing.case.yaml",
                &(script("{ op: put, key: last, value: x }, { op: fail }")
                    + "storage: { before: {}, after: {} }\nexpect: { reject: { code: script } }\n"),
            ),
            (
                "d-another-code.case.yaml",
                &(script("{ op: fail }") + "expect: { reject: { code: no-such-order, message: order } }\n"),
            ),
            ("e-no-retry.case.yaml", &(script("{ op: fail, retry: true }") + "expect: { retry: { after: 3s } }\n")),
            ("f-no-fault.case.yaml", &(script("") + "expect: { fault: trap }\n")),
        ],
    )
    .await;
    assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_plugins_are_expected_by_name() {
    for (guest, case) in [
        ("panic", "expect: { fault: trap }"),
        ("endless-recursion", "expect: { fault: stack-overflow }"),
        (
            "memory-bomb",
            "limits: { memory_bytes: 4194304 }\nconfig: { report: false }\nexpect: { fault: memory-limit }",
        ),
        ("endless-loop", "limits: { cpu_ms: 50 }\nexpect: { fault: cpu-deadline }"),
        ("slow", "config: { ms: 60000 }\nattempt: { timeout-ms: 50 }\nexpect: { fault: wall-deadline }"),
        (
            "big-output",
            "limits: { output_bytes: 1000 }\nconfig: { bytes: 2000 }\nexpect: { fault: output-limit }",
        ),
    ] {
        let text = told(guest, &[("x.case.yaml", case)]).await;
        assert!(text.contains("1 passed"), "{guest}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_knows_what_the_case_says_of_it() {
    let flaky = |number: u32, expect: &str| {
        format!(
            "config: {{ failures: 1, after_ms: 2000 }}\ninput: 7\nattempt: {{ number: {number} }}\nexpect: {expect}\n"
        )
    };
    let text = told(
        "flaky",
        &[
            ("first.case.yaml", &flaky(1, "{ retry: { after: 2s, message: attempt 1 } }")),
            ("second.case.yaml", &flaky(2, "{ output: 7 }")),
        ],
    )
    .await;
    assert!(text.contains("2 cases: 2 passed"), "{text}");
    let clock = "attempt: { accepted-at-ms: 86400000 }\nexpect: { output: { now_ms: 86400000 } }\n";
    let text = told("clock", &[("x.case.yaml", clock)]).await;
    assert!(text.contains("expected nothing") && !text.contains("/now_ms"), "{text}");
}

const COUNTER: &str = "config: { key: orders, path: /orders }\n\
    input: { id: 7 }\n\
    attempt: { idempotency-key: key-7, timeout-ms: 500 }\n\
    http:\n\
    - request: { method: POST, path: /orders, headers: { idempotency-key: key-7 }, json: { id: 7 } }\n\
    \u{20} response: { json: { ok: true } }\n\
    storage: { before: { orders: { counter: 4 } }, after: { orders: { counter: 5 } } }\n\
    expect: { output: 5 }\n\
    faults:\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_happens_and_is_judged() {
    let good = COUNTER.to_owned()
        + "- { exchange: 1, status: 429, headers: { retry-after: 2 }, expect: { retry: { after: 2s } } }\n\
           - { exchange: 1, status: 500, expect: { retry: {} } }\n\
           - { exchange: 1, status: 404, text: who, expect: { reject: { code: http-404, message: who } } }\n\
           - { exchange: 1, error: timeout, expect: { retry: {} } }\n\
           - { exchange: 1, error: reset, expect: { retry: {} } }\n\
           - { exchange: 1, error: interrupted, expect: { retry: {} } }\n\
           - { exchange: 1, error: connect, expect: { retry: {} } }\n\
           - { exchange: 1, error: dns, expect: { retry: {} } }\n\
           - { exchange: 1, error: denied, expect: { reject: { code: http-denied } } }\n\
           - { exchange: 1, slow: 20ms }\n\
           - { exchange: 1, slow: 30s, expect: { fault: wall-deadline } }\n\
           - { crash: before-commit }\n";
    // As many that are wrong: each is expected to end as nothing of it does.
    let bad = good
        .replace("expect: { retry: { after: 2s } }", "expect: { retry: { after: 3s } }")
        .replace("expect: { retry: {} }", "expect: { output: 5 }")
        .replace("code: http-", "code: other-")
        .replace("slow: 20ms", "slow: 20ms, expect: { retry: {} }")
        .replace("wall-deadline", "trap")
        .replace("crash: before-commit", "crash: before-commit, expect: { output: 6 }");
    let text = told("counter", &[("bad.case.yaml", &bad), ("good.case.yaml", &good)]).await;
    assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_made_up_does_not_survive_a_crash() {
    let case = "config: { path: /orders }\ninput: { id: 7 }\n\
                http: [{ request: { method: POST, path: /orders }, response: { status: 201 } }]\n\
                faults: [{ crash: before-commit }]\nexpect: { output: { id: 7 } }\n";
    let text = told("careless", &[("x.case.yaml", case)]).await;
    assert!(text.contains("FAIL") && text.contains("requests of the second attempt"), "{text}");
    let without = case.replace("faults: [{ crash: before-commit }]\n", "");
    let text = told("careless", &[("x.case.yaml", &without)]).await;
    assert!(text.contains("1 passed"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mistake_in_a_case_says_where_it_is_and_what_would_be_right() {
    let mut text = String::new();
    let expect = "expect: { output: 1 }\n";
    let fetch = format!("config: {{ path: /x }}\n{expect}");
    let cases: Vec<(&str, &str, String)> = vec![
        ("unknown keys", "fetch", format!("{fetch}inputs: 1\nattempt: {{ nummer: 1 }}\n")),
        ("nothing expected", "fetch", "config: { path: /x }\n".into()),
        ("no end", "fetch", "config: { path: /x }\nexpect: { logs: [a] }\n".into()),
        ("two ends", "fetch", "config: { path: /x }\nexpect: { output: 1, retry: {} }\n".into()),
        ("an unknown key of an exchange", "fetch", format!("{fetch}http:\n- request: {{ methud: GET }}\n  response: {{ status: 200 }}\n")),
        ("an exchange without a response", "fetch", format!("{fetch}http:\n- request: {{ method: GET }}\n")),
        ("two bodies, a bad path, a bad status", "fetch", format!("{fetch}http:\n- request: {{ path: stock, json: 1, text: a }}\n  response: {{ status: 999 }}\n")),
        ("path and url, error and status", "fetch", format!("{fetch}http:\n- request: {{ path: /a, url: http://b/ }}\n  response: {{ error: timeout, status: 200 }}\n")),
        ("an unknown error", "fetch", format!("{fetch}http:\n- request: {{}}\n  response: {{ error: tls }}\n")),
        ("no header", "fetch", format!("{fetch}http:\n- request: {{ headers: {{ 'a b': c }} }}\n  response: {{ headers: {{ x: \"a\\nb\" }} }}\n")),
        ("a header of headers", "fetch", format!("{fetch}http:\n- request: {{}}\n  response: {{ headers: {{ x: {{ y: z }} }} }}\n")),
        ("no cassette", "fetch", format!("{fetch}http: cassettes/none.yaml\n")),
        ("a cassette elsewhere", "fetch", format!("{fetch}http: ../none.yaml\n")),
        ("a damaged cassette", "fetch", format!("{fetch}http: damaged.yaml\n")),
        ("config against the schema", "fetch", format!("config: {{ path: 7, pahts: 1 }}\n{expect}")),
        ("an expression", "fetch", format!("config: {{ path: '${{{{ input.x }}}}' }}\n{expect}")),
        ("input twice", "fetch", format!("{fetch}input: 1\ndocument: {{ text: a }}\n")),
        ("a document without a body", "fetch", format!("{fetch}document: {{ media-type: text/csv }}\n")),
        ("a file that is not there", "fetch", format!("{fetch}document: {{ file: none.csv }}\n")),
        ("no base64", "fetch", format!("{fetch}document: {{ base64: '###' }}\n")),
        ("attempt", "fetch", format!("{fetch}attempt: {{ number: 0, run: run_7, workflow: 'A B', timeout-ms: 0 }}\nlimits: {{ memory_bytes: 1 }}\n")),
        ("system", "fetch", format!("{fetch}system: {{ url: ftp://x }}\n")),
        ("storage", "storage-echo", format!("config: {{ script: [] }}\n{expect}storage: {{ before: {{ a: {{ counter: x }}, b: {{ text: 1 }} }}, after: {{ c: {{ base64: '#' }} }} }}\n")),
        ("faults", "fetch", format!("{fetch}faults: [{{}}, {{ exchange: 3, status: 500 }}, {{ status: 500, slow: 1s, exchange: 1 }}, {{ crash: before-commit, exchange: 1 }}, {{ error: dns }}]\n")),
        ("a fault that is none", "fetch", "config: { path: /x }\nexpect: { fault: rejected }\n".into()),
        ("a pure step reaches nothing", "echo", "expect: { violations: [] }\nhttp: a.yaml\nstorage: {}\nfaults: [{ crash: before-commit }]\nsystem: { url: http://a }\n".into()),
        ("a media type of nothing", "echo", "expect: { retry: {}, media-type: text/plain }\n".into()),
        ("no duration", "echo", "expect: { retry: { after: soon } }\n".into()),
        ("no YAML", "echo", "expect: { output: 1\n".into()),
    ];
    for (name, guest, case) in cases {
        let found = told(
            guest,
            &[("x.case.yaml", &case), ("damaged.yaml", "- request: {}\n  response: { statos: 1 }\n")],
        )
        .await;
        assert!(!found.contains("passed"), "{name} is no mistake: {found}");
        writeln!(text, "=== {name}\n{found}").unwrap();
    }
    assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_recorded_can_be_played_and_holds_no_credentials() {
    let stub = Stub::start().await;
    let case = "config: { key: orders, path: /orders }\ninput: { id: 7 }\n\
                http: cassettes/order.yaml\nexpect: { output: 1 }\n";
    let folder = folder(&[("order.case.yaml", case)]);
    let bench = bench();
    let suite = suite("counter", &folder);
    let missing = suite.run(&bench, None).await.unwrap_err().to_string();
    assert!(missing.contains("record it"), "{missing}");

    let system = System {
        base_url: stub.url().parse().unwrap(),
        credentials: stepmill_sandbox::egress::Credentials::Bearer("a-token-nobody-may-see".into()),
        ..play::system("http://unused.test".parse().unwrap())
    };
    let summary = suite.run(&bench, Some(&system)).await.unwrap();
    assert!(summary.is_passed(), "{}", summary.render(Paint::plain()));
    assert_eq!(stub.seen().len(), 1);
    assert_eq!(stub.seen()[0].authorization.as_deref(), Some("Bearer a-token-nobody-may-see"));

    let cassette = fs::read_to_string(folder.path().join("cassettes/order.yaml")).unwrap();
    assert_snapshot!(cassette);

    // Played: the stub sees nothing more.
    let summary = suite.run(&bench, None).await.unwrap();
    assert!(summary.is_passed());
    assert_eq!(stub.seen().len(), 1);
    // And what it answered is what is played.
    fs::write(folder.path().join("cassettes/order.yaml"), cassette.replace("status: 200", "status: 404"))
        .unwrap();
    assert!(!suite.run(&bench, None).await.unwrap().is_passed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_secrets_are_not_recorded() {
    let stub = Stub::start().await;
    let case = "config: { method: POST, path: /x, headers: { X-Api-Token: of-the-guest, X-Other: kept } }\n\
                http: c.yaml\nexpect: { output: {} }\n";
    let folder = folder(&[("x.case.yaml", case)]);
    let system = play::system(stub.url().parse().unwrap());
    let summary = suite("fetch", &folder).run(&bench(), Some(&system)).await.unwrap();
    assert_eq!(summary.recorded[0].exchanges, 1);
    let cassette = fs::read_to_string(folder.path().join("c.yaml")).unwrap();
    assert!(cassette.contains("x-other: kept") && cassette.contains("retry-after"), "{cassette}");
    for absent in ["of-the-guest", "api-token", "date:", &stub.url()] {
        assert!(!cassette.contains(absent), "{absent}: {cassette}");
    }
}

#[test]
fn a_cassette_is_read_as_it_was_written() {
    let yaml = "- request:\n    method: GET\n    path: /a?b=c\n    headers: { accept: [text/html, '*/*'] }\n    text: \"0123\"\n\
                \u{20} response:\n    status: 200\n    headers: { etag: '7', retry-after: '010' }\n    json: { yes: 'no', n: 1.5, big: 18446744073709551615, none: null, e: [], o: {}, t: \"a\\n b\\n\\n\", u: \"\\u0007 é\" }\n\
                - request: {}\n  response: { error: timeout }\n\
                - request: { json: null, url: 'http://x/' }\n  response: { base64: AP8= }\n";
    let read: definition::Cassette = Source::new("a.yaml", yaml).parse().unwrap();
    let written = serde_saphyr::to_string(&read).unwrap();
    let again: definition::Cassette = Source::new("b.yaml", written.clone()).parse().unwrap();
    assert_eq!(read.0, again.0, "{written}");
}

#[test]
fn the_schema_of_a_case_describes_every_key_and_takes_what_is_taken() {
    let schema = crate::config::schema::<Definition>();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let case: serde_json::Value =
        serde_saphyr::from_str(&format!("{COUNTER}- {{ crash: before-commit }}\n")).unwrap();
    assert!(
        validator.is_valid(&case),
        "{:?}",
        validator.iter_errors(&case).map(|e| e.to_string()).collect::<Vec<_>>()
    );
    assert!(!validator.is_valid(&serde_json::json!({ "expect": { "outputs": 1 } })));
    assert!(!validator.is_valid(
        &serde_json::json!({ "http": [{ "request": { "methud": "GET" }, "response": {} }], "expect": {} })
    ));
}

/// Texts that look like case files: keys of the format in any order and depth, with values of any kind.
fn yaml() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "config",
        "input",
        "document",
        "attempt",
        "http",
        "request",
        "response",
        "headers",
        "json",
        "text",
        "base64",
        "storage",
        "before",
        "after",
        "faults",
        "exchange",
        "slow",
        "crash",
        "expect",
        "output",
        "violations",
        "x",
    ]);
    let leaf = prop_oneof![
        "[ -~]{0,12}".prop_map(|text| format!("{text:?}")),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("null".to_owned()),
        Just("*a".to_owned()),
        Just("!t &a [1]".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_of_cases_panic(text in prop_oneof![yaml(), any::<String>()]) {
        let source = Source::new("x.case.yaml", text);
        if let Err(found) = source.parse::<Definition>() {
            prop_assert!(found.errors() > 0);
            prop_assert!(!found.render(false).is_empty());
        }
    }
}
