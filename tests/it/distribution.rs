//! Plugins from addresses and registries: locked, fetched once, kept, signed, and accepted with what they can reach.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use stepmill_server::catalog::{CheckOptions, check};
use stepmill_server::diagnostic::Severity;
use stepmill_server::distribution::{PrivateKey, digest_of};
use stepmill_test_support::guests;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::registry::Registry;

use crate::refusals::{OTHER, PRIVATE, PUBLIC};

/// Runs `stepmill plugin …` in a folder.
fn plugin(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepmill"))
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("XDG_CACHE_HOME", guests::compiled())
        .env("REGISTRY_PASSWORD", "hunter2")
        .output()
        .unwrap()
}

/// The same, which must go well. Answers what it prints.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = plugin(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same, which must fail with this exit code. Answers what it says.
fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = plugin(folder, arguments);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

/// A project with this plugin as the only step of a workflow.
fn project(plugin: &str, extra: &str) -> Project {
    let project = Project::new()
        .workflow("orders", "  - { id: shape, use: shape }")
        .extra(&format!("plugins:\n  shape: {{ {plugin} }}"))
        .extra(extra)
        .file("acme.pem", PRIVATE)
        .file("keys/acme.pub", PUBLIC)
        .file("keys/zenith.pub", OTHER);
    project.write();
    project
}

fn write(project: &Project, name: &str, component: &[u8]) {
    fs::write(project.folder().join(name), component).unwrap();
}

async fn problems(project: &Project) -> String {
    let options = CheckOptions { offline: false, strict: false };
    let found = check(&project.folder().join("stepmill.yaml"), options).await.diagnostics;
    let is_well = found.iter().all(|found| found.severity == Severity::Note);
    if is_well { String::new() } else { found.to_string() }
}

