#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use insta::assert_snapshot;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::stock;

const CONFIG: &str = "server: { ingress: \"127.0.0.1:0\", admin: \"127.0.0.1:0\" }\n";
const STEPS: &str = "steps:\n  - { id: shape, use: map, with: { jq: . } }\n";

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// One folder of compiled plugins for all tests.
fn cache() -> PathBuf {
    static CACHE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    CACHE.path().to_owned()
}

/// What a check of these files says, without the folder's name.
async fn checked(files: &[(&str, &str)], options: CheckOptions) -> Report {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[("stepmill.yaml", CONFIG), ("workflows/none.yaml", &format!("name: none\n{STEPS}"))],
    );
    write(folder.path(), files);
    let map = stock::find("map").unwrap();
    fs::write(folder.path().join("map.wasm"), map.component).unwrap();
    fs::write(folder.path().join("cut.wasm"), &map.component[..1_000]).unwrap();
    fs::write(folder.path().join("text.wasm"), "not WebAssembly").unwrap();
    let name = folder.path().display().to_string();
    let mut report = check::check_with_compiled(folder.path(), options, Some(cache())).await;
    let mut shown = Diagnostics::default();
    shown.extend(report.diagnostics.into_iter().map(|found| found.renamed(&name, "FOLDER")));
    report.diagnostics = shown;
    report
}

async fn errors(name: &str, files: &[(&str, &str)]) -> String {
    let report = checked(files, CheckOptions { offline: true, strict: false }).await;
    assert!(!report.is_ok(), "{name} is no mistake");
    format!("=== {name}\n{}", report.diagnostics)
}

fn webhook(name: &str, verify: &str) -> String {
    format!("name: {name}\non:\n  webhook: {{ path: /orders, verify: {verify} }}\n{STEPS}")
}

#[tokio::test]
async fn each_mistake_that_only_a_deploy_would_hit_is_found_before_it() {
    let step = |keys: &str| format!("name: a\nsteps:\n  - {{ id: shape, {keys} }}\n");
    let config = |keys: &str| format!("{CONFIG}{keys}\n");
    let digest = "0".repeat(64);
    let mut text = String::new();
    for (name, files) in [
        ("missing plugin", vec![("workflows/a.yaml", step("use: mapp"))]),
        ("config against the plugin's schema", vec![("workflows/a.yaml", step("use: map, with: { jq: 7 }"))]),
        (
            "missing plugin file",
            vec![("stepmill.yaml", config("plugins: { pricing: { path: pricing.wasm } }"))],
        ),
        ("no WebAssembly", vec![("stepmill.yaml", config("plugins: { pricing: { path: text.wasm } }"))]),
        (
            "another component than the pinned one",
            vec![(
                "stepmill.yaml",
                config(&format!("plugins: {{ pricing: {{ path: map.wasm, digest: \"sha256:{digest}\" }} }}")),
            )],
        ),
        (
            "bad cron",
            vec![(
                "workflows/a.yaml",
                format!("name: a\non: {{ schedule: {{ cron: \"61 * * * *\" }} }}\n{STEPS}"),
            )],
        ),
        (
            "bad CEL",
            vec![("workflows/a.yaml", step("use: map, with: { jq: . }, when: \"${{ input. > 3 }}\""))],
        ),
        (
            "missing secret",
            vec![("workflows/a.yaml", webhook("a", "{ scheme: github, secret: \"env:STEPMILL_NO_SUCH\" }"))],
        ),
        (
            "two workflows on one path",
            vec![
                ("workflows/a.yaml", webhook("a", "{ scheme: none }")),
                ("workflows/b.yaml", webhook("b", "{ scheme: none }")),
            ],
        ),
        (
            "two workflows of one name",
            vec![
                ("workflows/a.yaml", format!("name: a\n{STEPS}")),
                ("workflows/b.yaml", format!("name: a\n{STEPS}")),
            ],
        ),
        (
            "links that anybody could make",
            vec![
                (
                    "stepmill.yaml",
                    config("approvals: { url: \"https://a.example\", secret: \"file:short\" }"),
                ),
                ("short", "hunter2".into()),
            ],
        ),
        (
            "links to nowhere",
            vec![
                (
                    "stepmill.yaml",
                    config("approvals: { url: \"https://u:hunter2@a.example\", secret: \"file:long\" }"),
                ),
                ("long", "0123456789abcdef".into()),
            ],
        ),
        (
            "links without approvals",
            vec![(
                "workflows/a.yaml",
                "name: a\nsteps:\n  - { id: boss, approve: { question: \"${{ links.boss }}?\" } }\n".into(),
            )],
        ),
        ("bad URL", vec![("stepmill.yaml", config("systems: { erp: { url: erp.example.com } }"))]),
        (
            "a password in a URL",
            vec![(
                "stepmill.yaml",
                config("systems: { erp: { url: \"https://u:hunter2@erp.example.com\" } }"),
            )],
        ),
        (
            "certificates that are none",
            vec![("stepmill.yaml", config("systems: { erp: { url: https://erp, ca: text.wasm } }"))],
        ),
        (
            "missing token of a system",
            vec![(
                "stepmill.yaml",
                config("systems: { erp: { url: https://erp, auth: { bearer: file:absent } } }"),
            )],
        ),
        ("a file in place of the data folder", vec![("stepmill-data", String::new())]),
    ] {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        text.push_str(&errors(name, &files).await);
    }
    assert!(!text.contains("hunter2"));
    let map = stock::find("map").unwrap();
    let digest = hex::encode(Sha256::digest(map.component));
    let text = text.replace(&digest, "DIGEST");
    assert_snapshot!(text);
}

