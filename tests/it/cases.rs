//! `stepmill plugin test` and `plugin run`, as an author uses them.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use stepmill_core::signature::{Algorithm, sign};
use stepmill_test_support::guests;
use stepmill_test_support::project::{Project, SECRET};
use stepmill_test_support::stub::Stub;

fn stepmill(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepmill"));
    command.arg("plugin").args(arguments).env("NO_COLOR", "1").env("RUST_LOG", "error").stdin(Stdio::null());
    command.env("XDG_CACHE_HOME", guests::compiled());
    command
}

async fn run(arguments: &[&str]) -> Output {
    let mut command = stepmill(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cases_of_every_stock_plugin_pass() {
    for plugin in ["json-schema", "map", "rest"] {
        let component = guests::path(&format!("stepmill_plugin_{}", plugin.replace('-', "_")));
        let cases = guests::root().join("plugins").join(plugin).join("cases");
        let output = run(&["test", &shown(&component), "--cases", &shown(&cases), "--json"]).await;
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{plugin}: {}{}", text(&output.stdout), text(&output.stderr)));
        assert!(output.status.success(), "{plugin}: {summary:#}");
        assert!(summary["cases"].as_array().unwrap().len() >= 4, "{plugin}: {summary:#}");
    }
}

const CASE: &str = "config: { key: orders, path: /orders }\ninput: { id: 7 }\nhttp: cassettes/order.yaml\nexpect: { output: 1 }\n";

/// A plugin's project with one case, and a component that was built.
fn author() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for below in ["dist", "cases"] {
        fs::create_dir(folder.path().join(below)).unwrap();
    }
    fs::copy(guests::path("counter"), folder.path().join("dist/counter.wasm")).unwrap();
    fs::write(folder.path().join("cases/order.case.yaml"), CASE).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cassette_is_made_of_a_system_of_a_project_without_its_credentials() {
    let stub = Stub::start().await;
    let project = Project::new().system_with("erp", &stub.url(), "auth: { bearer: \"file:secret\" }");
    let config = shown(&project.write());
    let author = author();
    let folder = shown(author.path());

    let output = run(&["test", "--no-build", &folder]).await;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("there is no cassette"), "{}", text(&output.stderr));

    let output =
        run(&["test", "--no-build", &folder, "--record", "--system", "erp", "--config", &config]).await;
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let sent = stub.seen();
    assert_eq!(
        (sent.len(), sent[0].authorization.as_deref()),
        (1, Some(format!("Bearer {SECRET}").as_str()))
    );
    let cassette = author.path().join("cases/cassettes/order.yaml");
    let recorded = fs::read_to_string(&cassette).unwrap();
    assert!(recorded.contains("path: /orders") && recorded.contains("ok: true"), "{recorded}");
    assert!(!recorded.contains(SECRET) && !recorded.to_lowercase().contains("authorization"), "{recorded}");

    // Played from now on; and a wrong expectation is a failure.
    let output = run(&["test", "--no-build", &folder, "order"]).await;
    assert!(output.status.success() && stub.seen().len() == 1, "{}", text(&output.stdout));
    fs::write(author.path().join("cases/order.case.yaml"), CASE.replace("output: 1", "output: 2")).unwrap();
    let output = run(&["test", "--no-build", &folder]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("expected 2, got 1"), "{}", text(&output.stdout));

    for wrong in
        [&["test", &folder, "--record"][..], &["test", &folder, "--system-url", "http://127.0.0.1:1"]]
    {
        assert_eq!(run(wrong).await.status.code(), Some(2), "{wrong:?}");
    }
    let output = run(&["test", "--no-build", &folder, "no-such-case"]).await;
    assert!(text(&output.stderr).contains("there are order"), "{}", text(&output.stderr));
    let output =
        run(&["test", "--no-build", &folder, "--record", "--system", "crm", "--config", &config]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("configured: erp"), "{}", text(&output.stderr));
}

#[test]
fn a_watched_suite_is_run_again_when_a_case_or_the_component_changes() {
    let author = author();
    let case = author.path().join("cases/order.case.yaml");
    let alone = CASE.replace(", path: /orders", "").replace("http: cassettes/order.yaml\n", "");
    fs::write(&case, alone.replace("output: 1", "output: 22")).unwrap();
    let mut child = stepmill(&["test", "--no-build", &shown(author.path()), "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (lines, read) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)).ok();
    });
    let wait_for = |wanted: &str| loop {
        let line = read.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("no {wanted:?}"));
        if line.contains(wanted) {
            break;
        }
    };
    wait_for("1 failed");
    wait_for("waiting for a change");
    fs::write(&case, &alone).unwrap();
    wait_for("1 passed");
    wait_for("waiting for a change");
    // Another component at the same place takes no such config.
    fs::copy(guests::path("echo"), author.path().join("dist/counter.wasm")).unwrap();
    wait_for("waiting for a change");
    fs::copy(guests::path("counter"), author.path().join("dist/counter.wasm")).unwrap();
    wait_for("1 passed");
    child.kill().unwrap();
    child.wait().unwrap();
    drop(read);
    reader.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_called_once_on_the_terminal() {
    let mut child = stepmill(&["run", "map", "--with", "{ jq: .lines }", "--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(br#"{"lines": [1.10]}"#).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "[1.10]"));

    let output = run(&["run", "map", "--with", "{ jq: 'error(\"no\")' }", "--text", "{}"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("rejected (jq-error): "), "{}", text(&output.stderr));
    let output = run(&["run", "map", "--with", "{ jq: '{' }"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let output = run(&["run", "mapp"]).await;
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_reaches_the_system_that_it_is_given_and_no_other() {
    let stub = Stub::start().await;
    let project = Project::new().guests(&["counter"]).system_with(
        "erp",
        &stub.url(),
        "auth: { bearer: \"file:secret\" }",
    );
    let config = shown(&project.write());
    let with = "{ key: orders, path: /orders }";
    let call = ["run", "counter", "--with", with, "--text", r#"{"id": 7}"#, "--config", &config];

    let output = run(&[&call[..], &["--system", "erp", "--trace"]].concat()).await;
    let trace = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "1"), "{trace}");
    assert_eq!(stub.seen()[0].authorization.as_deref(), Some(format!("Bearer {SECRET}").as_str()));
    for part in [&format!("POST {}/orders: 200", stub.url()), "add +1 to orders", "memory", "in the guest"] {
        assert!(trace.contains(part), "{part}: {trace}");
    }
    assert!(!trace.contains(SECRET), "{trace}");

    let output = run(&call).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stub.seen().len(), 1);

    let output = run(&[&call[..], &["--system-url", &stub.url(), "--json"]].concat()).await;
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&made["output"]["body"], &made["exchanges"][0]["result"]["Ok"]["status"]),
        (&1.into(), &200.into())
    );
}

#[test]
fn the_whole_cases_of_the_page_pass() {
    let page = fs::read_to_string(guests::root().join("sdk/CASES.md")).unwrap();
    for (name, plugin) in [("order", "stepmill_plugin_rest"), ("genuine", "courier")] {
        let begin = format!("```yaml\n# cases/{name}.case.yaml\n");
        let block = page.split(&begin).nth(1).unwrap().split("```").next().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("{name}.case.yaml")), block).unwrap();
        let component = shown(&guests::path(plugin));
        let output = stepmill(&["test", &component, "--cases", &shown(folder.path())]).output().unwrap();
        assert!(output.status.success(), "{name}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

/// A case of a connector that sends a request.
const STOCK: &str = "config: { key: orders, path: /orders }\ninput: { id: 7 }\nhttp:\n\
    - request: { method: POST, path: /orders }\n  response: { status: 200, json: { ok: true } }\n\
    expect: { output: 1 }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_is_measured_at_a_case_that_it_passes() {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("stock.case.yaml");
    fs::write(&case, STOCK).unwrap();
    let component = shown(&guests::path("counter"));
    let bench = ["bench", &component, "--count", "10", "--case", &shown(&case)];
    let output = run(&[&bench[..], &["--json"]].concat()).await;
    let figures: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert_eq!((&figures["answered"], &figures["call"]["calls"]), (&1.into(), &10.into()), "{figures}");
    let output = run(&bench).await;
    let told = text(&output.stdout);
    assert!(told.contains("1 request an attempt, answered from the case at once"), "{told}");

    fs::write(&case, STOCK.replace("output: 1", "output: 2")).unwrap();
    let output = run(&bench).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("does not pass the case stock (output: (whole): expected 2, got 1)"), "{said}");
    let other = folder.path().join("stock.yaml");
    fs::write(&other, STOCK).unwrap();
    let output = run(&["bench", &component, "--case", &shown(&other)]).await;
    assert!(text(&output.stderr).contains("is no case"), "{}", text(&output.stderr));
}

const POSTED: &str = "config: { path: /told }\ninput: { quantity: QUANTITY }\nhttp:\n\
    - request: { method: POST, path: /told }\n  response: { status: 200 }\n\
    expect: { output: { status: 200 } }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_that_a_new_version_answers_otherwise_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let posted = |quantity: &str| POSTED.replace("QUANTITY", quantity);
    let down = "faults:\n- { exchange: 1, status: 503, expect: { retry: {} } }\n";
    for (name, case) in [
        ("equal", posted("3")),
        ("urgent", posted("10")),
        ("nothing", posted("0")),
        ("down", posted("3") + down),
        // What a case expects is no matter here.
        ("wrong", posted("3").replace("status: 200 } }", "status: 204 } }")),
    ] {
        fs::write(folder.path().join(format!("{name}.case.yaml")), case).unwrap();
    }
    let (old, new) = (shown(&guests::path("post")), shown(&guests::path("post-next")));
    let cases = ["--cases", &shown(folder.path()), "--count", "10"];
    let diff = async |old: &str, new: &str, more: &[&str]| {
        let output = run(&[&["diff", old, new][..], &cases, more].concat()).await;
        (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let (_, out, err) = diff(&old, &new, &["--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
    let of = |name: &str| told["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
    for (name, answer) in [
        ("equal", "same"),
        ("urgent", "changed"),
        ("nothing", "changed"),
        ("down", "changed"),
        ("wrong", "same"),
    ] {
        assert_eq!(of(name)["answer"], answer, "{told:#}");
        assert_eq!(of(name)["speed"]["new"]["calls"].as_u64(), (answer == "same").then_some(10), "{name}");
    }
    let lines = |name: &str, at: usize| of(name)["findings"][at]["lines"].to_string();
    assert!(lines("urgent", 0).contains("/urgent: expected nothing, got true"), "{told:#}");
    assert!(lines("nothing", 0).contains("not sent: 1. POST http://system.test/told"), "{told:#}");
    assert!(lines("down", 0).contains("expected a retry, got a rejection"), "{told:#}");
    assert!(of("down")["findings"][0]["under"].as_str().unwrap().contains("503"), "{told:#}");

    let (code, out, _) = diff(&old, &new, &[]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("CHANGED    urgent") && out.contains("same       equal"), "{out}");
    assert_eq!(diff(&old, &new, &["--strict"]).await.0, Some(1));
    assert_eq!(diff(&old, &old, &["--strict"]).await.0, Some(0));
    // One that only the one of them takes, and one that neither does.
    fs::remove_file(folder.path().join("urgent.case.yaml")).unwrap();
    let counted = "config: { key: a, path: /told }\nhttp:\n- request: { method: POST, path: /told }\n  \
        response: { status: 200 }\nexpect: { output: 1 }\n";
    fs::write(folder.path().join("counted.case.yaml"), counted).unwrap();
    let (code, out, err) = diff(&old, &shown(&guests::path("counter")), &["--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
    let answers: Vec<_> =
        told["cases"].as_array().unwrap().iter().map(|case| case["answer"].as_str().unwrap()).collect();
    assert_eq!((code, answers), (Some(0), vec!["only-new", "only-old", "only-old", "only-old", "only-old"]));
    fs::write(folder.path().join("counted.case.yaml"), "config: { nothing: 1 }\nexpect: { output: 1 }\n")
        .unwrap();
    let (code, _, err) = diff(&old, &new, &[]).await;
    assert!(code == Some(3) && err.contains("counted.case.yaml"), "{err}");
}

#[test]
fn what_is_compiled_once_is_not_compiled_again_and_only_from_a_folder_of_ones_own() {
    let author = author();
    let alone = CASE.replace(", path: /orders", "").replace("http: cassettes/order.yaml\n", "");
    fs::write(author.path().join("cases/order.case.yaml"), alone).unwrap();
    let home = tempfile::tempdir().unwrap();
    let test = || {
        let mut command = stepmill(&["test", "--no-build", &shown(author.path())]);
        command.env("XDG_CACHE_HOME", home.path()).env("RUST_LOG", "stepmill_sandbox=info").output().unwrap()
    };
    let compiled = |output: &Output| text(&output.stderr).contains("component compiled");
    let first = test();
    assert!(first.status.success() && compiled(&first), "{}", text(&first.stderr));
    let second = test();
    assert!(second.status.success() && !compiled(&second), "{}", text(&second.stderr));
    let folder = home.path().join("stepmill/compiled");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = test();
    let said = text(&refused.stderr);
    assert!(!refused.status.success() && said.contains("that no one else may write"), "{said}");
    // A home that cannot be written is no reason not to work.
    let mut command = stepmill(&["test", "--no-build", &shown(author.path())]);
    let output = command.env("XDG_CACHE_HOME", author.path().join("dist/counter.wasm")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Cases of the guest that verifies: `request` and `expect` of each.
fn verify_cases(cases: &[(&str, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, rest) in cases {
        let keys = "keys: { signing: { secret: of the cases, previous: of the cases before } }";
        let text = format!("config: {{ prefix: a- }}\n{keys}\n{rest}\n");
        fs::write(folder.path().join(format!("{name}.case.yaml")), text).unwrap();
    }
    folder
}

/// A request that the guest gets at the begin of 2026, signed by a secret.
fn signed(secret: &str, body: &[u8], more: &str) -> String {
    let signed = [b"e1.1767225600.", body].concat();
    let signature = sign::hmac_hex(Algorithm::Sha256, secret.as_bytes(), &signed);
    format!(
        "request: {{ headers: {{ X-Courier-Id: e1, x-courier-time: 1767225600, x-courier-signature: {signature} }}, {more} }}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_verifies_is_tested_by_requests_and_what_it_says_of_them() {
    let component = shown(&guests::path("courier"));
    let genuine = signed("of the cases", b"{}", "text: '{}'");
    let doing = |what: &str| genuine.replace("headers: {", &format!("headers: {{ x-courier-do: {what},"));
    let right = verify_cases(&[
        ("genuine", format!("{genuine}\nexpect: {{ verified: {{ dedupe-key: a-e1 }} }}")),
        (
            "before",
            format!(
                "{}\nexpect: {{ verified: {{ dedupe-key: a-e1 }} }}",
                signed("of the cases before", b"", "")
            ),
        ),
        (
            "bytes",
            format!(
                "{}\nexpect: {{ verified: {{ dedupe-key: a-e1 }} }}",
                signed("of the cases", &[0xff, 0x00], "base64: /wA=")
            ),
        ),
        (
            "forged",
            format!(
                "{}\nexpect: {{ refused: {{ reason: mismatch, message: does not fit }}, logs: [id=e1] }}",
                signed("a guess", b"{}", "text: '{}'")
            ),
        ),
        (
            "late",
            format!(
                "{}\nexpect: {{ refused: {{ reason: too-old }} }}",
                genuine.replace("text:", "received-at-ms: 1767229200000, text:")
            ),
        ),
        ("trap", format!("{}\nexpect: {{ fault: trap }}", doing("panic"))),
        (
            "memory",
            format!(
                "limits: {{ memory_bytes: 16777216 }}\n{}\nexpect: {{ fault: memory-limit }}",
                doing("memory")
            ),
        ),
    ]);
    let output = run(&["test", &component, "--cases", &shown(right.path())]).await;
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("7 passed"), "{}", text(&output.stdout));

    let wrong = verify_cases(&[
        ("another key", format!("{genuine}\nexpect: {{ verified: {{ dedupe-key: e1 }} }}")),
        ("no key", format!("{genuine}\nexpect: {{ verified: {{}} }}")),
        ("refused", format!("{genuine}\nexpect: {{ refused: {{ reason: mismatch }} }}")),
        (
            "verified",
            format!(
                "limits: {{ cpu_ms: 50 }}\n{}\nexpect: {{ verified: {{ dedupe-key: a-e1 }} }}",
                doing("loop")
            ),
        ),
        (
            "another reason",
            format!(
                "{}\nexpect: {{ refused: {{ reason: too-old }} }}",
                signed("a guess", b"{}", "text: '{}'")
            ),
        ),
        (
            "a message",
            format!(
                "{}\nexpect: {{ refused: {{ reason: mismatch, message: fits }} }}",
                signed("a guess", b"{}", "text: '{}'")
            ),
        ),
        ("a line", format!("{genuine}\nexpect: {{ verified: {{ dedupe-key: a-e1 }}, logs: [nothing] }}")),
    ]);
    let output = run(&["test", &component, "--cases", &shown(wrong.path()), "--json"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut told = String::new();
    for case in summary["cases"].as_array().unwrap() {
        assert_eq!(case["passed"], false, "{case}");
        for finding in case["findings"].as_array().unwrap() {
            let lines = finding["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
            let lines: Vec<&str> = lines.collect();
            told += &format!(
                "{}: {}: {}\n",
                case["name"].as_str().unwrap(),
                finding["about"].as_str().unwrap(),
                lines.join("; ")
            );
        }
    }

    let mistaken = verify_cases(&[
        ("a", format!("{genuine}\nexpect: {{}}")),
        ("b", format!("{genuine}\nexpect: {{ verified: {{}}, fault: trap }}")),
        ("c", format!("{genuine}\nexpect: {{ refused: {{ reason: wrong }} }}")),
        ("d", format!("{genuine}\nexpect: {{ fault: rejected }}")),
        ("e", format!("{}\nexpect: {{ verified: {{}} }}", genuine.replace("text:", "file: ../x, text:"))),
        ("f", format!("input: 1\n{genuine}\nexpect: {{ verified: {{}} }}")),
        ("g", "expect: { verified: {} }".into()),
    ]);
    for (name, from, to) in [
        ("h", "prefix: a-", "prefix: 1"),
        ("i", "signing:", "singing:"),
        ("j", "secret: of the cases,", "encoding: hex, secret: of the cases,"),
        ("k", "secret: of the cases, ", ""),
    ] {
        let text = fs::read_to_string(right.path().join("genuine.case.yaml")).unwrap();
        assert!(text.contains(from), "{from}: {text}");
        fs::write(mistaken.path().join(format!("{name}.case.yaml")), text.replace(from, to)).unwrap();
    }
    let output = run(&["test", &component, "--cases", &shown(mistaken.path())]).await;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let said = text(&output.stderr).replace(&shown(mistaken.path()), "FOLDER");
    let said: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| ["error:", "help:", ",-["].iter().any(|begin| line.starts_with(begin)))
        .collect();
    insta::assert_snapshot!(format!("{told}\n{}", said.join("\n")));

    let output = run(&[
        "test",
        &component,
        "--cases",
        &shown(right.path()),
        "--record",
        "--system-url",
        "http://127.0.0.1:9",
    ])
    .await;
    assert!(text(&output.stderr).contains("sends no requests"), "{}", text(&output.stderr));
}
