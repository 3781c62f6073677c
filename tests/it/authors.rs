//! The way of a plugin's author through the command line: new, build, and what is to be known of a component.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use stepmill_test_support::guests;
use tempfile::TempDir;

const KINDS: [&str; 3] = ["transform", "validate", "connector"];

/// What a command has said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `stepmill plugin …` in a folder.
fn plugin(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepmill"));
    command.arg("plugin").args(arguments).current_dir(folder).env("NO_COLOR", "1").env("COLUMNS", "100");
    // What cargo has set up for this test is not for the author's project.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO") && name != "CARGO_HOME"
            || name.starts_with("RUST") && name != "RUSTUP_HOME"
        {
            command.env_remove(name);
        }
    }
    command.env("XDG_CACHE_HOME", guests::compiled());
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", built());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    let said = plugin(folder, arguments);
    assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

/// What all projects of these tests are built in, so that they share what they depend on.
fn built() -> PathBuf {
    guests::compiled().with_file_name("authors")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn a_new_project_has_the_authors_names_and_all_that_it_is_built_on() {
    let place = TempDir::new().unwrap();
    for kind in KINDS {
        let said = plugin(place.path(), &["new", "order", "--kind", kind, "--folder", kind]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(
            said.out.contains(&format!("{kind} has a {kind} step in Rust to begin with")),
            "{}",
            said.out
        );
        let folder = place.path().join(kind);
        let vendor = folder.join("vendor/stepmill");
        let own: Vec<PathBuf> =
            files(&folder).into_iter().filter(|path| !path.starts_with(&vendor)).collect();
        for path in &own {
            let text = fs::read_to_string(path).unwrap();
            for name in ["my-step", "my_step", "MyStep"] {
                assert!(!text.contains(name), "{name} in {}", path.display());
            }
        }
        let code = fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        // `Order` is what two of the templates call an order.
        let type_name = if kind == "validate" { "Order" } else { "OrderStep" };
        assert!(code.contains(&format!("export_{kind}!({type_name});")), "{code}");
        assert!(code.contains(r#"const NAME: &'static str = "order";"#), "{code}");
        assert!(fs::read_to_string(folder.join("Cargo.toml")).unwrap().contains("name = \"order\""));
        let root = guests::root();
        assert_eq!(
            fs::read_to_string(folder.join("rust-toolchain.toml")).unwrap(),
            fs::read_to_string(root.join("rust-toolchain.toml")).unwrap()
        );
        assert!(fs::read_dir(folder.join("cases")).unwrap().count() >= 2);
        let manifest = fs::read_to_string(vendor.join("sdk/rust/Cargo.toml")).unwrap();
        assert!(!manifest.contains("workspace") && manifest.contains("wit-bindgen = \""), "{manifest}");
        for carried in ["wit/worlds.wit", "LICENSE", "sdk/rust/src/lib.rs", "sdk/rust/README.md"] {
            assert_eq!(
                fs::read(vendor.join(carried)).unwrap(),
                fs::read(root.join(carried)).unwrap(),
                "{carried}"
            );
        }
        assert!(!vendor.join("sdk/rust/template").exists());
    }
}

#[test]
fn a_new_project_is_formatted_however_long_its_name_is() {
    let place = TempDir::new().unwrap();
    for kind in KINDS {
        for name in [format!("{}-{kind}", &kind[..1]), format!("{kind}-{}", "x".repeat(64 - kind.len() - 1))]
        {
            assert_eq!(plugin(place.path(), &["new", &name, "--kind", kind]).code, Some(0));
            let mut rustfmt = Command::new("rustfmt");
            rustfmt
                .args(["--check", "--edition", "2024", "src/lib.rs"])
                .current_dir(place.path().join(&name));
            let formatted = rustfmt.output().unwrap();
            assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stdout));
        }
    }
}

/// The words of a program's text, without what stands in quotes.
fn words(code: &str) -> Vec<&str> {
    let unquoted = code.split('"').step_by(2);
    unquoted.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_')).collect()
}

/// A name that is also a word of the template would mean the one in place of the other.
#[test]
fn an_authors_name_is_no_word_of_a_new_projects_code() {
    let place = TempDir::new().unwrap();
    for (lang, ending) in [("js", "js"), ("python", "py")] {
        for kind in KINDS {
            let folder = format!("{lang}-{kind}");
            let new = ["new", "zebra-ox", "--lang", lang, "--kind", kind, "--folder", &folder];
            assert_eq!(plugin(place.path(), &new).code, Some(0));
            let vendor = place.path().join(&folder).join("vendor");
            let mut is_named = false;
            for path in files(&place.path().join(&folder)) {
                if path.starts_with(&vendor) || path.extension().is_none_or(|is| is != ending) {
                    continue;
                }
                let code = fs::read_to_string(&path).unwrap();
                is_named |= code.contains("\"zebra-ox\"");
                let own = ["zebra_ox", "ZebraOx", "zebraOx"];
                for line in code.lines().filter(|line| words(line).iter().any(|word| own.contains(word))) {
                    // The module, which is no name within the file.
                    assert_eq!(line, "from zebra_ox import step", "{}", path.display());
                }
            }
            assert!(is_named, "{folder}");
        }
    }
    let said = plugin(place.path(), &["new", "email", "--lang", "python"]);
    assert!(said.code == Some(2) && said.err.contains("would hide"), "{}", said.err);
    assert!(!place.path().join("email").exists());
    assert_eq!(plugin(place.path(), &["new", "email", "--lang", "js"]).code, Some(0));
}

#[test]
fn a_new_project_builds_to_a_component_that_does_its_work() {
    let place = TempDir::new().unwrap();
    let order = json!({
        "id": "SO-1", "currency": "EUR", "lines": [{ "sku": "A", "quantity": 2, "price": 9.5 }],
    });
    fs::write(place.path().join("order.json"), order.to_string()).unwrap();
    for kind in KINDS {
        let name = format!("new-{kind}");
        assert_eq!(plugin(place.path(), &["new", &name, "--kind", kind]).code, Some(0));
        // The versions that this repository is built with, which are on the machine already.
        fs::copy(guests::root().join("Cargo.lock"), place.path().join(&name).join("Cargo.lock")).unwrap();
        let plugin_built = json_of(place.path(), &["build", &name, "--json"]);
        assert_eq!(plugin_built["name"], name.as_str());
        assert_eq!(plugin_built["kind"], kind);
        assert_eq!(plugin_built["warnings"], json!([]));
        let (component, folder) = (format!("{name}/dist/{name}.wasm"), format!("{name}/"));
        // A test builds first, and says so in a line.
        fs::remove_file(place.path().join(&component)).unwrap();
        let said = plugin(place.path(), &["test", &folder, "--no-build"]);
        assert!(said.code != Some(0) && said.err.contains("build the plugin first"), "{}", said.err);
        let said = plugin(place.path(), &["test", &folder]);
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        let built = said.err.lines().filter(|line| line.starts_with(&format!("built {component} ("))).count();
        assert!(built == 1 && said.out.contains("0 failed"), "{}{}", said.out, said.err);
        assert_eq!(plugin_built["source"], component.as_str());
        let reaches = plugin_built["imports"].as_array().unwrap().iter().any(|import| {
            let import = import.as_str().unwrap();
            import.starts_with("stepmill:plugin/http") || import.starts_with("stepmill:plugin/storage")
        });
        assert_eq!(reaches, kind == "connector", "{}", plugin_built["imports"]);

        let bench = ["bench", &component, "--input", "order.json", "--count", "10", "--json"];
        if kind == "connector" {
            let said = plugin(place.path(), &bench);
            assert!(
                said.err.contains("asks other systems, which a bench has not: give it a --case"),
                "{}",
                said.err
            );
        } else {
            let figures = json_of(place.path(), &bench);
            assert_eq!(figures["call"]["calls"], 10);
            assert_eq!(figures["prepared"]["calls"], 10);
        }
    }
}

/// The kind that is no step: in Rust.
#[test]
fn a_plugin_that_verifies_is_begun_built_tested_and_described() {
    let place = TempDir::new().unwrap();
    let said = plugin(place.path(), &["new", "courier-x", "--kind", "verify"]);
    assert!(
        said.code == Some(0) && said.out.contains("courier-x has a verify plugin in Rust"),
        "{}",
        said.err
    );
    let folder = place.path().join("courier-x");
    let code = fs::read_to_string(folder.join("src/lib.rs")).unwrap();
    assert!(code.contains("export_verify!(CourierX);") && !code.contains("MyStep"), "{code}");
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--edition", "2024", "src/lib.rs"]).current_dir(&folder);
    assert!(rustfmt.status().unwrap().success());
    fs::copy(guests::root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let built = json_of(place.path(), &["build", "courier-x", "--json"]);
    assert_eq!((&built["kind"], &built["warnings"]), (&json!("verify"), &json!([])));
    let said = plugin(place.path(), &["test", "./courier-x", "--no-build"]);
    assert!(said.code == Some(0) && said.out.contains("3 passed"), "{}{}", said.out, said.err);
    let component = "courier-x/dist/courier-x.wasm";
    let page = plugin(place.path(), &["doc", component]).out;
    for told in [
        "A **verify**",
        "| `signing` | The secret that the sender signs with. |",
        "scheme: plugin",
        "use: courier-x",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let shown = plugin(place.path(), &["inspect", component]).out;
    assert!(shown.contains("verify (pure: whether a webhook's request is its sender's)"), "{shown}");
    assert!(shown.contains("stepmill:plugin/keys"), "{shown}");
    for step in [
        ["run", component].as_slice(),
        &["bench", component],
        &["bench", component, "--case", "courier-x/cases/forged.case.yaml"],
    ] {
        let said = plugin(place.path(), step);
        assert!(said.code != Some(0), "{step:?}");
        assert!(said.err.contains("is a verify plugin, "), "{step:?}: {}", said.err);
    }
    let said = plugin(place.path(), &["new", "other", "--kind", "verify", "--lang", "js"]);
    assert!(said.code == Some(2) && said.err.contains("no verify template in JavaScript"), "{}", said.err);
    assert!(!place.path().join("other").exists());
}

#[test]
fn a_bench_has_every_figure() {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("input.json"), r#"{"a": 1}"#).unwrap();
    fs::write(place.path().join("config.yaml"), "jq: .a\n").unwrap();
    let work = ["--input", "input.json", "--with", "config.yaml", "--count", "20"];
    let figures = json_of(place.path(), &[&["bench", "map", "--json"], work.as_slice()].concat());
    let us = |pointer: &str| figures.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
    for figure in ["/compile_us", "/cached_us", "/instantiate/p50_us", "/call/p50_us", "/prepared/p99_us"] {
        assert!(us(figure) > 0.0, "{figure} of {figures}");
    }
    // What the figures are there to tell.
    assert!(us("/cached_us") < us("/compile_us"), "{figures}");
    assert!(us("/instantiate/p50_us") < us("/call/p50_us"), "{figures}");
    assert!(figures["memory_bytes"].as_u64().unwrap() >= 4 << 20, "{figures}");
    assert_eq!(figures["call"]["calls"], 20);
}

#[test]
fn a_diff_says_what_a_new_version_can_reach_and_takes() {
    let place = TempDir::new().unwrap();
    let guest = |name| guests::path(name).display().to_string();
    let (echo, counter, shape) = (guest("echo"), guest("counter"), guest("parse-shape"));
    let mut read = String::new();
    for (old, new) in [("map", "map"), (&shape, &echo), (&echo, &counter), (&counter, &echo)] {
        let said = plugin(place.path(), &["diff", old, new, "--strict"]);
        let text: Vec<&str> = said.out.lines().filter(|line| !line.starts_with("size ")).collect();
        let code = said.code;
        writeln!(read, "=== exit code {code:?}\n{}{}\n", said.err, text.join("\n")).unwrap();
    }
    insta::assert_snapshot!(read);

    fs::write(place.path().join("input.json"), r#"{"a": [1, 2, 3]}"#).unwrap();
    let race = ["diff", &shape, &echo, "--input", "input.json", "--count", "20", "--json"];
    let diff = json_of(place.path(), &race);
    assert_eq!((&diff["speed"]["old"]["calls"], &diff["speed"]["new"]["calls"]), (&json!(20), &json!(20)));
    assert!(diff["speed"]["ratio"].as_f64().unwrap() > 0.0, "{diff}");
}

#[test]
fn a_page_follows_from_the_manifest() {
    let place = TempDir::new().unwrap();
    let mut read = String::new();
    for name in ["json-schema", "map", "rest"] {
        let said = plugin(place.path(), &["doc", name]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        writeln!(read, "{}", said.out).unwrap();
    }
    let input = guests::path("parse-shape").display().to_string();
    writeln!(read, "{}", plugin(place.path(), &["doc", &input]).out).unwrap();
    insta::assert_snapshot!(read);
}

#[test]
fn what_an_author_gets_wrong_is_said_with_what_would_be_right() {
    let place = TempDir::new().unwrap();
    let folder = place.path();
    for (path, text) in [
        ("used/file", ""),
        ("empty/file", ""),
        ("both/Cargo.toml", ""),
        ("both/pyproject.toml", ""),
        ("library/Cargo.toml", "[package]\nname = \"library\"\nedition = \"2024\"\n[workspace]\n"),
        ("library/src/lib.rs", ""),
        ("snake/pyproject.toml", ""),
        ("wrong.wasm", "wrong"),
        ("config.yaml", "jq: .\nextra: 1\n"),
        ("damaged.yaml", "jq: [\n"),
        ("input.json", "{"),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut read = String::new();
    for arguments in [
        &["new", "Order Totals"][..],
        &["new", "fn"],
        &["new", "serde"],
        &["new", "totals", "--folder", "used"],
        &["new", "totals", "--kind", "sink"],
        &["build", "gone"],
        &["build", "empty"],
        &["build", "both"],
        &["build", "library"],
        &["build", "snake"],
        &["diff", "mapp", "map"],
        &["diff", "map", "wrong.wasm"],
        &["bench", "map"],
        &["bench", "map", "--with", "config.yaml"],
        &["bench", "map", "--with", "damaged.yaml"],
        &["bench", "map", "--input", "input.json"],
        &["doc", "gone.wasm"],
    ] {
        let said = plugin(folder, arguments);
        let err = said.err.replace(&folder.canonicalize().unwrap().display().to_string(), "FOLDER");
        // How cargo itself talks is its own affair.
        let err: String = err
            .lines()
            .filter(|line| {
                !["Blocking", "Compiling", "Finished"].iter().any(|word| line.trim_start().starts_with(word))
            })
            .fold(String::new(), |all, line| all + line.trim_end() + "\n");
        assert!(said.out.is_empty(), "{arguments:?}: {}", said.out);
        writeln!(read, "=== {}\nexit code {:?}\n{err}", arguments.join(" "), said.code).unwrap();
    }
    insta::assert_snapshot!(read);
}
