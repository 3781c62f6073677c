//! `stepmill reload`.

use std::fmt::Write as _;

use clap::Args;

use super::output::{self, Paint, Tone};
use super::{Connection, Error, Exit};
use crate::reload::Changes;

#[derive(Debug, Args)]
#[command(after_help = "\
All of it or nothing: if anything is wrong, the service goes on as it was, and this exits with 3. Runs that have begun \
end under the version of their workflow that they began with. SIGHUP to the service does the same, and `stepmill serve \
--watch` does it whenever a file changes.

Example:
  stepmill check && stepmill reload")]
pub(super) struct Arguments {
    /// Print what has changed as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let changes = arguments.connection.client()?.reload().await?;
    if arguments.json {
        output::print_json(&changes)?;
    } else {
        output::print(&text(Paint::stdout(), &changes))?;
    }
    Ok(Exit::Done)
}

fn text(paint: Paint, changes: &Changes) -> String {
    let mut text = String::new();
    for warning in &changes.warnings {
        let _ = writeln!(text, "{} {warning}", paint.text(Tone::Waiting, "warning"));
    }
    for (what, changed) in changes.parts() {
        for (how, name) in changed.named() {
            let tone = if how == "removed" { Tone::Bad } else { Tone::Good };
            let _ = writeln!(text, "{} {what} {name}", paint.text(tone, format!("{how:7}")));
        }
    }
    for key in &changes.at_next_start {
        let _ =
            writeln!(text, "{} {key} takes effect at the next start", paint.text(Tone::Waiting, "later  "));
    }
    if changes.is_empty() {
        text.push_str("nothing has changed\n");
    }
    text
}
