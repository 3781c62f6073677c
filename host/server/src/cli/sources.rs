//! `stepmill sources`.

use clap::{Args, Subcommand};
use stepmill_core::RunId;

use super::client::Source;
use super::output::{self, Paint, Tone};
use super::{Connection, Error, Exit};
use crate::sources::Mode;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists sources: the paths that senders POST to
    List(ListArguments),
    /// Opens a source; if it was paused, what it holds begins first
    Open(PathArguments),
    /// Accepts and holds what a source is sent until it is opened
    Pause(PathArguments),
    /// Accepts and holds what a source is sent until it is replayed
    Capture(PathArguments),
    /// Refuses what a source is sent
    Block(PathArguments),
    /// Lets runs begin that a source holds
    Replay(ReplayArguments),
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
pub(super) struct PathArguments {
    /// The path, such as /shop/orders
    path: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Held runs are listed by `stepmill runs list --phase held`, and shown with their payload by
`stepmill runs show`. `stepmill runs cancel` throws one away.")]
pub(super) struct ReplayArguments {
    /// The path, such as /shop/orders
    path: String,
    /// The runs; all that it holds unless given
    runs: Vec<RunId>,
    #[command(flatten)]
    connection: Connection,
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::List(ListArguments { json, connection }) => {
                let sources = connection.client()?.sources().await?;
                if json {
                    output::print_json(&sources)?;
                } else {
                    output::print(&table(&sources))?;
                }
            }
            Self::Open(arguments) => arguments.set(Mode::Open).await?,
            Self::Pause(arguments) => arguments.set(Mode::Paused).await?,
            Self::Capture(arguments) => arguments.set(Mode::Capture).await?,
            Self::Block(arguments) => arguments.set(Mode::Blocked).await?,
            Self::Replay(ReplayArguments { path, runs, connection }) => {
                let runs = (!runs.is_empty()).then_some(runs);
                let released = connection.client()?.replay(&path, runs).await?;
                let plural = if released == 1 { "" } else { "s" };
                output::print(&format!("{released} run{plural} may begin\n"))?;
            }
        }
        Ok(Exit::Done)
    }
}

impl PathArguments {
    async fn set(self, mode: Mode) -> Result<(), Error> {
        let sources = self.connection.client()?.set_source(&self.path, mode).await?;
        output::print(&table(&sources))?;
        Ok(())
    }
}

fn table(sources: &[Source]) -> String {
    let paint = Paint::stdout();
    let mut table = paint.table(&["PATH", "FOR", "VERIFIED BY", "", "HELD"]);
    for source in sources {
        let tone = match source.mode {
            Mode::Open => Tone::Good,
            Mode::Paused | Mode::Resuming | Mode::Capture => Tone::Waiting,
            Mode::Blocked => Tone::Bad,
        };
        let of = match (&source.workflow, &source.event) {
            (Some(workflow), _) => workflow.clone(),
            (None, Some(event)) => format!("event {event}"),
            (None, None) => String::new(),
        };
        let held = if source.held == 0 { String::new() } else { source.held.to_string() };
        table.add_row([
            paint.cell(Tone::Plain, &source.path),
            paint.cell(Tone::Plain, of),
            paint.cell(Tone::Plain, &source.scheme),
            paint.cell(tone, source.mode.as_str()),
            paint.cell(Tone::Plain, held),
        ]);
    }
    output::rendered(&table)
}
