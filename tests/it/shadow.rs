//! Candidates beside plugins: tried with live attempts, without any effect.

use std::time::Instant;

use serde_json::{Value, json};
use stepmill_core::journal::PhaseName;
use stepmill_test_support::guests;
use stepmill_test_support::host::{Host, PATIENCE};
use stepmill_test_support::project::Project;
use stepmill_test_support::stub::Stub;

const STEPS: &str = "  - { id: shape, use: shape }\n  \
    - { id: tell, use: post, system: erp, with: { path: /told } }";

fn shadows(of: &[(&str, &str)]) -> String {
    let mut yaml = "shadows:\n".to_owned();
    for (plugin, candidate) in of {
        yaml += &format!("  {plugin}: {{ path: {:?} }}\n", guests::path(candidate).display().to_string());
    }
    yaml
}

/// What is told of a plugin's shadow once so many attempts were tried.
async fn tried(host: &Host, plugin: &str, count: u64) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = host.admin.get("/api/shadow").await;
        let shadow =
            all.as_array().unwrap().iter().find(|shadow| shadow["plugin"] == plugin).unwrap().clone();
        let counts = shadow["counts"].as_object().unwrap();
        if counts.values().map(|count| count.as_u64().unwrap()).sum::<u64>() >= count {
            return shadow;
        }
        assert!(Instant::now() < deadline, "{shadow}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_tells_what_it_would_do_and_does_nothing() {
    let stub = Stub::start().await;
    let project = Project::new()
        .guests(&["shape", "post"])
        .system("erp", &stub.url())
        // What is kept of exchanges in the journal does not bound what a shadow is answered with.
        .extra("limits: { exchange_bytes: 4 }")
        .extra(&shadows(&[("shape", "shape-next"), ("post", "post-next")]))
        .workflow("orders", STEPS);
    let host = Host::in_memory(&project.write()).await;
    for (at, quantity) in [2, 12, 13].into_iter().enumerate() {
        let order = json!({ "sku": "A", "quantity": quantity });
        let (state, entries) = host.finish("orders", &at.to_string(), &order).await;
        assert_eq!(state.phase.name(), PhaseName::Succeeded);
        let journal = serde_json::to_string(&entries).unwrap();
        assert!(!journal.contains("next") && !journal.contains("urgent"), "{journal}");
    }
    let shape = tried(&host, "shape", 3).await;
    assert_eq!(
        (&shape["counts"]["equal"], &shape["counts"]["changed"], &shape["counts"]["failed"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(shape["candidate"]["name"], "shape-next");
    let changed =
        shape["differences"].as_array().unwrap().iter().find(|of| of["result"] == "changed").unwrap();
    assert_eq!(
        changed["differences"],
        json!([{ "part": "output", "pointer": "/total", "recorded": 1_200, "candidate": 1_080 }])
    );
    assert_eq!((&changed["workflow"], &changed["step"]), (&json!("orders"), &json!("shape")));
    let post = tried(&host, "post", 3).await;
    assert_eq!((&post["counts"]["equal"], &post["counts"]["unrecorded"]), (&json!(1), &json!(2)), "{post}");
    assert_eq!(stub.seen().len(), 3, "the shadow's requests do not leave the host");
    let metrics = host.admin.text("/metrics").await;
    assert!(
        metrics.contains(r#"stepmill_shadow_attempts_total{plugin="post",result="unrecorded"}"#),
        "{metrics}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_candidate_has_counts_of_its_own_and_makes_no_other_version() {
    let stub = Stub::start().await;
    let project = Project::new()
        .guests(&["shape", "post"])
        .system("erp", &stub.url())
        .extra(&shadows(&[("shape", "shape-next")]))
        .workflow("orders", STEPS);
    let config = project.write();
    let host = Host::in_memory(&config).await;
    let version = host.admin.get("/api/workflows").await[0]["version"].clone();
    host.finish("orders", "1", &json!({ "sku": "A", "quantity": 12 })).await;
    assert_eq!(tried(&host, "shape", 1).await["counts"]["changed"], 1);

    let yaml = std::fs::read_to_string(&config).unwrap();
    let reload = async |yaml: &str| {
        std::fs::write(&config, yaml).unwrap();
        host.admin.post("/api/reload", &json!({})).await
    };
    let (status, changes) = reload(&yaml.replace("shape_next.wasm", "shape.wasm")).await;
    assert_eq!((status, &changes["settings"]["changed"]), (200, &json!(["shadows.shape"])), "{changes}");
    assert_eq!(host.admin.get("/api/workflows").await[0]["version"], version);
    assert_eq!(tried(&host, "shape", 0).await["counts"]["changed"], 0, "nothing is told of it yet");
    host.finish("orders", "2", &json!({ "sku": "A", "quantity": 12 })).await;
    let shape = tried(&host, "shape", 1).await;
    assert_eq!((&shape["counts"]["equal"], &shape["counts"]["changed"]), (&json!(1), &json!(0)));

    // One that can be none is an error of the config.
    for (from, to, why) in [
        ("  shape: { path", "  nothing: { path", "there is no plugin \"nothing\""),
        ("shape_next.wasm", "post.wasm", "shape is a transform plugin"),
    ] {
        let (at, rest) = yaml.split_once("shadows:").unwrap();
        let (status, answer) = reload(&format!("{at}shadows:{}", rest.replace(from, to))).await;
        assert_eq!(status, 422);
        assert!(answer.to_string().contains(&why.replace('"', "\\\"")), "{answer}");
    }
    let (status, answer) = reload(&yaml.replace("shape_next.wasm\"", "shape_next.wasm\", share: 0")).await;
    assert!(status == 422 && answer.to_string().contains("no share"), "{answer}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_there_is_no_room_for_are_dropped_and_counted_and_no_run_waits() {
    let project = Project::new()
        .guests(&["shape"])
        .extra(&shadows(&[("shape", "endless-loop")]))
        .workflow("orders", "  - { id: shape, use: shape }");
    let host = Host::in_memory(&project.write()).await;
    // There is room for 256, and each that is tried takes two seconds.
    for at in 0..400 {
        host.accept("orders", &at.to_string(), &json!({ "sku": "A", "quantity": 1 })).await;
    }
    host.admin.idle().await;
    assert_eq!(host.admin.count(PhaseName::Succeeded).await, 400);
    let shape = tried(&host, "shape", 0).await;
    let (dropped, tried) = (shape["dropped"].as_u64().unwrap(), &shape["counts"]["failed"]);
    let tried = tried.as_u64().unwrap();
    assert!(dropped > 0 && 400 - 256 <= dropped + tried, "{shape}");
    let metrics = host.admin.text("/metrics").await;
    let line = format!(r#"stepmill_shadow_attempts_total{{plugin="shape",result="dropped"}} {dropped}"#);
    assert!(metrics.contains(&line), "{metrics}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_plugin_can_have_a_shadow() {
    let project = Project::new()
        .extra(&shadows(&[("map", "stepmill_plugin_map")]))
        .workflow("orders", "  - { id: shape, use: map, with: { jq: .sku } }");
    let host = Host::in_memory(&project.write()).await;
    host.finish("orders", "1", &json!({ "sku": "A" })).await;
    let map = tried(&host, "map", 1).await;
    assert_eq!((&map["counts"]["equal"], &map["candidate"]["name"]), (&json!(1), &json!("map")), "{map}");
    host.stop().await;
}
