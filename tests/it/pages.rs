//! The YAML of every page is what the service takes: a key that is misspelt in a block of a page fails here, with the page
//! and its line.
//!
//! A block needs no marks for that. A line `---`, and a key of its first level that is there already, begin another piece of it. What a piece
//! is, its first line says where it is the comment `# stepmill.yaml`, `# workflows/NAME.yaml` or `# cases/NAME.case.yaml`; else its keys do:
//! a list is of steps, `webhook` and `verify` are of a workflow's `on`, others are of the file that has most of them, and
//! on the page of a plugin what no file has is its config. It is then put where it belongs, into a project that has what it
//! talks of beside it, and checked as `stepmill check` does.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use stepmill_server::catalog::{CheckOptions, check};
use stepmill_server::config::{self, config_schema, workflow_schema};
use stepmill_server::diagnostic::{Diagnostics, Severity};
use stepmill_server::stock;
use stepmill_test_support::guests;
use stepmill_test_support::project::Project;

/// Where pages are.
const PLACES: [&str; 9] = [
    "*.md",
    "docs/**/*.md",
    "examples/**/*.md",
    "plugins/**/*.md",
    "sdk/*.md",
    "sdk/*/*.md",
    "sdk/*/template/*/*.md",
    "tests/*/README.md",
    "wit/*.md",
];
/// What a whole workflow has beside what a piece shows.
const STEPS: &str = "steps: [{ id: same, use: map, with: { jq: . } }]\n";
/// Ends a block of YAML.
const FENCE: &str = "```";

/// A piece of a block.
#[derive(Debug)]
struct Piece {
    /// The page, from the root of the repository.
    page: String,
    /// The line of the page that its first one is.
    line: usize,
    text: String,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// `stepmill.yaml`, or some keys of it.
    Config,
    /// A workflow, or some keys of it.
    Workflow,
    /// A list of steps.
    Steps,
    /// A webhook of a workflow.
    Webhook,
    /// What is in a webhook.
    InWebhook,
    /// The config of the plugin whose page it is.
    With,
    /// A case.
    Case,
}

/// The pieces of a page.
fn pieces(page: &str, text: &str) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let mut keys = BTreeSet::new();
    let mut is_yaml = false;
    for (line, content) in (1..).zip(text.lines()) {
        let begins = ["```yaml", "```yml"].contains(&content);
        let is_repeated = key(content).is_some_and(|key| keys.contains(key));
        if begins || is_yaml && (content == "---" || is_repeated) {
            is_yaml = true;
            keys.clear();
            let line = if is_repeated { line } else { line + 1 };
            found.push(Piece { page: page.into(), line, text: String::new() });
        }
        is_yaml = is_yaml && content != FENCE;
        if !is_yaml || begins || content == "---" {
            continue;
        }
        keys.extend(key(content));
        found.last_mut().unwrap().text += &format!("{content}\n");
    }
    found
}

/// The key that a line of the first level has.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(':')?;
    let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    is_key.then_some(key)
}

impl Piece {
    fn kind(&self) -> Result<Kind, String> {
        let first = self.text.lines().next().unwrap_or_default();
        for (label, kind) in
            [("# stepmill.yaml", Kind::Config), ("# workflows/", Kind::Workflow), ("# cases/", Kind::Case)]
        {
            if first.starts_with(label) {
                return Ok(kind);
            }
        }
        let lines = || self.text.lines().filter(|line| !line.starts_with('#'));
        if lines().next().is_some_and(|line| line.starts_with("- ")) {
            return Ok(Kind::Steps);
        }
        let keys: Vec<&str> = lines().filter_map(key).collect();
        for (of, kind) in [("webhook", Kind::Webhook), ("verify", Kind::InWebhook)] {
            if keys.contains(&of) {
                return Ok(kind);
            }
        }
        let known = |schema: serde_json::Value| {
            let properties = schema["properties"].as_object().unwrap().clone();
            keys.iter().filter(|key| properties.contains_key(**key)).count()
        };
        let (config, workflow) = (known(config_schema()), known(workflow_schema()));
        match (self.plugin(), config.cmp(&workflow)) {
            (Some(_), _) if config == 0 && workflow == 0 => Ok(Kind::With),
            (_, std::cmp::Ordering::Greater) => Ok(Kind::Config),
            (_, std::cmp::Ordering::Less) => Ok(Kind::Workflow),
            (_, std::cmp::Ordering::Equal) => Err(format!(
                "the keys {} are neither those of stepmill.yaml nor of a workflow: say by a comment in the first line which \
                 file it is, as `# stepmill.yaml`",
                keys.join(", ")
            )),
        }
    }

    /// The plugin whose page it is on.
    fn plugin(&self) -> Option<&str> {
        self.page.strip_prefix("plugins/")?.strip_suffix("/README.md")
    }

