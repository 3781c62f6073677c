//! Reloads while the service runs: what they change, what they leave, and what runs that have begun go by.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stepmill_core::attempt::Cause;
use stepmill_core::clock::SystemClock;
use stepmill_core::document::Document;
use stepmill_core::invoke::Attempt;
use stepmill_core::journal::Deployment;
use stepmill_core::limits::Limits;
use stepmill_core::run::{Phase, State};
use stepmill_core::{Invoke as _, Journal as _, RunId};
use stepmill_journal::LocalJournal;
use stepmill_sandbox::egress::Egress;
use stepmill_sandbox::{Options, Sandbox};
use stepmill_server::catalog::{Catalog, Live};
use stepmill_server::components::Components;
use stepmill_server::entropy::SystemEntropy;
use stepmill_server::shadow::Shadows;
use stepmill_test_support::guests;
use stepmill_test_support::host::{AdminClient, Host};
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use stepmill_test_support::stub::Stub;
use tokio_util::sync::CancellationToken;

/// A run that waits for its order to be shipped, and then tells the ERP at this path.
fn steps(path: &str) -> String {
    format!(
        "  - {{ id: order, use: shape }}
  - {{ id: shipped, wait: {{ event: shipment, key: \"${{{{ body.order }}}}\" }} }}
  - {{ id: shape, use: shape, input: \"${{{{ steps.order.output }}}}\" }}
  - {{ id: tell, use: rest, system: erp, with: {{ method: POST, path: {path} }} }}"
    )
}

fn project(stub: &Stub) -> Project {
    Project::new().extra("events: { shipment: { key: \"${{ body.order }}\" } }").system("erp", &stub.url())
}

fn waits(state: &State) -> bool {
    matches!(state.phase, Phase::Waiting { .. })
}

async fn begun(host: &Host, order: &str) -> RunId {
    let run = host.accept("orders", order, &json!({ "order": order })).await;
    host.admin.until(run, waits).await;
    run
}

async fn shipped(host: &Host, order: &str) {
    let (status, answer) = host.admin.post("/api/events/shipment", &json!({ "order": order })).await;
    assert_eq!(status, 202, "{answer}");
}

/// Reloads, and answers what has changed.
async fn reload(admin: &AdminClient) -> Value {
    let (status, changes) = admin.post("/api/reload", &Value::Null).await;
    assert_eq!(status, 200, "{changes}");
    changes
}

/// The version of a workflow that runs begin under.
async fn version(admin: &AdminClient, workflow: &str) -> Option<String> {
    let workflows = admin.get("/api/workflows").await;
    let found = workflows.as_array().unwrap().iter().find(|shown| shown["name"] == workflow)?;
    found["version"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_end_under_the_definition_and_the_plugins_that_they_began_with() {
    let stub = Stub::start().await;
    let component = |name: &str| fs::read(guests::path(name)).unwrap();
    let project = project(&stub);
    let plugin = project.folder().join("shape.wasm");
    fs::write(&plugin, component("echo")).unwrap();
    let project = project.plugin("shape", &plugin).workflow("orders", &steps("/former"));
    let config = project.write();
    let host = Host::on_disk(&config).await;
    let (over_reload, over_restart) = (begun(&host, "SO-1").await, begun(&host, "SO-2").await);
    let former = host.admin.read(over_reload).await.0.version;

    fs::write(&plugin, component("plain")).unwrap();
    let project = project.workflow("orders", &steps("/latter"));
    let changes = reload(&host.admin).await;
    assert_eq!(changes["workflows"], json!({ "added": [], "changed": ["orders"], "removed": [] }));
    assert_eq!(changes["plugins"]["changed"], json!(["shape"]));
    let latter = version(&host.admin, "orders").await.unwrap();
    assert_ne!(former, latter);
    let anew = begun(&host, "SO-3").await;
    shipped(&host, "SO-1").await;
    assert_eq!(host.admin.ended(over_reload).await.0.version, former);
    shipped(&host, "SO-3").await;
    assert_eq!(host.admin.ended(anew).await.0.version, latter);
    host.stop().await;

    // Neither the definition nor the component is on disk any more, and the workflow is not deployed.
    fs::remove_file(project.folder().join("workflows/orders.yaml")).unwrap();
    let _project = project.file("workflows/other.yaml", "name: other\nsteps: [{ id: shape, use: shape }]\n");
    let host = Host::on_disk(&config).await;
    shipped(&host, "SO-2").await;
    let (state, _) = host.admin.ended(over_restart).await;
    assert_eq!((state.phase, state.version), (Phase::Succeeded, former.clone()));

    let told: Vec<_> = stub.seen().into_iter().map(|seen| (seen.path, seen.body)).collect();
    let order = |path: &str, body: &str| (path.to_owned(), body.to_owned());
    assert_eq!(
        told,
        [
            order("former", r#"{"order":"SO-1"}"#),
            order("latter", "{}"),
            order("former", r#"{"order":"SO-2"}"#)
        ]
    );
    let kept = host.admin.get("/api/versions").await;
    let runs: Vec<_> =
        kept.as_array().unwrap().iter().map(|kept| (&kept["is_deployed"], &kept["runs"])).collect();
    assert!(
        runs.contains(&(&json!(false), &json!(2))) && runs.contains(&(&json!(false), &json!(1))),
        "{kept}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_changes_nothing_if_anything_is_wrong() {
    let stub = Stub::start().await;
    let project = Project::new().guests(&["echo"]).system("erp", &stub.url());
    let call = |path: &str| {
        format!("  - {{ id: call, use: rest, system: erp, with: {{ method: POST, path: {path} }} }}")
    };
    let project = project.workflow("one", &call("/one")).workflow("two", &call("/two"));
    let host = Host::in_memory(&project.write()).await;
    let before = host.admin.get("/api/workflows").await;

    let project =
        project.workflow("one", &call("/changed")).workflow("two", "  - { id: call, use: nothing }");
    let (status, answer) = host.admin.post("/api/reload", &Value::Null).await;
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("invalid-config")), "{answer}");
    let problem = &answer["error"]["diagnostics"][0];
    assert!(problem["file"].as_str().unwrap().ends_with("workflows/two.yaml"), "{problem}");
    assert_eq!(problem["message"], "there is no plugin \"nothing\"");
    assert_eq!(host.admin.get("/api/workflows").await, before);
    host.finish("one", "1", &json!({})).await;
    assert_eq!(stub.seen()[0].path, "one");

    // Mended, with a system that is elsewhere and an address that is set up once.
    let other = Stub::start().await;
    let project = project.workflow("two", &call("/two"));
    let config = project.write();
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace(&stub.url(), &other.url()).replace("drain: 5s", "drain: 6s");
    fs::write(&config, text).unwrap();
    let changes = reload(&host.admin).await;
    assert_eq!(changes["workflows"]["changed"], json!(["one"]));
    assert_eq!(changes["systems"]["changed"], json!(["erp"]));
    assert_eq!(changes["at_next_start"], json!(["server.drain"]));
    host.finish("one", "2", &json!({})).await;
    assert_eq!(other.seen()[0].path, "changed");
    let again = reload(&host.admin).await;
    assert_eq!(again["workflows"]["changed"], json!([]), "nothing is new");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_redriven_under_the_version_that_is_asked_for() {
    let project = Project::new().guests(&["echo"]);
    let step = |when: &str| format!("  - {{ id: shape, use: echo, when: \"${{{{ {when} }}}}\" }}");
    let project = project.workflow("orders", &step("body.absent"));
    let host = Host::in_memory(&project.write()).await;
    let (dead, _) = host.finish("orders", "1", &json!({})).await;
    assert!(matches!(dead.phase, Phase::Dead { .. }));
    let _project = project.workflow("orders", &step("true"));
    reload(&host.admin).await;
    let redrive = async |version: &str| {
        let path = format!("/api/runs/{}/redrive", dead.run);
        host.admin.post(&path, &json!({ "version": version })).await
    };

    assert_eq!(redrive("same").await.0, 200);
    let (still, _) = host.admin.ended(dead.run).await;
    assert!(matches!(still.phase, Phase::Dead { .. }) && still.version == dead.version);
    let (status, answer) = redrive("0123").await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("no-such-version")));
    assert_eq!(redrive(&dead.version[..12]).await.0, 200);
    assert!(matches!(host.admin.ended(dead.run).await.0.phase, Phase::Dead { .. }));
    assert_eq!(redrive("current").await.0, 200);
    let (state, _) = host.admin.ended(dead.run).await;
    assert_eq!(state.phase, Phase::Succeeded);
    assert_eq!(Some(state.version), version(&host.admin, "orders").await);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_reloads_and_so_does_a_change_that_is_watched() {
    let project = Project::new().guests(&["echo"]).workflow("orders", "  - { id: one, use: echo }");
    let config = project.write();
    let process = Process::start_watching(env!("CARGO_BIN_EXE_stepmill").as_ref(), &config).await;
    let until = async |workflow: &str| {
        for _ in 0..6_000 {
            if version(&process.admin, workflow).await.is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{workflow} is not deployed: {}", process.log());
    };
    let workflow = |name: &str| format!("name: {name}\nsteps: [{{ id: one, use: echo }}]\n");
    let project = project.file("workflows/seen.yaml", &workflow("seen"));
    until("seen").await;

    // Where the watch does not look, and a hangup tells.
    let yaml = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{yaml}workflows: [\"workflows/*.yaml\", \"more/*.yaml\"]\n")).unwrap();
    let _project = project.file("more/told.yaml", &workflow("told"));
    let hangup = Command::new("kill").args(["-HUP", &process.id().to_string()]).status().unwrap();
    assert!(hangup.success());
    until("told").await;
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_is_idle_is_unloaded_and_loaded_again_for_a_run_of_a_former_version() {
    let clock = Arc::new(SystemClock);
    let journal = Arc::new(LocalJournal::memory(clock.clone()).unwrap());
    let options = Options { cache_dir: Some(guests::compiled()), max_concurrent: 1, ..Options::default() };
    let sandbox =
        Sandbox::try_new(options, Egress::try_new(Vec::new()).unwrap(), journal.clone(), clock).unwrap();
    let bytes = guests::bytes("echo");
    let digest: Arc<str> = sandbox.load(&bytes).await.unwrap().digest.into();
    let components = BTreeMap::from([(Arc::clone(&digest), bytes.into())]);
    journal.deploy(Deployment { versions: Vec::new(), components }).await.unwrap();
    let components = Components {
        sandbox: Arc::clone(&sandbox),
        journal,
        live: Live::new(Catalog::default()),
        loading: tokio::sync::Mutex::default(),
        shadows: Shadows::new(Arc::clone(&sandbox), Arc::new(SystemEntropy), CancellationToken::new()),
    };

    assert!(sandbox.unload_idle(Duration::from_secs(60), |_| false).is_empty(), "it was asked for just now");
    assert!(sandbox.unload_idle(Duration::ZERO, |kept| *kept == *digest).is_empty(), "it is deployed");
    assert_eq!(sandbox.unload_idle(Duration::ZERO, |_| false), [Arc::clone(&digest)]);
    let attempt = |digest: Arc<str>| Attempt {
        digest,
        plugin: "echo".into(),
        workflow: "orders".into(),
        run: RunId::new(1, [1; 10]),
        step: "step".into(),
        number: 1,
        idempotency_key: "run:step".into(),
        accepted_at_ms: 1,
        input: Arc::new(Document::json(&json!({ "order": 7 }))),
        config: "{}".into(),
        limits: Limits::default(),
        grant: Arc::default(),
    };
    let output = components.invoke(attempt(digest)).await.outcome.unwrap();
    assert_eq!(output.to_value(), json!({ "order": 7 }));
    let absent = components.invoke(attempt("absent".into())).await.outcome.unwrap_err();
    assert_eq!(absent.cause, Cause::Host, "it is made again once the journal has it");
}
