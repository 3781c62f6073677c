//! What the pages show is what the service takes, and what is generated is what it is generated from.

use std::path::Path;

use stepmill_server::catalog::{CheckOptions, check};
use stepmill_test_support::project::Project;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

/// The blocks of a page that are whole workflows, with their names.
fn workflows(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let named = blocks.filter_map(|block| {
        let name = block.lines().next()?.strip_prefix("# workflows/")?.strip_suffix(".yaml")?;
        Some((name.to_owned(), block.to_owned()))
    });
    named.collect()
}

async fn is_right(project: Project) {
    let options = CheckOptions { offline: true, strict: false };
    let report = check(&project.write(), options).await;
    assert!(report.is_ok(), "{}", report.diagnostics);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_workflow_of_the_page_on_workflows_can_be_deployed() {
    let found = workflows(include_str!("../../examples/README.md"));
    assert!(found.len() >= 7, "there are only {}", found.len());
    let mut project = Project::new();
    for system in ["erp", "crm", "carrier", "shop", "bank"] {
        project = project.system(system, "http://127.0.0.1:9");
    }
    project = project.extra("approvals: { url: \"https://flows.example.com\", secret: \"file:secret\" }\n");
    project = project.extra("events:\n  shipment: { key: \"${{ body.number }}\" }\n");
    for (name, text) in found {
        project = project.file(&format!("workflows/{name}.yaml"), &text);
    }
    is_right(project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_can_be_deployed_but_for_its_secrets() {
    for example in ["order-to-cash", "nightly-sync", "approval", "saga"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example);
        let report = check(&folder, CheckOptions { offline: true, strict: false }).await;
        let text = report.diagnostics.to_string();
        // Ports and the data folder are the machine's, secrets the operator's.
        let errors = text.lines().filter(|line| line.trim_start().starts_with("error: "));
        let foreign: Vec<&str> = errors
            .filter(|line| !line.contains("environment variable") && !line.contains("listen on"))
            .collect();
        assert!(foreign.is_empty(), "{example}: {text}");
        assert!(report.workflows >= 1);
    }
}

/// Everything that a plugin can import and export, on one page: no world has all kinds.
const WHOLE: &str = "
    package stepmill:reference;
    /// Everything of `stepmill:plugin`. A plugin targets one of the worlds in `worlds.wit`, which have some of it each.
    world everything {
        use stepmill:plugin/types@0.1.0.{manifest};
        import stepmill:plugin/log@0.1.0;
        import stepmill:plugin/http@0.1.0;
        import stepmill:plugin/storage@0.1.0;
        import stepmill:plugin/keys@0.1.0;
        export stepmill:plugin/transform@0.1.0;
        export stepmill:plugin/validate@0.1.0;
        export stepmill:plugin/connector@0.1.0;
        export stepmill:plugin/verify@0.1.0;
        export stepmill:plugin/prepare@0.1.0;
        /// What the plugin is.
        export describe: func() -> manifest;
    }";

fn reference(wit: &Path) -> String {
    let mut resolve = Resolve::default();
    resolve.push_dir(wit).unwrap();
    let package = resolve.push_str("reference.wit", WHOLE).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut files = Files::default();
    wit_bindgen_markdown::Opts::default().build().generate(&mut resolve, world, &mut files).unwrap();
    let page = files.iter().find(|(name, _)| name.ends_with(".md")).unwrap().1;
    String::from_utf8(page.to_vec()).unwrap()
}

#[test]
fn the_reference_of_the_contract_is_generated_from_it() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (page, made) = (wit.join("REFERENCE.md"), reference(&wit));
    if std::env::var_os("STEPMILL_WRITE_REFERENCE").is_some() {
        std::fs::write(&page, &made).unwrap();
    }
    let is_current = std::fs::read_to_string(&page).unwrap() == made;
    assert!(is_current, "wit/REFERENCE.md is old: run this test with STEPMILL_WRITE_REFERENCE=1");
}
