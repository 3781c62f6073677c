//! `stepmill dead`: dead letters.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use stepmill_core::RunId;
use stepmill_core::document::{self, Document};
use stepmill_core::journal::PhaseName;
use stepmill_core::run::{Phase, State};

use super::client::{Client, Filter, Redrive};
use super::output::{self, Paint, Tone};
use super::{Connection, Error, Exit, runs, whoami};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists dead letters, latest first, each with the step that failed and why.
    List(ListArguments),
    /// Shows a dead letter: why, every attempt, every request, every log line.
    Show(runs::ShowArguments),
    /// Sets dead letters going again, from the step that failed.
    Redrive(RedriveArguments),
    /// Ends dead letters for good. They stay visible as cancelled runs for as long as finished runs are kept.
    Discard(DiscardArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Only of this workflow
    #[arg(long, short, value_name = "NAME")]
    workflow: Option<String>,
    /// How many at most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A redrive goes on where the run died: what connectors answered before is kept, and nothing is sent to them \
twice. With --from-start it forgets their answers; the idempotency keys stay the same.

Examples:
  stepmill dead redrive run_0198… run_0199…
  stepmill dead redrive --all --workflow order-to-cash     once the cause is removed
  stepmill dead redrive run_0198… --payload mended.json    in place of the accepted payload")]
pub(super) struct RedriveArguments {
    /// The runs
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<RunId>,
    /// All dead letters
    #[arg(long, conflicts_with_all = ["ids", "payload"])]
    all: bool,
    /// With --all: only of this workflow
    #[arg(long, short, value_name = "NAME", requires = "all")]
    workflow: Option<String>,
    /// From the first step
    #[arg(long)]
    from_start: bool,
    /// File with the payload that takes the accepted one's place; - for standard input
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    /// What the payload is
    #[arg(long, value_name = "TYPE", default_value = document::JSON, requires = "payload")]
    media_type: String,
    /// Print the new states as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct DiscardArguments {
    /// The runs
    #[arg(value_name = "ID", required = true)]
    ids: Vec<RunId>,
    /// Print the new states as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::List(arguments) => arguments.run().await,
            Self::Show(arguments) => arguments.run().await,
            Self::Redrive(arguments) => arguments.run().await,
            Self::Discard(arguments) => arguments.run().await,
        }
    }
}

impl ListArguments {
    async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let filter = Filter { workflow: self.workflow, phase: Some(PhaseName::Dead) };
        let (runs, has_more) = client.all_runs(&filter, self.limit).await?;
        if self.json {
            output::print_json(&runs)?;
            return Ok(Exit::Done);
        }
        if runs.is_empty() {
            eprintln!("there are no dead letters");
            return Ok(Exit::Done);
        }
        output::print(&output::rendered(&table(Paint::stdout(), &runs)))?;
        if has_more {
            eprintln!("there are more: --limit N shows them");
        }
        Ok(Exit::Done)
    }
}

fn table(paint: Paint, runs: &[State]) -> comfy_table::Table {
    let mut table = paint.table(&["RUN", "WORKFLOW", "DIED", "STEP", "CAUSE", "CODE", "MESSAGE"]);
    for run in runs {
        let Phase::Dead { step, failure, .. } = &run.phase else { continue };
        table.add_row([
            paint.cell(Tone::Plain, run.run.to_string()),
            paint.cell(Tone::Plain, &run.workflow),
            paint.cell(Tone::Faint, output::time(run.changed_ms)),
            paint.cell(Tone::Plain, step),
            paint.cell(Tone::Bad, failure.cause.name()),
            paint.cell(Tone::Plain, output::short(&failure.code, 40)),
            paint.cell(Tone::Plain, output::short(&failure.message, 100)),
        ]);
    }
    table
}

impl RedriveArguments {
    async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let document = match &self.payload {
            Some(path) => {
                let bytes = runs::read_payload(path)?;
                if document::is_json(&self.media_type) {
                    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
                        .with_context(|| format!("failed to read {} as JSON", path.display()))?;
                }
                Some(Document::from_bytes(&self.media_type, bytes))
            }
            None => None,
        };
        let ids = if self.all {
            let filter = Filter { workflow: self.workflow, phase: Some(PhaseName::Dead) };
            client.all_runs(&filter, usize::MAX).await?.0.iter().map(|run| run.run).collect()
        } else {
            self.ids
        };
        let redrive = Redrive { from_start: self.from_start, document, by: whoami() };
        each(&client, &ids, self.json, "redriven", async |client, id| client.redrive(id, &redrive).await)
            .await
    }
}

impl DiscardArguments {
    async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let by = whoami();
        each(&client, &self.ids, self.json, "discarded", async |client, id| {
            client.cancel(id, &by, false).await
        })
        .await
    }
}

/// Does it to each run. One that refuses does not keep the others from it; the first refusal is the
/// command's error.
async fn each(
    client: &Client,
    ids: &[RunId],
    json: bool,
    done: &str,
    verb: impl AsyncFn(&Client, RunId) -> Result<State, super::client::ClientError>,
) -> Result<Exit, Error> {
    let paint = Paint::stdout();
    let mut first = None;
    for id in ids {
        match verb(client, *id).await {
            Ok(state) if json => output::print_json_line(&state)?,
            Ok(_) => output::print(&format!("{id} {}\n", paint.text(Tone::Good, done)))?,
            Err(error) if first.is_none() => first = Some((*id, error)),
            Err(error) => eprintln!("{id}: {error}"),
        }
    }
    match first {
        None => Ok(Exit::Done),
        Some((id, error)) => Err(anyhow::Error::from(error).context(format!("{id} was not {done}")).into()),
    }
}
