#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail so")]

use std::fmt::Write as _;

use insta::assert_snapshot;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stepmill_core::workflow::Definition;

use super::*;
use crate::config::Config;

/// What an operator reads after each of the mistakes.
fn read<T: DeserializeOwned + JsonSchema>(file: &str, mistakes: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, source) in mistakes {
        match Source::new(file, *source).parse::<T>() {
            Ok(_) => panic!("{name} is no mistake"),
            Err(found) => write!(text, "=== {name}\n{found}").unwrap(),
        }
    }
    text
}

#[test]
fn each_mistake_in_a_config_says_where_it_is_and_what_would_be_right() {
    let text = read::<Config>(
        "stepmill.yaml",
        &[
            ("two unknown keys", "server:\n  ingres: 127.0.0.1:80\nsystem: {}\n"),
            ("no address", "server:\n  admin: localhost:80\n"),
            ("a key given twice", "server:\n  drain: 3s\nlog: {}\nserver:\n  drain: 4s\n"),
            ("text for a mapping", "server: 12\n"),
            ("text for a list", "workflows: workflows/x.yaml\n"),
            ("a star without quotes", "workflows:\n  - *.yaml\n"),
            ("text for a number", "journal: { max_bytes: lots }\n"),
            ("no duration", "server:\n  drain: 30\n"),
            ("no choice", "log: { format: xml }\n"),
            ("a secret in place of its name", "server:\n  admin_token: hunter2\n"),
            ("unknown kind of auth", "systems:\n  erp:\n    url: http://erp\n    auth: { baerer: env:X }\n"),
            (
                "unknown key of auth",
                "systems:\n  erp:\n    url: http://erp\n    auth: { basic: { user: x, pasword: env:X } }\n",
            ),
            ("a system without a URL", "systems:\n  erp:\n    concurrency: 3\n"),
            ("a plugin of nothing", "plugins:\n  pricing:\n"),
            ("two documents", "log: {}\n---\nlog: {}\n"),
            ("letters outside ASCII", "log:\n  größe: 1\n"),
        ],
    );
    assert_snapshot!(text);
}

#[test]
fn each_mistake_in_a_workflow_says_where_it_is_and_what_would_be_right() {
    let webhook = |keys: &str| format!("name: a\non:\n  webhook: {{ path: /a, {keys} }}\nsteps: []\n");
    let step = |keys: &str| format!("name: a\nsteps:\n  - id: check\n    use: map\n{keys}");
    let text = read::<Definition>(
        "workflows/a.yaml",
        &[
            ("unknown key", &step("    timout: 10s\n")),
            ("unknown keys in several places", &step("    whne: true\n    retry: { attempt: 3 }\n")),
            ("wrong indent to the left", &step("   timeout: 10s\n")),
            ("wrong indent to the right", &step("      timeout: 10s\n")),
            ("a key without a colon", &step("    timeout 10s\n    redirects: 1\n")),
            ("a tab", &step("\ttimeout: 10s\n")),
            ("a tab at the first key", "name: a\nsteps:\n\t- id: check\n"),
            (
                "an expression without quotes in a mapping",
                &webhook("verify: { scheme: none }, dedupe: ${{ body.id }}"),
            ),
            ("a colon in an expression without quotes", &step("    when: ${{ input.a ? 'b: c' : 'd' }}\n")),
            ("a bracket that is not closed", &step("    with: { jq: .\n  - id: b\n    use: map\n")),
            ("a quote that is not closed", "name: \"a\nsteps: []\n"),
            ("missing keys", "on: {}\n"),
            ("an empty file", ""),
            ("a misspelt key of a scheme", &webhook("verify: { scheme: shopify, secert: env:X }")),
            ("an unknown scheme", &webhook("verify: { scheme: shopfy, secret: env:X }")),
            ("a secret in place of its name", &webhook("verify: { scheme: github, secret: hunter2 }")),
            (
                "a secret in place of a public key",
                &webhook("verify: { scheme: svix, public_key: whsec_aHVudGVyMg== }"),
            ),
            (
                "a key that another scheme has",
                &webhook("verify: { scheme: github, secret: env:X, tolerance: 5m }"),
            ),
            (
                "what is signed without the body",
                &webhook("verify: { scheme: hmac, header: x, secret: env:X, signed: \"{timestamp}\" }"),
            ),
            ("a handshake that there is not", &webhook("verify: { scheme: none }, handshake: graph")),
            (
                "a handshake with a key of another",
                &webhook("verify: { scheme: none }, handshake: { kind: websub, topics: x }"),
            ),
            ("YAML 1.1's booleans", &step("    retry: { jitter: no }\n")),
            ("a merge key", "base: &base { id: a }\nname: a\nsteps:\n  - <<: *base\n    use: map\n"),
        ],
    );
    assert_snapshot!(text);
}