fn lock(project: &Project) -> String {
    fs::read_to_string(project.folder().join("stepmill.lock")).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_fetched_once_and_then_serves_without_the_network() {
    let registry = Registry::start().await;
    let reference = registry.reference("acme/shape:1");
    let project = project(&format!("oci: \"{reference}\", plain_http: true"), "");
    let folder = project.folder();
    write(&project, "echo.wasm", &guests::bytes("echo"));
    done(folder, &["push", "echo.wasm", &reference, "--plain-http"]);
    assert!(problems(&project).await.contains("is not in stepmill.lock"));
    assert!(refused(folder, &["lock", "--check"], 3).contains("stepmill.lock has no plugin shape"));
    let shown = done(folder, &["lock"]);
    assert!(
        shown.contains(&digest_of(&guests::bytes("echo"))) && shown.contains("shape can reach\n  nothing")
    );
    done(folder, &["lock", "--check"]);
    assert!(problems(&project).await.is_empty());
    assert!(!folder.join("data").exists(), "a check leaves nothing behind");

    let config = folder.join("stepmill.yaml");
    let host = Host::on_disk(&config).await;
    host.finish("orders", "1", &json!({ "order": 1 })).await;
    let plugins = host.admin.get("/api/plugins").await;
    let shape = plugins.as_array().unwrap().iter().find(|plugin| plugin["name"] == "shape").unwrap();
    assert_eq!(shape["source"], format!("oci://{reference}"));
    host.stop().await;
    let before = registry.requests();
    let host = Host::on_disk(&config).await;
    host.finish("orders", "2", &json!({ "order": 2 })).await;
    host.stop().await;
    assert_eq!(registry.requests(), before, "what is in the cache is not asked for");

    // A damaged file in the cache is fetched again.
    let kept =
        folder.join("data/plugins/sha256").join(digest_of(&guests::bytes("echo")).replace("sha256:", ""));
    fs::write(&kept, b"damaged").unwrap();
    Host::on_disk(&config).await.stop().await;
    assert!(registry.requests() > before);
    assert_eq!(fs::read(&kept).unwrap(), guests::bytes("echo"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_locked_is_loaded_whatever_a_tag_or_an_address_has_now() {
    let registry = Registry::start().await;
    let reference = registry.reference("acme/shape:1");
    let project = project(&format!("oci: \"{reference}\", plain_http: true"), "");
    let folder = project.folder();
    write(&project, "echo.wasm", &guests::bytes("echo"));
    write(&project, "plain.wasm", &guests::bytes("plain"));
    done(folder, &["push", "echo.wasm", &reference, "--plain-http"]);
    done(folder, &["lock"]);
    let locked = lock(&project);
    done(folder, &["push", "plain.wasm", &reference, "--plain-http"]);
    assert!(problems(&project).await.is_empty(), "it is asked for by its digest");
    done(folder, &["lock"]);
    assert_eq!(lock(&project), locked, "only who is named is looked up again");
    let shown = done(folder, &["lock", "shape"]);
    assert!(shown.contains(&format!("(was {})", digest_of(&guests::bytes("echo")))), "{shown}");
    assert!(lock(&project).contains(&digest_of(&guests::bytes("plain"))));

    // An address has no digest to ask for: what is there is compared.
    let url = registry.put("/shape.wasm", guests::bytes("echo"));
    let project = self::project(&format!("url: \"{url}\", plain_http: true"), "");
    done(project.folder(), &["lock"]);
    assert!(problems(&project).await.is_empty());
    registry.put("/shape.wasm", guests::bytes("plain"));
    let said = problems(&project).await;
    assert!(
        said.contains("is not the component that is locked") && said.contains("plugin lock shape"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_reaches_more_is_locked_once_somebody_accepts_it() {
    let registry = Registry::start().await;
    let url = registry.put("/shape.wasm", guests::bytes("echo"));
    let project = project(&format!("url: \"{url}\", plain_http: true"), "");
    let folder = project.folder();
    done(folder, &["lock"]);
    let before = lock(&project);
    registry.put("/shape.wasm", guests::bytes("storage-echo"));
    let said = refused(folder, &["lock", "shape"], 1);
    let grown =
        "shape can now reach http, storage; shape was a transform and is a connector now, which nobody";
    assert!(said.contains(grown), "{said}");
    assert!(said.contains("+ storage") && said.contains("--accept-permissions"), "{said}");
    assert_eq!(lock(&project), before);
    let told: Value =
        serde_json::from_str(&done(folder, &["lock", "shape", "--accept-permissions", "--json"])).unwrap();
    assert_eq!(told["plugins"][0]["grown"], json!(["http", "storage"]));
    // The workflow gives it no config, which is nothing that a lock is about.
    let said = problems(&project).await;
    assert!(!said.contains("plugins.shape"), "{said}");
    // Less needs nobody, and more has to be accepted again.
    registry.put("/shape.wasm", guests::bytes("echo"));
    let accepted = done(folder, &["lock", "shape", "--accept-permissions"]);
    assert!(accepted.contains("- storage"), "its kind is another, too: {accepted}");
    registry.put("/shape.wasm", guests::bytes("storage-echo"));
    refused(folder, &["lock", "--all"], 1);
    // A lock that says less than the component does is not what somebody accepted.
    done(folder, &["lock", "shape", "--accept-permissions"]);
    let less: String = lock(&project)
        .lines()
        .filter(|line| !line.contains("- storage"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.join("stepmill.lock"), less).unwrap();
    let said = problems(&project).await;
    assert!(said.contains("can reach storage, which nobody has accepted"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_are_demanded_kept_and_checked_against_the_keys_of_now() {
    let registry = Registry::start().await;
    let reference = registry.reference("acme/shape:1");
    let trust = "trust: { require: remote, keys: { zenith: keys/zenith.pub, acme: keys/acme.pub } }";
    let project = project(&format!("oci: \"{reference}\", plain_http: true"), trust);
    let folder = project.folder();
    write(&project, "echo.wasm", &guests::bytes("echo"));
    done(folder, &["push", "echo.wasm", &reference, "--plain-http"]);
    let said = refused(folder, &["lock"], 3);
    assert!(said.contains("it is not signed, and trust.require: remote demands it"), "{said}");
    let verify = ["verify", &reference, "--plain-http", "--key", "keys/acme.pub"];
    assert!(refused(folder, &verify, 1).contains("is not signed"));
    done(folder, &["push", "echo.wasm", &reference, "--plain-http", "--sign", "acme.pem"]);
    done(folder, &verify);
    let other = ["verify", &reference, "--plain-http", "--key", "keys/zenith.pub"];
    assert!(refused(folder, &other, 1).contains("is good under these keys"));
    done(folder, &["lock"]);
    assert!(lock(&project).contains("signer: acme"), "{}", lock(&project));

    let config = folder.join("stepmill.yaml");
    Host::on_disk(&config).await.stop().await;
    let before = registry.requests();
    Host::on_disk(&config).await.stop().await;
    assert_eq!(registry.requests(), before, "what proves it is kept");
    // Whoever is not trusted any more has signed nothing, whatever the lock says.
    let yaml = fs::read_to_string(&config).unwrap();
    fs::write(&config, yaml.replace(", acme: keys/acme.pub", "")).unwrap();
    let said = problems(&project).await;
    assert!(said.contains("no signature of it fits the key zenith"), "{said}");
    let offline = check(&config, CheckOptions { offline: true, strict: false }).await;
    assert!(offline.diagnostics.to_string().contains("fits the key zenith"), "{}", offline.diagnostics);
    fs::write(&config, yaml).unwrap();
    // What proves it is fetched with it where it is not kept.
    fs::remove_dir_all(folder.join("data/plugins")).unwrap();
    Host::on_disk(&config).await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_or_an_address_is_signed_beside_it() {
    let registry = Registry::start().await;
    let echo = guests::bytes("echo");
    let url = registry.put("/shape.wasm", echo.clone());
    let project = project(
        &format!("url: \"{url}\", plain_http: true, signed_by: acme"),
        "trust: { keys: { acme: keys/acme.pub } }",
    );
    let folder = project.folder();
    write(&project, "echo.wasm", &echo);
    assert!(refused(folder, &["lock"], 3).contains("it is not signed, and signed_by: acme demands it"));
    done(folder, &["sign", "echo.wasm", "--key", "acme.pem"]);
    done(folder, &["verify", "echo.wasm", "--key", "keys/acme.pub"]);
    refused(folder, &["verify", "echo.wasm", "--key", "keys/zenith.pub"], 1);
    assert!(
        refused(folder, &["sign", "echo.wasm", "--key", "keys/acme.pub"], 1).contains("BEGIN PRIVATE KEY")
    );
    registry.put("/shape.wasm.sig", fs::read(folder.join("echo.wasm.sig")).unwrap());
    done(folder, &["lock"]);
    assert!(problems(&project).await.is_empty());
    let told = done(folder, &["pull", &url, "--plain-http", "-o", "pulled.wasm", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["digest"], digest_of(&echo));
    assert_eq!(fs::read(folder.join("pulled.wasm")).unwrap(), echo);
    let signature = PrivateKey::from_pem(PRIVATE.as_bytes()).unwrap().sign(b"something else").unwrap();
    registry.put("/shape.wasm.sig", signature);
    assert!(refused(folder, &["lock", "shape"], 3).contains("no signature of it fits the key acme"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_asks_who_is_there_is_told_and_nobody_else_is() {
    let registry = Registry::start().await;
    registry.protect("hunter2");
    let reference = registry.reference("acme/shape:1");
    let auth = "auth: { basic: { user: robot, password: \"file:password\" } }";
    let project =
        project(&format!("oci: \"{reference}\", plain_http: true, {auth}"), "").file("password", "wrong\n");
    let folder = project.folder();
    write(&project, "echo.wasm", &guests::bytes("echo"));
    let push = ["push", "echo.wasm", &reference, "--plain-http"];
    assert!(refused(folder, &push, 1).contains("refuses these credentials, or wants some"));
    let user = ["--user", "robot", "--password", "env:REGISTRY_PASSWORD"];
    let said = done(folder, &[&push[..], &user[..]].concat());
    let refusal = refused(folder, &["lock"], 3);
    assert!(refusal.contains("refuses these credentials"), "{refusal}");
    fs::write(folder.join("password"), "hunter2\n").unwrap();
    done(folder, &["lock"]);
    assert!(!said.contains("hunter2") && !lock(&project).contains("hunter2"));
    let absent = registry.reference("acme/absent:1");
    let pull = ["pull", &absent, "--plain-http"];
    assert!(refused(folder, &[&pull[..], &user[..]].concat(), 4).contains("there is nothing at"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_takes_a_new_lock_and_nothing_of_a_wrong_one() {
    let registry = Registry::start().await;
    let url = registry.put("/shape.wasm", guests::bytes("echo"));
    let project = project(&format!("url: \"{url}\", plain_http: true"), "");
    let folder = project.folder();
    done(folder, &["lock"]);
    let host = Host::on_disk(&folder.join("stepmill.yaml")).await;
    let digest = async || {
        let plugins = host.admin.get("/api/plugins").await;
        let shape = plugins.as_array().unwrap().iter().find(|plugin| plugin["name"] == "shape").unwrap();
        format!("sha256:{}", shape["digest"].as_str().unwrap())
    };
    registry.put("/shape.wasm", guests::bytes("plain"));
    let good = lock(&project);
    done(folder, &["lock", "shape"]);
    let better = lock(&project);
    fs::write(folder.join("stepmill.lock"), better.replace("format: 1", "format: 9")).unwrap();
    let (status, answer) = host.admin.post("/api/reload", &Value::Null).await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(digest().await, digest_of(&guests::bytes("echo")));
    fs::write(folder.join("stepmill.lock"), better).unwrap();
    let (status, changes) = host.admin.post("/api/reload", &Value::Null).await;
    assert_eq!((status, &changes["plugins"]["changed"]), (200, &json!(["shape"])));
    assert_eq!(digest().await, digest_of(&guests::bytes("plain")));
    // Back to the one before, which is only in the cache now.
    fs::write(folder.join("stepmill.lock"), good).unwrap();
    assert_eq!(host.admin.post("/api/reload", &Value::Null).await.0, 200);
    assert_eq!(digest().await, digest_of(&guests::bytes("echo")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_whose_authority_is_ones_own_is_trusted_by_its_certificate_alone() {
    let registry = Registry::start_with_tls().await;
    let reference = registry.reference("acme/shape:1");
    let echo = guests::bytes("echo");
    let url = registry.put("/shape.wasm", echo.clone());
    let ca = registry.ca.clone().unwrap();
    for (source, place) in [(format!("oci: \"{reference}\""), &reference), (format!("url: \"{url}\""), &url)]
    {
        let project = project(&format!("{source}, ca: ca.pem"), "").file("ca.pem", &ca);
        let folder = project.folder();
        write(&project, "echo.wasm", &echo);
        if place == &reference {
            assert!(refused(folder, &["push", "echo.wasm", place], 1).contains("failed to push"));
            done(folder, &["push", "echo.wasm", place, "--ca", "ca.pem", "--sign", "acme.pem"]);
            done(folder, &["verify", place, "--ca", "ca.pem", "--key", "keys/acme.pub"]);
        }
        refused(folder, &["pull", place], 1);
        done(folder, &["pull", place, "--ca", "ca.pem", "-o", "pulled.wasm"]);
        assert_eq!(fs::read(folder.join("pulled.wasm")).unwrap(), echo);
        done(folder, &["lock"]);
        assert!(problems(&project).await.is_empty());

        let said = refused(folder, &["pull", place, "--ca", "echo.wasm"], 2);
        assert!(said.contains("--ca: echo.wasm holds no certificate in PEM"), "{said}");
        // Another's certificate is none of this place's.
        fs::write(folder.join("ca.pem"), Registry::start_with_tls().await.ca.unwrap()).unwrap();
        let said = refused(folder, &["lock", "shape"], 3);
        assert!(said.contains("cannot be fetched"), "{said}");
        fs::remove_file(folder.join("ca.pem")).unwrap();
        let said = problems(&project).await;
        assert!(said.contains("plugins.shape.ca") && said.contains("cannot be read"), "{said}");
    }
    for (plugin, why) in [
        ("path: echo.wasm, ca: ca.pem", "a file is fetched from nowhere"),
        (
            "url: \"http://127.0.0.1:1/a.wasm\", plain_http: true, ca: ca.pem",
            "without TLS there is no certificate",
        ),
    ] {
        let project = project(plugin, "").file("ca.pem", &ca);
        write(&project, "echo.wasm", &echo);
        let said = problems(&project).await;
        assert!(said.contains(why) && said.contains("plugins.shape.ca"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_answers_without_an_end_is_not_heard_to_the_end() {
    let registry = Registry::start().await;
    let reference = registry.reference("acme/shape:1");
    let project = project("path: echo.wasm", "");
    let folder = project.folder();
    write(&project, "echo.wasm", &guests::bytes("echo"));
    let pushed = done(folder, &["push", "echo.wasm", &reference, "--plain-http", "--json"]);
    let manifest = serde_json::from_str::<Value>(&pushed).unwrap()["manifest"].as_str().unwrap().to_owned();
    let verify = ["verify", &reference, "--plain-http", "--key", "keys/acme.pub"];
    // What refers to the artefact, its signatures, and then the artefact itself.
    for path in [
        format!("referrers/{manifest}"),
        format!("manifests/{}.sig", manifest.replace(':', "-")),
        "manifests/1".to_owned(),
    ] {
        assert!(refused(folder, &verify, 1).contains("is not signed"), "so far it ends");
        let registry_of = registry.requests();
        registry.never_end(&format!("/v2/acme/shape/{path}"));
        let said = refused(folder, &verify, 1);
        assert!(said.contains("has more than 4194304 bytes"), "{path}: {said}");
        assert!(registry.requests() > registry_of);
        registry.end(&format!("/v2/acme/shape/{path}"));
    }
    // A manifest in place of another is not taken for the one that was asked for.
    let other = format!("/v2/acme/shape/manifests/{manifest}");
    registry.put(&other, b"{}".as_slice());
    let pinned = registry.reference(&format!("acme/shape@{manifest}"));
    let said = refused(folder, &["pull", &pinned, "--plain-http"], 1);
    assert!(said.contains("in place of"), "{said}");
}

/// Locks in a terminal of its own, as whoever sits there sees it, and answers this.
fn asked(folder: &Path, answer: &str) -> (Option<i32>, String) {
    let command = format!("'{}' plugin lock shape", env!("CARGO_BIN_EXE_stepmill"));
    let mut script = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("SHELL", "/bin/sh")
        .env("XDG_CACHE_HOME", guests::compiled())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = script.stdin.take().unwrap();
    let mut said = String::new();
    let mut stdout = script.stdout.take().unwrap();
    let mut piece = [0; 1024];
    // The end of what is typed would end the command before it asks.
    while !said.contains("Accept? [y/N]") {
        let read = stdout.read(&mut piece).unwrap();
        assert!(read > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    stdin.write_all(answer.as_bytes()).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    drop(stdin);
    (script.wait().unwrap().code(), said + &rest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sits_at_the_terminal_is_asked_for_what_a_plugin_can_reach_now() {
    let registry = Registry::start().await;
    let url = registry.put("/shape.wasm", guests::bytes("echo"));
    let project = project(&format!("url: \"{url}\", plain_http: true"), "");
    let folder = project.folder();
    done(folder, &["lock"]);
    let before = lock(&project);
    registry.put("/shape.wasm", guests::bytes("storage-echo"));
    for no in ["n\n", "\n", "yesterday\n"] {
        let (code, said) = asked(folder, no);
        assert!(code == Some(1) && said.contains("nothing is locked"), "{no:?}: {said}");
        assert_eq!(lock(&project), before, "{no:?}");
    }
    let (code, said) = asked(folder, "yes\n");
    assert!(code == Some(0) && said.contains("wrote"), "{said}");
    assert!(lock(&project).contains("- storage"), "{}", lock(&project));
}
