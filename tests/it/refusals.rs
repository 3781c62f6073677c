//! Plugins that are wrong, each in its own way, and what is said of them before they are loaded: a sentence that names
//! the place, what is wrong and what would be right. One snapshot holds all of them.

use std::fmt::Write as _;
use std::fs;

use stepmill_server::catalog::{CheckOptions, check};
use stepmill_server::distribution::{PrivateKey, digest_of};
use stepmill_test_support::guests;
use stepmill_test_support::project::Project;

const TRANSFORM: &str = "stepmill:plugin/transform@0.1.0";
const CONNECTOR: &str = "stepmill:plugin/connector@0.1.0";
const VERIFY: &str = "stepmill:plugin/verify@0.1.0";

/// A key pair of no other use, and the public key of somebody else.
pub(crate) const PRIVATE: &str = include_str!("../../host/server/src/distribution/signature/tests/key.pem");
pub(crate) const PUBLIC: &str = include_str!("../../host/server/src/distribution/signature/tests/key.pub");
pub(crate) const OTHER: &str = include_str!("../../host/server/src/distribution/signature/tests/other.pub");

/// A project that has the plugin at `wrong.wasm`.
fn by_file(component: &[u8]) -> Project {
    with("wrong: { path: wrong.wasm }", "", component)
}

/// A project with these plugins, and more config.
fn with(plugins: &str, extra: &str, component: &[u8]) -> Project {
    let project = Project::new()
        .workflow("orders", "  - { id: shape, use: map, with: { jq: . } }")
        .extra(&format!("plugins:\n  {plugins}"))
        .extra(extra)
        .file("keys/acme.pub", PUBLIC)
        .file("keys/zenith.pub", OTHER);
    fs::write(project.folder().join("wrong.wasm"), component).unwrap();
    project
}

/// A project whose lock says this of the plugin, in place of what is right.
fn locked(plugin: &str, component: &[u8], wrong: &[(&str, &str)]) -> Project {
    let mut lock = format!(
        "format: 1\nplugins:\n  wrong:\n    source: wrong.wasm\n    digest: {}\n    size: 1\n    version: 0.1.0\n    kind: connector\n    \
         permissions: [http, storage]\n",
        digest_of(component)
    );
    for (right, wrong) in wrong {
        assert!(lock.contains(right), "{lock}");
        lock = lock.replace(right, wrong);
    }
    with(plugin, "", component).file("stepmill.lock", &lock)
}

/// A project that wants this key's signature under `wrong.wasm`, which has this one.
fn signed(key: &str, component: &[u8], signature: Option<String>) -> Project {
    let trust = format!("trust: {{ require: all, keys: {{ {key}: keys/{key}.pub }} }}");
    let project = with("wrong: { path: wrong.wasm }", &trust, component);
    match signature {
        Some(signature) => project.file("wrong.wasm.sig", &signature),
        None => project,
    }
}

fn sign(component: &[u8]) -> Option<String> {
    PrivateKey::from_pem(PRIVATE.as_bytes()).unwrap().sign(component)
}

/// A component of the interfaces' outlines: its names are right, and its types are not.
fn outline(step: &str, imports: &[&str], module: &str) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import \"{name}\" (instance))\n")).collect();
    let text = format!(
        r#"(component
            {imports}
            (core module $m (func (export "f")) {module})
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $step (export "run" (func $f)))
            (export "{step}" (instance $step))
            (export "describe" (func $f)))"#
    );
    wat::parse_str(text).unwrap()
}

/// An outline without a function `describe`, that exports these.
fn exports(names: &[&str]) -> Vec<u8> {
    let exports: String = names.iter().map(|name| format!("(export \"{name}\" (instance $i))")).collect();
    wat::parse_str(format!("(component (instance $i) {exports})")).unwrap()
}