#[tokio::test]
async fn a_damaged_component_is_named_and_its_users_are_not_blamed() {
    let config = format!("{CONFIG}plugins: {{ pricing: {{ path: cut.wasm }} }}\n");
    let workflow = "name: a\nsteps:\n  - { id: price, use: pricing }\n";
    let report =
        checked(&[("stepmill.yaml", &config), ("workflows/a.yaml", workflow)], CheckOptions::default()).await;
    let text = report.diagnostics.to_string();
    assert_eq!(report.diagnostics.errors(), 1, "{text}");
    assert!(text.contains("the plugin FOLDER/cut.wasm does not load: "), "{text}");
    assert!(text.contains("plugins.pricing.path"), "{text}");
}

#[tokio::test]
async fn what_is_right_is_counted_and_a_system_that_is_away_is_a_warning_unless_strict() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let there = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "{CONFIG}systems:\n  gone: {{ url: \"http://{gone}\" }}\n  there: {{ url: \"http://{}\" }}\n",
        there.local_addr().unwrap()
    );
    let files = [("stepmill.yaml", config.as_str())];
    let report = checked(&files, CheckOptions::default()).await;
    assert!(report.is_ok(), "{}", report.diagnostics);
    assert_eq!((report.workflows, report.plugins, report.systems), (1, 1, 2));
    let mut text = String::new();
    write!(text, "{}", report.diagnostics).unwrap();
    assert!(text.contains(&format!("the system gone cannot be reached at {gone}")), "{text}");
    assert_eq!(report.diagnostics.warnings(), 1, "{text}");
    assert!(!checked(&files, CheckOptions { strict: true, offline: false }).await.is_ok());
    assert!(checked(&files, CheckOptions { strict: true, offline: true }).await.is_ok());
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_before_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = TcpListener::bind(taken).unwrap();
    let config = format!("server: {{ ingress: \"{taken}\", admin: \"127.0.0.1:0\" }}\n");
    let report = checked(&[("stepmill.yaml", &config)], CheckOptions::default()).await;
    assert!(report.diagnostics.to_string().contains(&format!("could not listen on {taken}")));
    assert!(!report.is_ok());
}

#[tokio::test]
async fn a_plugin_of_config_takes_the_place_of_a_stock_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{CONFIG}plugins: {{ json-schema: {{ path: other.wasm }} }}\n");
    let workflow = webhook("a", "{ scheme: none }").replace("use: map", "use: json-schema");
    write(folder.path(), &[("stepmill.yaml", &config), ("workflows/a.yaml", &workflow)]);
    let map = stock::find("map").unwrap();
    fs::write(folder.path().join("other.wasm"), map.component).unwrap();
    let project = Project::read(folder.path()).unwrap();
    let sandbox = check::sandbox(systems(&project).unwrap(), Some(cache())).unwrap();
    let (catalog, _) = Catalog::build(&project, &sandbox).await.unwrap();
    let Some(Route::Workflow(deployed)) = catalog.by_path.get("/orders") else { panic!("no workflow") };
    assert_eq!((&*deployed.plan.name, deployed.verifier.is_some()), ("a", true));
    assert_eq!(deployed.file, Path::new("workflows/a.yaml"));
    let other = &catalog.plugins["json-schema"];
    assert_eq!(other.source, PluginSource::File(folder.path().join("other.wasm")));
    assert_eq!(other.loaded.manifest.name, "map");
    // What nothing uses is not loaded, but can be shown.
    assert_eq!(catalog.plugins.len(), 1);
    let map = catalog.plugin("map", &sandbox).await.unwrap();
    assert_eq!((map.source, map.loaded.digest), (PluginSource::Stock, other.loaded.digest.clone()));
    assert!(catalog.plugin("mapp", &sandbox).await.is_err());
    let all = catalog.all_plugins(&sandbox).await;
    assert_eq!(all.len(), stock::ALL.len());
    assert_eq!(all["json-schema"].source, other.source);
    // Without it the workflow's `with` does not fit.
    write(folder.path(), &[("stepmill.yaml", CONFIG)]);
    assert!(Catalog::build(&Project::read(folder.path()).unwrap(), &sandbox).await.is_err());
}

