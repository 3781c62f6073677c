//! What the plugin of a command is: the same to every command, by path or by name, or the same error.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use stepmill_test_support::guests;
use tempfile::TempDir;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `stepmill plugin …` in a folder.
fn plugin(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepmill"));
    command.arg("plugin").args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env("NO_COLOR", "1").env("XDG_CACHE_HOME", guests::compiled());
    for variable in ["STEPMILL_ADMIN", "STEPMILL_CONFIG"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A folder with a plugin's project that was built, one that was not, and a Stepmill project, whose service does not
/// run, with a plugin in the place of a stock one.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for folder in ["built/dist", "built/cases", "unbuilt", "shop"] {
        fs::create_dir_all(place.path().join(folder)).unwrap();
    }
    fs::copy(guests::path("echo"), place.path().join("built/dist/echo.wasm")).unwrap();
    fs::write(place.path().join("built/cases/same.case.yaml"), "input: 1\nexpect: { output: 1 }\n").unwrap();
    fs::copy(guests::path("echo"), place.path().join("shop/echo.wasm")).unwrap();
    let config = "server: { admin: \"127.0.0.1:1\" }\nplugins:\n  map: { path: echo.wasm }\n  own: { path: echo.wasm }\n";
    fs::write(place.path().join("shop/stepmill.yaml"), config).unwrap();
    fs::write(place.path().join("damaged.yaml"), "plugins: [\n").unwrap();
    place
}

/// The commands that a plugin is given, which need no journal.
const COMMANDS: [&[&str]; 7] = [
    &["run", "PLUGIN", "--text", "1"],
    &["bench", "PLUGIN", "--count", "10"],
    &["diff", "PLUGIN", "./built"],
    &["diff", "./built", "PLUGIN"],
    &["doc", "PLUGIN"],
    &["inspect", "PLUGIN"],
    &["test", "PLUGIN", "--no-build", "--cases", "built/cases"],
];

/// Every command with this plugin and this config.
fn each(place: &Path, given: &str, config: &str, told: impl Fn(&[&str], Said)) {
    for command in COMMANDS {
        let mut arguments: Vec<&str> =
            command.iter().map(|word| if *word == "PLUGIN" { given } else { word }).collect();
        arguments.extend(["--config", config]);
        told(&arguments, plugin(place, &arguments));
    }
}

#[test]
fn a_plugin_is_found_by_its_file_its_folder_and_its_name_by_every_command() {
    let place = place();
    for given in ["shop/echo.wasm", "./built", "built/", "own", "map"] {
        each(place.path(), given, "shop", |arguments, said| {
            assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.out, said.err);
        });
    }
    // A path is one whatever the config is.
    each(place.path(), "shop/echo.wasm", "damaged.yaml", |arguments, said| {
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
    });
    // A plugin of config takes the place of the stock one, here as in a workflow.
    let said = plugin(place.path(), &["inspect", "map", "--json", "--config", "shop"]);
    let own: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
    assert_eq!((own["name"].as_str(), own["source"].as_str()), (Some("map"), Some("shop/echo.wasm")));
    // Without a config there are the stock ones.
    let said = plugin(place.path(), &["doc", "map"]);
    assert!(said.code == Some(0) && said.out.contains("jq"), "{}{}", said.out, said.err);
}

#[test]
fn what_there_is_not_has_one_error_and_one_exit_code() {
    let place = place();
    for (given, text) in [
        (
            "mapp",
            "there is no plugin \"mapp\" (did you mean map?): config has map, own; stock plugins are aggregate, ",
        ),
        ("gone.wasm", "there is no component gone.wasm: no such file or folder"),
        ("./gone", "there is no component ./gone: no such file or folder"),
        ("./unbuilt", "there is no component in ./unbuilt/dist: build the plugin first"),
        ("unbuilt", "there is no plugin \"unbuilt\", but a folder: write ./unbuilt if that is meant"),
    ] {
        let first = plugin(place.path(), &["doc", given, "--config", "shop"]);
        assert!(first.err.starts_with(&format!("error: {text}")), "{}", first.err);
        each(place.path(), given, "shop", |arguments, said| {
            assert_eq!((said.code, &said.err), (Some(4), &first.err), "{arguments:?}");
        });
    }
    let said = plugin(place.path(), &["doc", "mapp"]);
    assert!(said.code == Some(4) && said.err.contains("there is no config here; stock"), "{}", said.err);
    let said = plugin(place.path(), &["lock", "mapp", "--config", "shop"]);
    let text = "error: there is no plugin \"mapp\" (did you mean map?): config has map, own\n";
    assert_eq!((said.code, said.err.as_str()), (Some(4), text));
    // Nobody knows what a name means in a config that cannot be read.
    each(place.path(), "map", "damaged.yaml", |arguments, said| {
        // The service is looked for where it is by default, as people edit the config of a running one.
        let is_asked = arguments.first() == Some(&"inspect");
        assert!(is_asked || said.code == Some(3), "{arguments:?}: {}", said.err);
    });
}