#[test]
fn a_secret_in_place_of_its_name_is_shown_nowhere() {
    let config = "server:\n  admin_token: hunter2\n  drian: 3s\nsystems:\n  erp: { url: http://erp, auth: { basic: { user: u, password: hunter2 } } }\n";
    let found = Source::new("stepmill.yaml", config).parse::<Config>().unwrap_err();
    assert_eq!(found.errors(), 3, "{found}");
    assert!(
        !found.render(true).contains("hunter2") && !found.to_json().to_string().contains("hunter2"),
        "{found}"
    );
    let webhook =
        "name: a\non: { webhook: { path: /a, verify: { scheme: github, secret: hunter2 } } }\nsteps: []\n";
    let found = Source::new("a.yaml", webhook).parse::<Definition>().unwrap_err();
    assert!(!found.to_string().contains("hunter2"), "{found}");
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..9 {
        let alias = format!("*a{}", at - 1);
        writeln!(bomb, "a{at}: &a{at} [{}]", vec![alias; 10].join(", ")).unwrap();
    }
    let began = std::time::Instant::now();
    let aliases = read::<Config>("stepmill.yaml", &[("aliases of aliases", &bomb)]);
    assert!(aliases.contains("the file unfolds to more than a config may hold"), "{aliases}");
    let nested = read::<Config>("stepmill.yaml", &[("nesting", &"[".repeat(5_000))]);
    assert!(nested.contains("deep"), "{nested}");
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn a_pointer_finds_the_value_and_what_is_missing_finds_what_encloses_it() {
    let source = Source::new(
        "w.yaml",
        "name: a\nsteps:\n  - id: one\n    with: { \"a/b\": [1, 2] }\n  - id: two\n    with:\n      method: GET\n",
    );
    let place = |pointer: &str| {
        let found = source.error(pointer, "");
        (found.line.unwrap(), found.column.unwrap(), found.key)
    };
    assert_eq!(place("/name"), (1, 7, "name".into()));
    assert_eq!(place("/steps/0/with/a~1b/1"), (4, 24, "steps[0].with[\"a/b\"][1]".into()));
    assert_eq!(place("/steps/1/with/method"), (7, 15, "steps[1].with.method".into()));
    assert_eq!(place("/steps/1/with"), (6, 5, "steps[1].with".into()));
    assert_eq!(place("/steps/1/with/path/x"), (6, 5, "steps[1].with.path.x".into()));
    assert_eq!(place("/steps/1"), (5, 5, "steps[1]".into()));
    assert_eq!(place("/steps/7"), (2, 1, "steps[7]".into()));
    assert_eq!(place("/on"), (1, 1, "on".into()));
    assert_eq!(place(""), (1, 1, String::new()));
    assert_eq!(source.error_at_key("/steps/1/with/method", "").column, Some(7));
}

#[test]
fn programs_get_the_same_as_people() {
    let source = Source::new("stepmill.yaml", "log:\n  level: loud\n");
    let mut found = Diagnostics::default();
    found.push(source.error("/log/level", "no level").help("give info"));
    found.push(Diagnostic::of_file("a.yaml", "cannot be read").warning());
    assert_eq!(
        found.to_json(),
        serde_json::json!([
            { "severity": "warning", "file": "a.yaml", "line": null, "column": null, "key": "",
              "message": "cannot be read", "help": null, "source": null },
            { "severity": "error", "file": "stepmill.yaml", "line": 2, "column": 10, "key": "log.level",
              "message": "no level", "help": "give info", "source": "  level: loud" },
        ])
    );
    assert_eq!((found.errors(), found.warnings()), (1, 1));
    assert_eq!(found.clone().strict().errors(), 2);
    assert!(found.render(true).contains("\u{1b}["));
    assert!(found.to_string().is_ascii());
}
