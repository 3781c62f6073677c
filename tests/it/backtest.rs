//! Recorded attempts made again with another component: each difference is told, nothing leaves the host.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::{Value, json};
use stepmill_core::journal::PhaseName;
use stepmill_test_support::guests;
use stepmill_test_support::host::Host;
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use stepmill_test_support::stub::Stub;

const STEPS: &str = "  - { id: check, use: json-schema, with: { schema: schema.json } }\n  \
    - { id: shape, use: shape }\n  \
    - id: create\n    use: rest\n    system: erp\n    with: { method: POST, path: \"/orders/${{ input.sku }}\" }\n    \
      retry: { first: 10ms, max: 50ms, attempts: 3 }\n  \
    - { id: tell, use: post, system: erp, with: { path: /told }, input: \"${{ steps.shape.output }}\" }";

const SCHEMA: &str = r#"{ "type": "object", "required": ["sku", "quantity"] }"#;

/// Quantities of the orders, with ten and more, and thirteen.
const QUANTITIES: [u64; 6] = [1, 12, 3, 13, 10, 2];

fn project(stub: &Stub) -> Project {
    Project::new()
        .guests(&["shape", "post"])
        .system_with("erp", &stub.url(), "auth: { bearer: \"file:secret\" }")
        .file("schema.json", SCHEMA)
        .workflow("orders", STEPS)
}

async fn orders(host: &Host) {
    for (at, quantity) in QUANTITIES.into_iter().enumerate() {
        let order = json!({ "sku": format!("A{at}"), "quantity": quantity });
        let (state, _) = host.finish("orders", &at.to_string(), &order).await;
        assert_eq!(state.phase.name(), PhaseName::Succeeded, "{state:?}");
    }
}

