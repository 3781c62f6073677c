//! `stepmill schedules`.

use clap::{Args, Subcommand};

use super::client::Schedule;
use super::output::{self, Paint, Tone};
use super::{Connection, Error, Exit};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists schedules with their next fires.
    List(ListArguments),
    /// Pauses a schedule: what would be fired meanwhile is passed over.
    Pause(PauseArguments),
    /// Has a schedule go on.
    Resume(PauseArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct PauseArguments {
    /// The workflow
    workflow: String,
    #[command(flatten)]
    connection: Connection,
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::List(ListArguments { json, connection }) => {
                let schedules = connection.client()?.schedules().await?;
                if json {
                    output::print_json(&schedules)?;
                } else {
                    output::print(&table(&schedules))?;
                }
            }
            Self::Pause(arguments) => arguments.set(true).await?,
            Self::Resume(arguments) => arguments.set(false).await?,
        }
        Ok(Exit::Done)
    }
}

impl PauseArguments {
    async fn set(self, paused: bool) -> Result<(), Error> {
        let schedules = self.connection.client()?.pause(&self.workflow, paused).await?;
        output::print(&table(&schedules))?;
        Ok(())
    }
}

fn table(schedules: &[Schedule]) -> String {
    let paint = Paint::stdout();
    let mut table = paint.table(&["WORKFLOW", "SCHEDULE", "", "NEXT"]);
    for schedule in schedules {
        let (tone, paused) = if schedule.paused { (Tone::Waiting, "paused") } else { (Tone::Good, "on") };
        let next = schedule.next_ms.first().map_or_else(|| "never".into(), |at_ms| output::time(*at_ms));
        table.add_row([
            paint.cell(Tone::Plain, &schedule.workflow),
            paint.cell(Tone::Plain, &schedule.schedule),
            paint.cell(tone, paused),
            paint.cell(Tone::Faint, next),
        ]);
    }
    output::rendered(&table)
}
