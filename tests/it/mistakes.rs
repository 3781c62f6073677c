//! What an operator reads after a mistake, as it reads. One snapshot holds all of them, so that a
//! change of one message is seen beside the others.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use stepmill_test_support::guests;
use stepmill_test_support::project::Project;

const GOOD: &str = "  - { id: shape, use: map, with: { jq: . } }";

fn project() -> Project {
    Project::new()
}

#[test]
fn every_mistake_is_named_with_its_place_and_what_would_be_right() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_port = taken.local_addr().unwrap().port();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let damaged = {
        let mut bytes = guests::bytes("echo");
        bytes.truncate(1_000);
        bytes
    };
    let cases: Vec<(&str, Project)> = vec![
        ("unknown key", project().workflow("orders", "  - { id: shape, use: map, with: { jq: . }, timout: 3s }")),
        ("wrong indent", project().file("workflows/orders.yaml", "name: orders\nsteps:\n  - id: shape\n   use: map\n")),
        ("tab", project().file("workflows/orders.yaml", "name: orders\nsteps:\n\t- id: shape\n")),
        ("missing plugin", project().workflow("orders", "  - { id: shape, use: mapp }")),
        ("missing plugin file", project().plugin("pricing", Path::new("plugins/pricing.wasm")).workflow("orders", GOOD)),
        ("config against the plugin's schema", project().workflow("orders", "  - { id: shape, use: map, with: { jq: 7 } }")),
        ("missing config key", project().workflow("orders", "  - { id: check, use: json-schema }")),
        ("a jq program that does not compile", project().workflow("orders", "  - id: shape\n    use: map\n    with:\n      jq: |\n        {id,\n         total: sum(.lines)}")),
        ("a schema that refers to what is not in it", project().file("schemas/order.json", r#"{"properties": {"line": {"$ref": "line.json"}}}"#).workflow("orders", "  - { id: check, use: json-schema, with: { schema: schemas/order.json } }")),
        ("unknown system", project().workflow("orders", "  - { id: post, use: rest, system: erp, with: { path: / } }")),
        ("unreachable system", project().system("erp", &format!("http://127.0.0.1:{gone}")).workflow("orders", GOOD)),
        ("bad cron", project().file("workflows/tick.yaml", "name: tick\non: { schedule: { cron: \"61 * * * *\" } }\nsteps:\n  - { id: shape, use: map, with: { jq: . } }\n")),
        ("bad zone", project().file("workflows/tick.yaml", "name: tick\non: { schedule: { cron: \"0 3 * * *\", zone: Europe/Berln } }\nsteps:\n  - { id: shape, use: map, with: { jq: . } }\n")),
        ("bad CEL", project().workflow("orders", "  - { id: shape, when: \"${{ input. > 3 }}\", use: map, with: { jq: . } }")),
        ("later step", project().workflow("orders", "  - { id: shape, when: \"${{ steps.post.output.ok }}\", use: map, with: { jq: . } }\n  - { id: post, use: map, with: { jq: . } }")),
        ("missing secret", project().file("workflows/orders.yaml", "name: orders\non: { webhook: { path: /orders, verify: { scheme: github, secret: \"env:NO_SUCH_SECRET\" } } }\nsteps:\n  - { id: shape, use: map, with: { jq: . } }\n")),
        ("secret as a value", project().file("workflows/orders.yaml", "name: orders\non: { webhook: { path: /orders, verify: { scheme: github, secret: hunter2 } } }\nsteps:\n  - { id: shape, use: map, with: { jq: . } }\n")),
        ("two workflows on one path", project().workflow("orders", GOOD).file("workflows/zwei.yaml", "name: zwei\non: { webhook: { path: /orders, verify: { scheme: none } } }\nsteps:\n  - { id: shape, use: map, with: { jq: . } }\n")),
        ("damaged component", { let project = project().workflow("orders", GOOD); std::fs::write(project.folder().join("bad.wasm"), damaged).unwrap(); project.plugin("bad", Path::new("bad.wasm")) }),
        ("port in use", project().workflow("orders", GOOD).extra(&format!("# TAKEN {taken_port}"))),
        ("unwritable data folder", project().workflow("orders", GOOD).file("data", "a file, not a folder")),
        ("admin on all addresses without a token", project().workflow("orders", GOOD).extra("# ADMIN 0.0.0.0")),
    ];
    let mut read = String::new();
    for (name, project) in cases {
        let config = project.write();
        let mut yaml = std::fs::read_to_string(&config).unwrap();
        if yaml.contains("# TAKEN") {
            yaml = yaml.replace("ingress: \"127.0.0.1:0\"", &format!("ingress: \"127.0.0.1:{taken_port}\""));
        }
        if yaml.contains("# ADMIN") {
            yaml = yaml.replace("admin: \"127.0.0.1:0\"", "admin: \"0.0.0.0:0\"");
        }
        std::fs::write(&config, yaml).unwrap();
        let strict: &[&str] = if name == "unreachable system" { &["--strict"] } else { &[] };
        let output = Command::new(env!("CARGO_BIN_EXE_stepmill"))
            .arg("check")
            .arg("--config")
            .arg(&config)
            .args(strict)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .env("RUST_LOG", "error")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text)
            .unwrap()
            .replace(&project.folder().display().to_string(), "FOLDER")
            .replace(&guests::compiled().display().to_string(), "COMPILED")
            .replace(&taken_port.to_string(), "TAKEN")
            .replace(&gone.to_string(), "GONE");
        let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        assert_eq!(output.status.code(), Some(3), "{name}: {text}");
        writeln!(read, "=== {name}\n{text}").unwrap();
    }
    insta::assert_snapshot!(read);
}
