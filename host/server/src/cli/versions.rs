//! `stepmill versions`.

use clap::Args;

use super::output::{self, Paint, Tone};
use super::{Connection, Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = "\
A run ends under the version that it began with, so a version is kept as long as there is a run of it. A redrive goes \
on under the one that is deployed, or under one that is named: stepmill dead redrive … --version ID")]
pub(super) struct Arguments {
    /// Only of this workflow
    #[arg(long, short, value_name = "NAME")]
    workflow: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Digits of an id that are shown: one in 2^48 is mistaken for another.
const DIGITS: usize = 12;

pub(super) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let mut kept = arguments.connection.client()?.versions().await?;
    kept.retain(|kept| arguments.workflow.as_ref().is_none_or(|workflow| *workflow == kept.workflow));
    if arguments.json {
        output::print_json(&kept)?;
        return Ok(Exit::Done);
    }
    let paint = Paint::stdout();
    let mut table = paint.table(&["WORKFLOW", "VERSION", "", "RUNS"]);
    for kept in &kept {
        let (tone, state) =
            if kept.is_deployed { (Tone::Good, "deployed") } else { (Tone::Waiting, "former") };
        table.add_row([
            paint.cell(Tone::Plain, &kept.workflow),
            paint.cell(Tone::Plain, kept.version.get(..DIGITS).unwrap_or(&kept.version)),
            paint.cell(tone, state),
            paint.cell(Tone::Plain, kept.runs.to_string()),
        ]);
    }
    output::print(&output::rendered(&table))?;
    Ok(Exit::Done)
}
