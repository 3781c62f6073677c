//! `stepmill plugin run`.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;
use stepmill_core::document::{Body, Document, JSON};

use super::project::ProjectArguments;
use super::system::SystemArguments;
use crate::author::found::Found;
use crate::author::with::With;
use crate::author::{Workbench, trial};
use crate::cli::output;
use crate::cli::{Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = super::help("\
The output goes to standard output as it is, everything else to standard error. Requests are sent for real, to the \
given system only; storage is in memory and empty. Exits with 1 if the step fails.

Examples:
  stepmill plugin run map --with '{jq: .lines}' --input order.json
  stepmill plugin run dist/stock.wasm --with with.yaml --system erp --config ../my-orders --trace"))]
pub(in crate::cli) struct RunArguments {
    /// The plugin
    #[arg(value_name = "PATH|NAME")]
    plugin: String,
    /// A file with the input, - for standard input; null unless given
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    input: Option<PathBuf>,
    /// The input itself
    #[arg(long)]
    text: Option<String>,
    /// Media type of the input; application/json if it is JSON, else text/plain or application/octet-stream
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// The step's config: a YAML or JSON file, or a mapping in braces
    #[arg(long, value_name = "FILE|JSON", default_value = "{}")]
    with: String,
    /// Print logs, exchanges, writes, time and memory
    #[arg(long)]
    trace: bool,
    /// Print output, failure and trace as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    system: SystemArguments,
    #[command(flatten)]
    project: ProjectArguments,
}

impl RunArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let config = &self.project.config;
        let found = Found::at(&self.plugin, config).await?;
        let system = self.system.system(config)?;
        let With { config, folder } = With::read(&self.with)?;
        let trial = trial::Trial { config, input: self.input()?, system };
        let bench = Workbench::try_new()?;
        let loaded = found.load(&bench).await?;
        let made = trial.run(&bench, &loaded, &folder).await?;
        if self.json {
            output::print_json(&trial::to_json(&made))?;
        } else if self.trace {
            eprint!("{}", trial::trace(&made));
        }
        match &made.report.outcome {
            Ok(document) if !self.json => print_raw(document)?,
            Ok(_) => {}
            Err(failure) => {
                let class = failure.cause.class().name();
                eprintln!("{class} ({}): {}", failure.code, output::harmless(&failure.message));
                for violation in &failure.violations {
                    let text = format!("  {} {}: {}", violation.pointer, violation.rule, violation.message);
                    eprintln!("{}", output::harmless(&text));
                }
                return Ok(Exit::Failed);
            }
        }
        Ok(Exit::Done)
    }

    fn input(&self) -> Result<Document, Error> {
        let bytes = match (&self.input, &self.text) {
            (None, None) => return Ok(Document::json(&Value::Null)),
            (_, Some(text)) => text.clone().into_bytes(),
            (Some(file), None) if file == Path::new("-") => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes).context("failed to read standard input")?;
                bytes
            }
            (Some(file), None) => {
                fs::read(file).with_context(|| format!("failed to read the input {}", file.display()))?
            }
        };
        let media_type = self.media_type.as_deref().unwrap_or_else(|| guessed(&bytes));
        Ok(Document::from_bytes(media_type, bytes))
    }
}

fn guessed(bytes: &[u8]) -> &'static str {
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        JSON
    } else if std::str::from_utf8(bytes).is_ok() {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

/// The bytes of a document as they are; on a terminal with a line break after them.
fn print_raw(document: &Document) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match &document.body {
        Body::Text(text) => out.write_all(text.as_bytes())?,
        Body::Binary(bytes) => out.write_all(bytes)?,
    }
    if out.is_terminal() {
        out.write_all(b"\n")?;
    }
    out.flush()
}