    /// What follows a word wherever it stands before a name, as in `system: erp`.
    fn after(&self, word: &str) -> BTreeSet<&str> {
        let is_in_word =
            |at: usize| self.text[..at].ends_with(|c: char| c.is_alphanumeric() || "_.-".contains(c));
        let found = self.text.match_indices(word).filter(|(at, _)| !is_in_word(*at));
        let names = found.map(|(at, _)| {
            let rest = &self.text[at + word.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-".contains(c)));
            &rest[..end.unwrap_or(rest.len())]
        });
        names.filter(|name| !name.is_empty()).collect()
    }

    /// What is wrong with it.
    async fn mistakes(&self) -> Vec<String> {
        match self.kind() {
            Err(why) => vec![format!("{}:{}: {why}", self.page, self.line)],
            Ok(Kind::Config) => self.told(self.config(), Path::new(config::FILE), 0),
            Ok(Kind::Case) => self.case(),
            Ok(kind) => self.workflow(kind).await,
        }
    }

    /// Of `stepmill.yaml`. What it is about (keys, ports, registries) is another machine's.
    fn config(&self) -> Diagnostics {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(config::FILE), &self.text).unwrap();
        config::Project::read(folder.path()).err().unwrap_or_default()
    }

    /// Of a workflow that it is, or is a part of.
    async fn workflow(&self, kind: Kind) -> Vec<String> {
        let has = |key: &str| self.text.lines().any(|line| line.starts_with(&format!("{key}:")));
        let mut before = String::new();
        let mut indent = 0;
        if kind != Kind::Workflow || !has("name") {
            before += "name: page\n";
        }
        match kind {
            Kind::Steps => before += "steps:\n",
            Kind::Webhook => (before, indent) = (before + "on:\n", 2),
            Kind::InWebhook => (before, indent) = (before + "on:\n  webhook:\n    path: /page\n", 4),
            Kind::With => {
                let name = self.plugin().unwrap();
                (before, indent) =
                    (before + &format!("steps:\n- id: page\n  use: {name}\n  system: erp\n  with:\n"), 4);
            }
            Kind::Config | Kind::Case | Kind::Workflow => {}
        }
        // What comes before it elsewhere on its page.
        if kind == Kind::Steps {
            let defined = self.after("id: ");
            for step in self.after("steps.").difference(&defined) {
                writeln!(before, "- {{ id: {step}, use: map, with: {{ jq: . }} }}").unwrap();
            }
        }
        let lines = self.text.lines().map(|line| format!("{:indent$}{line}\n", ""));
        let mut text = before.clone() + &lines.collect::<String>();
        if kind == Kind::Workflow && !has("steps") || [Kind::Webhook, Kind::InWebhook].contains(&kind) {
            text += STEPS;
        }
        let file = Path::new("workflows/page.yaml");
        let project = self.surroundings(&text);
        let report = check(&project.write(), CheckOptions { offline: true, strict: false }).await;
        let (file, skipped) = (project.folder().join(file), before.lines().count());
        self.told(report.diagnostics, &file, skipped)
    }

    /// A project with what the piece talks of, in which all that it names is there.
    fn surroundings(&self, text: &str) -> Project {
        let mut project = Project::new()
            // So that callers are asked for a certificate.
            .server("tls: { certificate: chain.pem, key: \"file:key.pem\", client_ca: ca.pem }")
            .extra("ingress: { public_url: \"https://hooks.example.com\" }")
            .extra("approvals: { url: \"https://flows.example.com\", secret: \"file:secret\" }")
            .extra("events:\n  shipment: { key: \"${{ body.number }}\" }")
            .file("schemas/order.json", "{}")
            .file("queries/order.graphql", "{ id }")
            .file("templates/confirmation.html", "<p>{{ input }}</p>");
        let mut systems = self.after("system: ");
        systems.insert("erp");
        for system in systems {
            project = project.system(system, "https://system.example.com");
        }
        for plugin in self.after("use: ").into_iter().filter(|name| stock::find(name).is_none()) {
            if text.contains("scheme: plugin") {
                project = project.plugin(plugin, &guests::path("courier"));
                continue;
            }
            // One that takes any config.
            let path = project.folder().join(format!("{plugin}.wasm"));
            std::fs::write(&path, guests::stamped("echo", "1.0.0", "{}")).unwrap();
            project = project.plugin(plugin, &path);
        }
        for workflow in self.after("workflow: ") {
            let other = format!("name: {workflow}\n{STEPS}");
            project = project.file(&format!("workflows/{workflow}.yaml"), &other);
        }
        for name in self.after("env:") {
            project = project.file(&format!("secrets/{name}"), secret(name));
        }
        project.file("workflows/page.yaml", &text.replace("env:", "file:secrets/"))
    }

