//! `stepmill check`.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::{Error, Exit, output};
use crate::catalog::{self, CheckOptions};

#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is run, and nothing is left behind. Exits with 0, or 3 if there are errors.

Examples:
  stepmill check
  stepmill check my-orders --offline --strict --json")]
pub(super) struct Arguments {
    /// The project: stepmill.yaml or its folder
    #[arg(value_name = "PATH", default_value = ".", env = "STEPMILL_CONFIG")]
    project: PathBuf,
    /// The same, as the other commands have it
    #[arg(long, short, value_name = "PATH", conflicts_with = "project")]
    config: Option<PathBuf>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    /// Connect to no system, and fetch no plugin
    #[arg(long)]
    offline: bool,
    /// Count warnings as errors
    #[arg(long)]
    strict: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let options = CheckOptions { offline: arguments.offline, strict: arguments.strict };
    let project = arguments.config.as_ref().unwrap_or(&arguments.project);
    let report = catalog::check(project, options).await;
    let found = &report.diagnostics;
    if arguments.json {
        output::print_json(&report)?;
    } else {
        output::print(&found.render(output::is_coloured(&io::stdout())))?;
        let counted =
            |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        output::print(&format!(
            "checked {}, {} and {}: {}, {}{}\n",
            counted(report.workflows, "workflow"),
            counted(report.plugins, "plugin"),
            counted(report.systems, "system"),
            counted(found.errors(), "error"),
            counted(found.warnings(), "warning"),
            match found.notes() {
                0 => String::new(),
                notes => format!(", {}", counted(notes, "note")),
            },
        ))?;
    }
    Ok(if report.is_ok() { Exit::Done } else { Exit::Config })
}
