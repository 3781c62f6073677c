//! What the pages on workflows show is what the service takes.

use std::path::Path;

use stepmill_server::catalog::{CheckOptions, check};
use stepmill_test_support::project::Project;

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