#[tokio::test]
async fn each_config_without_expressions_is_to_be_prepared_once() {
    let folder = tempfile::tempdir().unwrap();
    let steps = "steps:\n  - { id: same, use: map, with: { jq: .a } }\n  - { id: other, use: map, with: { jq: .b } }\n  \
                 - { id: dynamic, use: map, with: { jq: \"${{ input.program }}\" } }\n";
    write(
        folder.path(),
        &[
            ("stepmill.yaml", CONFIG),
            ("workflows/a.yaml", &format!("name: a\n{steps}")),
            ("workflows/b.yaml", &format!("name: b\n{steps}")),
        ],
    );
    let project = Project::read(folder.path()).unwrap();
    let sandbox = check::sandbox(Vec::new(), Some(cache())).unwrap();
    let (catalog, _) = Catalog::build(&project, &sandbox).await.unwrap();
    let found: Vec<_> =
        catalog.constants.iter().map(|constant| (constant.user.as_str(), &*constant.config)).collect();
    assert_eq!(found, [("a/same", r#"{"jq":".a"}"#), ("a/other", r#"{"jq":".b"}"#)]);
    // What attempts are given is this very text.
    let step = &catalog.plans["b"].plan.steps[1];
    assert_eq!(step.plugin().unwrap().constant_config.as_deref(), Some(&*catalog.constants[1].config));
}

#[tokio::test]
async fn a_weak_scheme_has_a_note_that_fails_nothing() {
    for (verify, note) in [
        ("{ scheme: github, secret: env:PATH }", Some("github is weak: no time is signed")),
        ("{ scheme: api-key, query: key, secret: env:PATH }", Some("the token is part of the URL")),
        ("{ scheme: stripe, secret: env:PATH }", None),
    ] {
        let workflow = webhook("a", verify);
        let files = [("workflows/a.yaml", workflow.as_str())];
        let report = checked(&files, CheckOptions { offline: true, strict: true }).await;
        let text = report.diagnostics.to_string();
        assert!(report.is_ok(), "{text}");
        assert_eq!(report.diagnostics.notes(), usize::from(note.is_some()), "{text}");
        assert!(
            note.is_none_or(|note| text.contains(note) && text.contains("on.webhook.verify.scheme")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_scheme_of_certificates_needs_a_listener_that_asks_for_them() {
    let webhook = webhook("a", "{ scheme: mtls, sans: [shop.example.com] }");
    let files = [("stepmill.yaml", CONFIG), ("workflows/a.yaml", webhook.as_str())];
    let report = checked(&files, CheckOptions { offline: true, strict: false }).await;
    let text = report.diagnostics.to_string();
    assert!(!report.is_ok() && text.contains("give server.tls.client_ca in stepmill.yaml"), "{text}");
}

#[tokio::test]
async fn a_scheme_that_signs_the_url_needs_to_know_it() {
    let webhook = webhook("a", "{ scheme: square, secret: env:PATH }");
    for (more, problem) in [
        ("", Some("square signs the URL that it calls, which is not known here")),
        ("ingress: { public_url: \"https://hooks.example.com/in/\" }\n", None),
        ("ingress: { public_url: hooks.example.com }\n", Some("this is no base URL of senders")),
        (
            "ingress: { public_url: \"https://hooks.example.com?a=b\" }\n",
            Some("such as https://hooks.example.com"),
        ),
    ] {
        let config = format!("{CONFIG}{more}");
        let files = [("stepmill.yaml", config.as_str()), ("workflows/a.yaml", webhook.as_str())];
        let report = checked(&files, CheckOptions { offline: true, strict: false }).await;
        let text = report.diagnostics.to_string();
        assert_eq!(report.is_ok(), problem.is_none(), "{text}");
        assert!(problem.is_none_or(|problem| text.contains(problem)), "{text}");
    }
}