    /// A case is read by the command that runs it; what comes of it is not looked at.
    fn case(&self) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("page.case.yaml"), &self.text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepmill"));
        // A case of a plugin that verifies has a request of its own.
        let is_of_verify = self.text.lines().any(|line| line == "request:");
        let plugin = if is_of_verify { guests::path("courier") } else { "rest".into() };
        command.args(["plugin", "test"]).arg(plugin).arg("--cases").arg(folder.path());
        command.current_dir(folder.path());
        command.env("XDG_CACHE_HOME", guests::compiled()).env("NO_COLOR", "1").env_remove("STEPMILL_CONFIG");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let mut place = None;
        if output.status.code() == Some(3) {
            let (_, rest) = said.split_once("page.case.yaml:").unwrap_or_default();
            place = rest.split(':').next().and_then(|line| line.parse::<usize>().ok());
        } else if output.status.code().is_some_and(|code| code < 2) {
            return Vec::new();
        }
        vec![format!("{}:{}: {said}", self.page, self.line + place.unwrap_or(1) - 1)]
    }

    /// The errors in a file of which so many lines are not the page's.
    fn told(&self, found: Diagnostics, file: &Path, skipped: usize) -> Vec<String> {
        let errors = found.iter().filter(|found| {
            found.severity == Severity::Error && (found.file == file || found.file.ends_with(file))
        });
        let told = errors.map(|found| {
            // A mistake of a part is at that part, wherever the whole lacks something.
            let line = found.line.unwrap_or(1).saturating_sub(1).saturating_sub(skipped);
            let help = found.help.as_deref().unwrap_or_default();
            format!("{}:{}: {}: {} ({help})", self.page, self.line + line, found.key, found.message)
        });
        told.collect()
    }
}

/// A secret of the form that its name promises.
fn secret(name: &str) -> &'static str {
    // Keys and secrets of Standard Webhooks, of 32 bytes each.
    match name {
        "ADYEN_HMAC_KEY" | "COURIER_SECRET" | "COURIER_SECRET_OLD" => {
            "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
        }
        "SENDER_KEY" => "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        _ => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
    }
}

/// Every page, from the root of the repository, and its text.
fn pages() -> Vec<(String, String)> {
    let root = guests::root();
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    for place in PLACES {
        let pattern = format!("{}/{place}", root.display());
        found.extend(glob::glob(&pattern).unwrap().map(Result::unwrap));
    }
    let is_own = |path: &PathBuf| {
        let mut folders = path.strip_prefix(root).unwrap().iter();
        folders.all(|folder| !["node_modules", "target", ".venv"].iter().any(|other| folder == *other))
    };
    let read = |path: &PathBuf| {
        let page = path.strip_prefix(root).unwrap().display().to_string();
        (page, std::fs::read_to_string(path).unwrap())
    };
    found.iter().filter(|path| is_own(path)).map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_block_of_yaml_on_a_page_is_what_the_service_takes() {
    let (mut kinds, mut mistakes, mut count) = (BTreeSet::new(), Vec::new(), 0);
    for (page, text) in pages() {
        for piece in pieces(&page, &text) {
            count += 1;
            kinds.extend(piece.kind());
            mistakes.extend(piece.mistakes().await);
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    // Nothing was passed over.
    assert!(count >= 60, "there are only {count}");
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_misspelt_key_is_told_with_its_page_and_line() {
    let page = |block: &str| format!("# Page\n\n```yaml\n{block}```\n\nMore.\n");
    for (name, block, line, text) in [
        ("README.md", "systems:\n  erp: { uri: https://erp.example.com }\n", 5, "uri"),
        (
            "README.md",
            "systems:\n  erp: { url: https://erp.example.com, concurrency: many }\n",
            5,
            "concurrency",
        ),
        (
            "README.md",
            "on:\n  webhook: { path: /a, verify: { scheme: none } }\nsteps:\n- { id: a, us: map }\n",
            7,
            "us",
        ),
        ("README.md", "- id: a\n  use: map\n  with: { jqq: . }\n", 6, "jqq"),
        ("README.md", "- id: a\n  use: map\n  with: { jq: 7 }\n", 6, "jq"),
        (
            "README.md",
            "verify: { scheme: bearer, secret: env:A }\nverify: { scheme: bearer, secrt: env:A }\n",
            5,
            "secrt",
        ),
        ("README.md", "webhook: { path: /a, verify: { scheme: none }, handshak: none }\n", 4, "handshak"),
        ("README.md", "retain: { for: 30d, run: 5 }\n", 4, "run"),
        ("README.md", "nothing: here\n", 4, "neither"),
        ("README.md", "systems: {}\n---\nsteps:\n- { id: a, uses: map }\n", 7, "uses"),
        (
            "plugins/graphql/README.md",
            "query: \"{ id }\"\npaginatoin: { connection: /orders }\n",
            5,
            "paginatoin",
        ),
        ("sdk/CASES.md", "# cases/a.case.yaml\nconfig: { path: /a }\nexpct: { output: 1 }\n", 6, "expct"),
    ] {
        let found = pieces(name, &page(block));
        let mut mistakes = Vec::new();
        for piece in &found {
            mistakes.extend(piece.mistakes().await);
        }
        let is_told =
            mistakes.iter().any(|told| told.starts_with(&format!("{name}:{line}: ")) && told.contains(text));
        assert!(is_told, "{block}: {mistakes:?}");
    }
}
