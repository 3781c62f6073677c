#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use super::*;
use crate::author::cases::Definition as Case;

/// A project's folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn errors(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let found = Project::read(folder.path()).unwrap_err();
    found.to_string().replace(&folder.path().display().to_string(), "FOLDER")
}

const WORKFLOW: &str = "name: a\nsteps:\n  - { id: shape, use: map }\n";

#[test]
fn an_empty_config_has_a_default_for_everything() {
    let folder =
        folder(&[("stepmill.yaml", "# nothing\n"), ("workflows/a.yaml", WORKFLOW), ("workflows/b.txt", "")]);
    let project = Project::read(folder.path()).unwrap();
    assert_eq!(project.config.server.ingress.to_string(), "127.0.0.1:8080");
    assert_eq!(project.config.server.admin.to_string(), "127.0.0.1:8081");
    assert_eq!(project.data_folder(), folder.path().join("stepmill-data"));
    let files: Vec<_> = project.workflows.iter().map(|workflow| workflow.file.as_path()).collect();
    assert_eq!(files, [Path::new("workflows/a.yaml")]);
    assert!(project.warnings.is_empty());
    let by_file = Project::read(&folder.path().join("stepmill.yaml")).unwrap();
    assert_eq!(by_file.root, folder.path());
}

#[test]
fn the_whole_config_is_read() {
    let project = folder(&[
        (
            "stepmill.yaml",
            r#"
server:
  ingress: 0.0.0.0:80
  admin: "[::1]:81"
  admin_token: env:STEPMILL_ADMIN_TOKEN
  data: /var/lib/stepmill
  drain: 1m30s
log: { format: json, level: "info,stepmill_sandbox=debug" }
journal: { max_unfinished: 10, max_bytes: 1073741824, retain: 1d, cache_bytes: 1048576 }
concurrency: { runs: 8, attempts: 2 }
limits: { memory_bytes: 1048576 }
workflows: [flows/**/*.yaml]
plugins:
  pricing: { path: plugins/pricing.wasm }
systems:
  none: { url: http://a }
  bearer: { url: http://a, auth: { bearer: env:T }, concurrency: 3, timeouts: { connect: 1s } }
  basic: { url: http://a, auth: { basic: { user: u, password: file:p } }, ca: ca.pem }
  header: { url: http://a, auth: { header: { name: X-Api-Key, value: env:K } } }
"#,
        ),
        ("flows/a.yaml", WORKFLOW),
        ("flows/deep/er/b.yaml", WORKFLOW),
    ]);
    let project = Project::read(project.path()).unwrap();
    let config = serde_json::to_value(&project.config).unwrap();
    assert_eq!(config["server"]["drain"], "1m 30s");
    assert_eq!(config["limits"]["cpu_ms"], 2_000);
    assert_eq!(
        config["systems"]["bearer"]["timeouts"],
        serde_json::json!({ "connect": "1s", "first_byte": "20s" })
    );
    assert_eq!(config["systems"]["header"]["auth"]["header"]["value"], "env:K");
    assert_eq!(project.workflows.len(), 2);
    assert_eq!(project.data_folder(), Path::new("/var/lib/stepmill"));
}

#[test]
fn the_mistakes_of_all_files_are_found_at_once() {
    let digest = "sha256:12";
    let text = errors(&[
        (
            "stepmill.yaml",
            &format!(
                "server:\n  ingress: 0.0.0.0:80\n  admin: 0.0.0.0:80\nlog: {{ level: \"a=b=c\" }}\nconcurrency:\n  runs: 0\nlimits: {{ memory_bytes: 1 }}\n\
                 workflows: [workflows/*.yaml, \"a***\"]\nplugins:\n  Pricing: {{ path: p.wasm, digest: \"{digest}\" }}\n\
                 systems:\n  erp: {{ url: http://erp, concurrency: 0, timeouts: {{ connect: 0s }} }}\n"
            ),
        ),
        ("workflows/a.yaml", "name: a\nstep: []\n"),
        ("workflows/b.yaml", "name: b\nsteps:\n- id: x\n use: map\n"),
        ("workflows/c.yaml", WORKFLOW),
    ]);
    assert_snapshot!(text);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    assert_snapshot!(errors(&[]), @r"
    error: FOLDER/stepmill.yaml: the file cannot be read: No such file or directory (os error 2)
    help: give the path of a stepmill.yaml or of its folder
    ");
    let large = format!("name: {}\n", "a".repeat(2 << 20));
    let large = errors(&[("stepmill.yaml", ""), ("workflows/a.yaml", &large)]);
    assert!(large.contains("FOLDER/workflows/a.yaml: the file is larger than 1048576 bytes"), "{large}");
    let none = folder(&[("stepmill.yaml", "")]);
    let warnings = Project::read(none.path()).unwrap().warnings;
    assert_eq!((warnings.errors(), warnings.warnings()), (0, 1));
}

#[test]
fn schemas_for_editors_describe_every_key() {
    for schema in [config_schema(), workflow_schema(), schema::<Case>()] {
        let mut bare = Vec::new();
        undescribed(&schema, &mut bare);
        assert!(bare.is_empty(), "{bare:?}");
        assert!(jsonschema::draft7::new(&schema).is_ok());
    }
    let validator = jsonschema::draft7::new(&config_schema()).unwrap();
    assert!(validator.is_valid(&serde_json::json!({ "server": { "drain": "3s" } })));
    assert!(!validator.is_valid(&serde_json::json!({ "server": { "drian": "3s" } })));
}

/// Collects the properties without a description.
fn undescribed(schema: &Value, bare: &mut Vec<String>) {
    for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        // A tag, or a variant that is named by its only key, is described where it stands.
        let is_variant = property.get("const").is_some()
            || (schema.get("description").is_some()
                && schema.get("required") == Some(&serde_json::json!([key])));
        if !is_variant && property.get("description").is_none() {
            bare.push(key.clone());
        }
    }
    let inner = schema.as_object().into_iter().flatten().map(|(_, value)| value);
    for value in inner.chain(schema.as_array().into_iter().flatten()) {
        undescribed(value, bare);
    }
}