/// The lines of a backtest over the admin API.
async fn backtest(host: &Host, query: &str, component: Vec<u8>) -> (u16, Vec<Value>) {
    let (status, text) = host.admin.post_bytes(&format!("/api/backtest?{query}"), component).await;
    (status, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The attempts of a backtest, latest first, and its counts without those that are none.
fn told(lines: &[Value]) -> (Vec<&Value>, Value) {
    let attempts = lines.iter().filter_map(|line| line.get("attempt")).collect();
    let mut counts = lines.last().unwrap()["summary"]["counts"].clone();
    counts.as_object_mut().unwrap().retain(|_, count| *count != 0);
    (attempts, counts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_with_one_changed_field_is_told_exactly() {
    let stub = Stub::start().await;
    let host = Host::in_memory(&project(&stub).write()).await;
    orders(&host).await;
    let requests = stub.seen().len();
    let (status, lines) = backtest(&host, "step=orders/shape", guests::bytes("shape-next")).await;
    assert_eq!(status, 200, "{lines:?}");
    let (attempts, counts) = told(&lines);
    assert_eq!(counts, json!({ "equal": 3, "changed": 2, "failed": 1 }));
    let results: Vec<&str> = attempts.iter().map(|of| of["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["changed", "failed", "changed"], "latest first");
    let changed = |from: u64, to: u64| json!([{ "part": "output", "pointer": "/total", "recorded": from, "candidate": to }]);
    assert_eq!(attempts[0]["differences"], changed(1_000, 900));
    assert_eq!(attempts[2]["differences"], changed(1_200, 1_080));
    assert_eq!(attempts[1]["why"], "rejected: thirteen are not sold");
    let page = host.admin.get("/api/runs?workflow=orders").await;
    let ids: Vec<&Value> = page["runs"].as_array().unwrap().iter().map(|state| &state["run"]).collect();
    assert_eq!([&attempts[0]["run"], &attempts[1]["run"], &attempts[2]["run"]], [ids[1], ids[2], ids[4]]);
    // The component that made them makes them equally, and a validate step too.
    for (step, component) in
        [("shape", guests::bytes("shape")), ("check", guests::bytes("stepmill_plugin_json_schema"))]
    {
        let lines = backtest(&host, &format!("step=orders/{step}&last=4&all=true"), component).await.1;
        let (attempts, counts) = told(&lines);
        assert_eq!((attempts.len(), counts), (4, json!({ "equal": 4 })), "{step}");
    }
    assert_eq!(stub.seen().len(), requests, "no request has left the host");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connectors_are_made_again_with_their_recorded_exchanges_and_no_request() {
    let stub = Stub::start().await;
    let host = Host::in_memory(&project(&stub).write()).await;
    orders(&host).await;
    // One that fails for good, after three attempts.
    stub.answer(503);
    let (state, _) = host.finish("orders", "down", &json!({ "sku": "D", "quantity": 5 })).await;
    assert!(state.phase.is_dead());
    stub.answer(200);
    let requests = stub.seen().len();

    // A plugin of the service in place of a component. The failed attempts are made again too.
    let (status, lines) = backtest(&host, "step=orders/create&plugin=rest&all=true", Vec::new()).await;
    assert_eq!(status, 200, "{lines:?}");
    let (attempts, counts) = told(&lines);
    assert_eq!(counts, json!({ "equal": 9 }), "{lines:#?}");
    assert_eq!(
        attempts.iter().map(|of| of["number"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 2, 3, 1, 1, 1, 1, 1, 1]
    );

    // One that sends something else: what the ERP would have said, nobody knows.
    let (_, lines) = backtest(&host, "step=orders/tell", guests::bytes("post-next")).await;
    let (attempts, counts) = told(&lines);
    assert_eq!(counts, json!({ "equal": 3, "unrecorded": 3, "skipped": 1 }), "{lines:#?}");
    let differences = json!([{ "part": "request", "pointer": "/urgent", "candidate": true }]);
    assert_eq!(attempts[0]["differences"], differences, "{}", attempts[0]);
    assert!(attempts[0]["why"].as_str().unwrap().ends_with("it was recorded with another body"));

    // A config that is none for it is a difference of its own.
    let (_, lines) = backtest(&host, "step=orders/create&last=1", guests::bytes("post-next")).await;
    let (attempts, counts) = told(&lines);
    assert_eq!(counts, json!({ "invalid_config": 3 }));
    assert!(attempts[0]["why"].as_str().unwrap().contains("method"), "{}", attempts[0]);
    assert_eq!(stub.seen().len(), requests, "no request has left the host");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_candidate_would_do_with_a_503_and_what_it_does_not_send_is_told() {
    let stub = Stub::start().await;
    let steps = "  - { id: tell, use: post, system: erp, with: { path: /told }, retry: { first: 10ms, attempts: 2 } }";
    let project = Project::new().guests(&["post"]).system("erp", &stub.url()).workflow("orders", steps);
    let host = Host::in_memory(&project.write()).await;
    host.finish("orders", "none", &json!({ "quantity": 0 })).await;
    stub.answer(503);
    host.finish("orders", "down", &json!({ "quantity": 5 })).await;
    let (_, lines) = backtest(&host, "step=orders/tell", guests::bytes("post-next")).await;
    let (attempts, counts) = told(&lines);
    assert_eq!(counts, json!({ "changed": 3 }), "{lines:#?}");
    let was = attempts[0]["differences"].as_array().unwrap();
    let of = |pointer: &str| was.iter().find(|of| of["pointer"] == pointer).unwrap();
    assert_eq!(
        (&of("/cause")["recorded"], &of("/cause")["candidate"]),
        (&json!("retry-asked"), &json!("rejected"))
    );
    let unsent = attempts[2]["differences"].as_array().unwrap();
    let post = format!("POST {}/told", stub.url());
    assert_eq!(*unsent, [json!({ "part": "request", "pointer": "", "recorded": post })]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_that_is_recorded_in_part_is_no_measure() {
    let stub = Stub::start().await;
    let steps =
        "  - { id: tell, use: post, system: erp, with: { path: /told }, limits: { exchange_bytes: 4 } }";
    let project = Project::new().guests(&["post"]).system("erp", &stub.url()).workflow("orders", steps);
    let host = Host::in_memory(&project.write()).await;
    host.finish("orders", "1", &json!({ "quantity": 5 })).await;
    let (_, lines) = backtest(&host, "step=orders/tell&plugin=post", Vec::new()).await;
    let (attempts, counts) = told(&lines);
    assert_eq!(counts, json!({ "unrecorded": 1 }));
    let why = attempts[0]["why"].as_str().unwrap();
    assert!(why.contains("4 of 11 bytes") && why.contains("exchange_bytes"), "{why}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_cannot_be_followed_is_refused_by_name() {
    let stub = Stub::start().await;
    let host = Host::in_memory(&project(&stub).write()).await;
    let shape = || guests::bytes("shape-next");
    for (query, component, status, code) in [
        ("step=orders/nothing", shape(), 404, "no-such-step"),
        ("step=nothing/shape", shape(), 404, "no-such-workflow"),
        ("step=shape", shape(), 400, "invalid-request"),
        ("step=orders/create", shape(), 422, "wrong-kind"),
        ("step=orders/shape", b"no component".to_vec(), 422, "invalid-component"),
        ("step=orders/shape&plugin=nothing", Vec::new(), 404, "no-such-plugin"),
    ] {
        let (is, lines) = backtest(&host, query, component).await;
        assert_eq!((is, &lines[0]["error"]["code"]), (status, &json!(code)), "{query}: {lines:?}");
    }
    host.stop().await;
}

/// A backtest that takes more than a minute if nobody ends it, once its first line is there.
async fn endless(host: &Host) -> Response {
    let path = "/api/backtest?step=orders/shape&last=100&all=true";
    let mut lines = host.admin.post_streaming(path, guests::bytes("endless-loop")).await;
    assert!(lines.chunk().await.unwrap().is_some());
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backtest_ends_when_nobody_listens_any_more_or_the_service_ends() {
    let project = Project::new().guests(&["shape"]).workflow("orders", "  - { id: shape, use: shape }");
    let host = Host::in_memory(&project.write()).await;
    for at in 0..100 {
        host.accept("orders", &at.to_string(), &json!({ "sku": "A", "quantity": 1 })).await;
    }
    host.admin.idle().await;
    drop(endless(&host).await);
    // Each of these would wait for one of those, which take two seconds.
    let began = Instant::now();
    let (status, lines) = backtest(&host, "step=orders/shape&last=60", guests::bytes("shape")).await;
    assert_eq!((status, told(&lines).1), (200, json!({ "equal": 60 })));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());

    let mut lines = endless(&host).await;
    let stopping = tokio::spawn(host.stop());
    let mut rest = Vec::new();
    while let Some(piece) = lines.chunk().await.unwrap() {
        rest.extend_from_slice(&piece);
    }
    stopping.await.unwrap();
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.lines().last().unwrap().contains("the service is shutting down"), "{rest}");
}

fn stepmill(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepmill"));
    command.args(["plugin", "backtest"]).args(arguments).arg("--config").arg(config);
    command.env_remove("STEPMILL_ADMIN").output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_tells_the_same_of_a_running_and_of_a_stopped_service() {
    let stub = Stub::start().await;
    let project = project(&stub);
    let config = project.write();
    let process = Process::start(Path::new(env!("CARGO_BIN_EXE_stepmill")), &config).await;
    for (at, quantity) in QUANTITIES.into_iter().enumerate() {
        let order = json!({ "sku": format!("A{at}"), "quantity": quantity });
        assert_eq!(process.sender.send("orders", &at.to_string(), &order).await.unwrap().0, 202);
    }
    process.admin.idle().await;
    let requests = stub.seen().len();
    let next = guests::path("shape-next").display().to_string();
    let arguments = [&*next, "--step", "orders/shape"];
    let config_of = config.clone();
    let run = move |arguments: Vec<String>| {
        let config = config_of.clone();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = stepmill(&config, &arguments);
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (output.status.code(), text(output.stdout), text(output.stderr))
        })
    };
    let owned = |arguments: &[&str]| arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let running = run(owned(&arguments)).await.unwrap();
    assert_eq!(running.0, Some(1), "{running:?}");
    assert!(running.1.contains("output /total") && running.1.contains("1080"), "{}", running.1);
    assert!(running.1.contains("3 equal, 2 changed, 1 failed"), "{}", running.1);
    let unknown = owned(&["shap", "--step", "orders/shape"]);
    let running_unknown = run(unknown.clone()).await.unwrap();
    let text = "error: there is no plugin \"shap\" (did you mean shape?): config has post, shape; stock plugins are ";
    assert!(running_unknown.0 == Some(4) && running_unknown.2.starts_with(text), "{running_unknown:?}");
    process.kill();

    // Without its secrets, too: nothing is to be sent.
    std::fs::remove_file(project.folder().join("secret")).unwrap();
    let stopped = run(owned(&arguments)).await.unwrap();
    assert_eq!(stopped, running);
    let (code, out, err) = run(owned(&["rest", "--step", "orders/create", "--json"])).await.unwrap();
    assert_eq!(code, Some(0), "{out}{err}");
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(last["summary"]["counts"]["equal"], 6);
    let (code, ..) = run(owned(&["shape", "--step", "orders/nothing"])).await.unwrap();
    assert_eq!(code, Some(4));
    let stopped_unknown = run(unknown).await.unwrap();
    assert!(
        stopped_unknown.0 == Some(4) && stopped_unknown.2.starts_with(running_unknown.2.trim()),
        "{stopped_unknown:?}"
    );
    let (code, _, err) = run(owned(&["shape", "--step", "orders/shape", "--last", "3"])).await.unwrap();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(stub.seen().len(), requests, "no request has left the host");
}

/// What each attempt was given depends on all that happened to the run before: branches, a wait, a redrive with another
/// payload, an undo.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_of_runs_of_every_shape_are_given_what_they_were_given_then() {
    let stub = Stub::start().await;
    let post = |path: &str| format!("use: post, system: erp, with: {{ path: {path} }}");
    let branches = format!(
        "  - {{ id: first, {first}, undo: {{ {undo} }} }}\n  \
         - {{ id: side, needs: [], {side} }}\n  \
         - {{ id: pause, needs: [first], sleep: 20ms }}\n  \
         - {{ id: shape, needs: [pause], input: \"${{{{ body }}}}\", use: shape }}\n  \
         - {{ id: last, needs: [shape, side], {last} }}",
        first = post("/first"),
        undo = post("/undone"),
        side = post("/side"),
        last = post("\"/last/${{ steps.side.output.status }}\""),
    );
    let list = format!(
        "  - id: each\n    for-each: {{ in: \"${{{{ body.items }}}}\" }}\n    steps:\n      \
         - {{ id: shape, use: shape }}\n      - {{ id: put, {} }}",
        post("\"/put/${{ index }}\"")
    );
    let project = Project::new()
        .guests(&["shape", "post"])
        .system("erp", &stub.url())
        .workflow("plain", &branches.replace(&format!(", undo: {{ {} }}", post("/undone")), ""))
        .workflow("branches", &branches)
        .workflow("list", &list);
    let host = Host::in_memory(&project.write()).await;
    let order = |quantity: Value| json!({ "sku": "A", "quantity": quantity });
    let (state, _) = host.finish("plain", "1", &order(json!("ten"))).await;
    assert!(state.phase.is_dead());
    let body = json!({ "text": order(json!(12)).to_string() });
    let redrive = json!({ "document": { "media_type": "application/json", "body": body } });
    assert_eq!(host.admin.post(&format!("/api/runs/{}/redrive", state.run), &redrive).await.0, 200);
    assert_eq!(host.admin.ended(state.run).await.0.phase.name(), PhaseName::Succeeded);
    assert!(host.finish("branches", "2", &order(json!("ten"))).await.0.phase.is_dead());
    let items = json!({ "items": [order(json!(1)), order(json!(2)), order(json!(12))] });
    assert_eq!(host.finish("list", "3", &items).await.0.phase.name(), PhaseName::Succeeded);
    let requests = stub.seen().len();

    let counts = async |step: &str, candidate: &str| {
        let (status, lines) = backtest(&host, &format!("step={step}"), guests::bytes(candidate)).await;
        assert_eq!(status, 200, "{lines:?}");
        told(&lines).1
    };
    // Once with the payload that was refused, and once with the other one.
    assert_eq!(counts("plain/shape", "shape").await, json!({ "equal": 2 }));
    assert_eq!(counts("plain/shape", "shape-next").await, json!({ "equal": 1, "changed": 1 }));
    for (step, of) in [("plain/first", 1), ("plain/side", 1), ("plain/last", 1)] {
        assert_eq!(counts(step, "post").await, json!({ "equal": of }), "{step}");
    }
    assert_eq!(counts("branches/first/undo", "post").await, json!({ "equal": 1 }));
    assert_eq!(counts("list/each/shape", "shape-next").await, json!({ "equal": 2, "changed": 1 }));
    assert_eq!(counts("list/each/put", "post").await, json!({ "equal": 3 }));
    assert_eq!(stub.seen().len(), requests, "no request has left the host");
    host.stop().await;
}

/// The demo, until it has told its account and leaves all running; then ended as by Ctrl-C. Its folder stays.
fn history_of_the_demo(orders: &str) -> PathBuf {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepmill"));
    command.args(["demo", "--orders", orders, "--seconds", "1", "--keep"]);
    let mut demo = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(demo.stderr.take().unwrap()).lines().map(Result::unwrap);
    let folder = lines
        .into_iter()
        .find_map(|line| Some(PathBuf::from(line.split_once("the project and its log: ")?.1.trim())));
    let pid = rustix::process::Pid::from_child(&demo);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    demo.wait().unwrap();
    folder.unwrap()
}

/// What stopped the service and all applications of the demo cannot be asked any more, and need not be.
#[tokio::test]
async fn the_history_of_the_demo_tells_one_changed_field_exactly_and_replays_its_connectors() {
    let folder = tokio::task::spawn_blocking(|| history_of_the_demo("100")).await.unwrap();
    let summary = |arguments: &[&str]| {
        let output = stepmill(&folder, arguments);
        let lines: Vec<Value> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        assert!(!lines.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = told(&lines);
        (output.status.code(), told.0.into_iter().cloned().collect::<Vec<_>>(), told.1)
    };
    let next = guests::path("order-next").display().to_string();
    let (code, attempts, counts) =
        summary(&[&next, "--step", "order-to-cash/shape", "--limit", "1000", "--json"]);
    let changed = counts["changed"].as_u64().unwrap();
    assert!(code == Some(1) && changed > 40, "{counts}");
    assert_eq!((&counts["equal"], &counts["failed"]), (&Value::Null, &Value::Null), "{counts}");
    for attempt in attempts.iter().filter(|attempt| attempt["result"] == "changed") {
        let differences =
            json!([{ "part": "output", "pointer": "/currency", "recorded": "EUR", "candidate": "eur" }]);
        assert_eq!(attempt["differences"], differences, "{attempt}");
    }
    for (step, plugin) in [("shape", "map"), ("stock", "rest"), ("create", "rest"), ("told", "rest")] {
        let (code, _, counts) = summary(&[plugin, "--step", &format!("order-to-cash/{step}"), "--json"]);
        assert!(code == Some(0) && counts["equal"].as_u64().unwrap() > 40, "{step}: {counts}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