fn of_the_component() -> Vec<(&'static str, Project)> {
    let mut truncated = guests::bytes("echo");
    truncated.truncate(1_000);
    let too_large = by_file(b"");
    fs::File::create(too_large.folder().join("wrong.wasm")).unwrap().set_len((64 << 20) + 1).unwrap();
    let plain = |step: &str| by_file(&outline(step, &[], ""));
    let import = |step: &str, import: &str| by_file(&outline(step, &[import], ""));
    let code = |module: &str| by_file(&outline(TRANSFORM, &[], module));
    let manifest = |name: &str, version: &str, schema: &str| by_file(&guests::stamped(name, version, schema));
    vec![
        ("not WebAssembly", by_file(b"#!/bin/sh\n")),
        ("core module", by_file(&wat::parse_str("(module (memory 1))").unwrap())),
        ("truncated", by_file(&truncated)),
        ("too large", too_large),
        ("wrong world", by_file(&exports(&["wasi:cli/run@0.2.6"]))),
        ("two steps", by_file(&exports(&[TRANSFORM, CONNECTOR]))),
        ("a step that verifies besides", by_file(&exports(&[TRANSFORM, VERIFY]))),
        ("no describe", by_file(&exports(&[TRANSFORM]))),
        ("future WIT version", plain("stepmill:plugin/transform@0.2.0")),
        ("future WIT version of an import", import(CONNECTOR, "stepmill:plugin/http@1.0.0")),
        ("other types", plain(TRANSFORM)),
        ("other types of a verify plugin", plain(VERIFY)),
        ("pure with HTTP", import(TRANSFORM, "stepmill:plugin/http@0.1.0")),
        ("pure with sockets", import(TRANSFORM, "wasi:sockets/tcp@0.2.4")),
        ("verify with HTTP", import(VERIFY, "stepmill:plugin/http@0.1.0")),
        ("verify with storage", import(VERIFY, "stepmill:plugin/storage@0.1.0")),
        ("verify with sockets", import(VERIFY, "wasi:sockets/tcp@0.2.4")),
        ("verify with another import", import(VERIFY, "acme:secrets/vault@1.0.0")),
        ("pure with keys", import(TRANSFORM, "stepmill:plugin/keys@0.1.0")),
        ("connector with keys", import(CONNECTOR, "stepmill:plugin/keys@0.1.0")),
        ("connector with sockets", import(CONNECTOR, "wasi:sockets/tcp@0.2.4")),
        ("unknown import", import(CONNECTOR, "acme:secrets/vault@1.0.0")),
        ("WASI 0.3", import(CONNECTOR, "wasi:cli/environment@0.3.0")),
        ("describe traps", code("(func $f unreachable) (start $f)")),
        ("describe does not end", code("(func $f (loop (br 0))) (start $f)")),
        ("manifest: name", manifest("Bad Name!", "1.0.0", "{}")),
        ("manifest: version", manifest("pricing", "one", "{}")),
        ("manifest: schema is no JSON", manifest("pricing", "1.0.0", "{ jq: string }")),
        (
            "manifest: schema is no JSON Schema",
            manifest("pricing", "1.0.0", r#"{"properties":{"a":{"type":"txt"}}}"#),
        ),
        (
            "manifest: keys of a step",
            manifest("pricing", "1.0.0", r#"{"x-stepmill-keys":{"signing":"The secret."}}"#),
        ),
        (
            "manifest: schema refers elsewhere",
            manifest("pricing", "1.0.0", r#"{"$ref":"https://example.com/a.json"}"#),
        ),
    ]
}

fn of_its_origin() -> Vec<(&'static str, Project)> {
    let echo = guests::bytes("echo");
    let connector = guests::bytes("storage-echo");
    let mut tampered = echo.clone();
    tampered.push(0);
    let digest = digest_of(b"another");
    let remote = |plugin: &str| with(plugin, "", &echo);
    let path = "wrong: { path: wrong.wasm }";
    vec![
        ("name clash", remote("wrong: { path: wrong.wasm }\n  wrong: { path: other.wasm }")),
        ("from nowhere", remote("wrong: {}")),
        ("from two places", remote("wrong: { path: wrong.wasm, oci: \"ghcr.io/acme/wrong:1\" }")),
        ("without TLS", remote("wrong: { url: \"http://plugins.example.com/wrong.wasm\" }")),
        ("without a tag", remote("wrong: { oci: ghcr.io/acme/wrong }")),
        (
            "another than the pinned one",
            remote(&format!("wrong: {{ path: wrong.wasm, digest: \"{digest}\" }}")),
        ),
        ("not locked", remote("wrong: { oci: \"ghcr.io/acme/wrong:1.2.0\" }")),
        ("locked from elsewhere", locked(path, &echo, &[("source: wrong.wasm", "source: right.wasm")])),
        ("another than the locked one", locked(path, &echo, &[(&digest_of(&echo), &digest)])),
        ("permissions grown", locked(path, &connector, &[("[http, storage]", "[http]")])),
        ("damaged lock", locked(path, &echo, &[("size:", "<<<<<<< ours\n    size:")])),
        ("unsigned", signed("acme", &echo, None)),
        ("tampered", signed("acme", &tampered, sign(&echo))),
        ("signed by somebody else", signed("zenith", &echo, sign(&echo))),
        ("no key", signed("acme", &echo, sign(&echo)).file("keys/acme.pub", PRIVATE)),
        ("keys of nobody", with(path, "trust: { require: all }", &echo)),
        ("signed by nobody who is known", with("wrong: { path: wrong.wasm, signed_by: acme }", "", &echo)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_plugin_is_refused_with_a_sentence_that_its_author_can_act_on() {
    let known = ["echo", "storage-echo"].map(|name| (name.to_uppercase(), digest_of(&guests::bytes(name))));
    let mut tampered = guests::bytes("echo");
    tampered.push(0);
    let mut read = String::new();
    for (name, project) in of_the_component().into_iter().chain(of_its_origin()) {
        let report = check(&project.write(), CheckOptions { offline: true, strict: false }).await;
        assert_eq!(report.diagnostics.errors(), 1, "{name}: {}", report.diagnostics);
        let mut text = report.diagnostics.to_string();
        text = text.replace(&project.folder().display().to_string(), "FOLDER");
        text = text
            .replace(&digest_of(b"another"), "sha256:ANOTHER")
            .replace(&digest_of(&tampered), "sha256:TAMPERED");
        for (guest, digest) in &known {
            text = text.replace(digest, &format!("sha256:{guest}"));
        }
        let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        writeln!(read, "=== {name}\n{text}").unwrap();
    }
    insta::assert_snapshot!(read);
}

/// What the refusals above are told from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_plugin_is_loaded_where_a_wrong_one_is_refused() {
    let echo = guests::bytes("echo");
    let connector = guests::bytes("storage-echo");
    let path = "wrong: { path: wrong.wasm }";
    let projects = [
        by_file(&guests::stamped("pricing", "1.0.0", r#"{"properties":{"a":{"type":"string"}}}"#)),
        with(&format!("wrong: {{ path: wrong.wasm, digest: \"{}\" }}", digest_of(&echo)), "", &echo),
        locked(path, &connector, &[]),
        signed("acme", &echo, sign(&echo)),
        with(
            "wrong: { path: wrong.wasm, signed_by: acme }",
            "trust: { keys: { acme: keys/acme.pub } }",
            &echo,
        )
        .file("wrong.wasm.sig", &sign(&echo).unwrap()),
    ];
    for project in projects {
        let report = check(&project.write(), CheckOptions { offline: true, strict: false }).await;
        assert!(report.is_ok(), "{}", report.diagnostics);
        // It, and the stock plugin that the workflow uses.
        assert_eq!(report.plugins, 2);
    }
}
