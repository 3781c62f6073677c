//! `stepmill runs`.

mod show;
mod tail;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use stepmill_core::RunId;
use stepmill_core::journal::PhaseName;
use stepmill_core::run::{Children, Decision, Phase, Progress, Stand, State};

use super::client::Filter;
use super::output::{self, Paint, Tone};
use super::{Connection, Error, Exit, whoami};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists runs, latest first.
    List(ListArguments),
    /// Shows a run: its state, and its journal with every attempt, request and log line.
    Show(ShowArguments),
    /// Prints what runs do, as they do it, until Ctrl-C.
    Tail(tail::Arguments),
    /// Starts a run by hand.
    Start(StartArguments),
    /// Ends a run that has not ended by itself, and those that it has begun and waits for.
    Cancel(CancelArguments),
    /// Decides what a run waits for a person to decide.
    Decide(DecideArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stepmill runs list --workflow order-to-cash --phase retrying")]
pub(super) struct ListArguments {
    /// Only of this workflow
    #[arg(long, short, value_name = "NAME")]
    workflow: Option<String>,
    /// Only in this phase
    #[arg(long, short, value_enum)]
    phase: Option<PhaseArgument>,
    /// How many at most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A phase by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PhaseArgument {
    /// Gathers events
    Gathering,
    /// Waits for its turn in its lane
    Queued,
    /// Can go on at once
    Ready,
    /// Waits to try a step again
    Retrying,
    /// Waits for a system that takes no requests now
    Parked,
    /// Waits for a time, an event, a decision, or other runs
    Waiting,
    /// Done
    Succeeded,
    /// Failed for good
    Dead,
    /// Ended by a person
    Cancelled,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The run
    #[arg(value_name = "ID")]
    id: RunId,
    /// Also print bodies and headers of requests and answers, and outputs of steps
    #[arg(long, short)]
    bodies: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print nothing but its event as it came, byte for byte
    #[arg(long, conflicts_with_all = ["bodies", "json"])]
    raw: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stepmill runs start order-to-cash --payload order.json")]
pub(super) struct StartArguments {
    /// The workflow
    workflow: String,
    /// File with the JSON payload; - for standard input
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct CancelArguments {
    /// The run
    #[arg(value_name = "ID")]
    id: RunId,
    /// Undoes what it has done first
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stepmill runs decide run_… manager --approve --comment 'within the budget'")]
pub(super) struct DecideArguments {
    /// The run
    #[arg(value_name = "ID")]
    id: RunId,
    /// Its step
    step: String,
    /// Lets the run go on
    #[arg(long, required_unless_present = "decline", conflicts_with = "decline")]
    approve: bool,
    /// Lets it take the other way, or fail if there is none
    #[arg(long)]
    decline: bool,
    /// What there is to say to it
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::List(arguments) => arguments.run().await,
            Self::Show(arguments) => arguments.run().await,
            Self::Tail(arguments) => arguments.run().await,
            Self::Start(arguments) => arguments.run().await,
            Self::Cancel(arguments) => arguments.run().await,
            Self::Decide(arguments) => arguments.run().await,
        }
    }
}

impl ListArguments {
    async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let filter = Filter { workflow: self.workflow, phase: self.phase.map(PhaseName::from) };
        let (runs, has_more) = client.all_runs(&filter, self.limit).await?;
        if self.json {
            output::print_json(&runs)?;
            return Ok(Exit::Done);
        }
        if runs.is_empty() {
            eprintln!("there are no such runs");
            return Ok(Exit::Done);
        }
        let paint = Paint::stdout();
        let mut table = paint.table(&["RUN", "WORKFLOW", "ACCEPTED", "CHANGED", "PHASE", "DETAIL"]);
        for run in &runs {
            let (tone, name) = phase(&run.phase);
            table.add_row([
                paint.cell(Tone::Plain, run.run.to_string()),
                paint.cell(Tone::Plain, &run.workflow),
                paint.cell(Tone::Faint, output::time(run.accepted_ms)),
                paint.cell(Tone::Faint, output::time(run.changed_ms)),
                paint.cell(tone, name),
                paint.cell(Tone::Plain, detail(run)),
            ]);
        }
        output::print(&output::rendered(&table))?;
        if has_more {
            eprintln!("there are more: --limit N shows them");
        }
        Ok(Exit::Done)
    }
}

impl ShowArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        if self.raw {
            output::print_bytes(&client.raw(self.id).await?)?;
            return Ok(Exit::Done);
        }
        let shown = client.run(self.id).await?;
        if self.json {
            output::print_json(&shown)?;
        } else {
            output::print(&show::render(Paint::stdout(), &shown, self.bodies))?;
        }
        Ok(Exit::Done)
    }
}

impl StartArguments {
    async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let payload = match &self.payload {
            Some(path) => read_payload(path)?,
            None => b"null".to_vec(),
        };
        let run = client.start(&self.workflow, payload).await?;
        output::print(&format!("{run}\n"))?;
        Ok(Exit::Done)
    }
}

impl DecideArguments {
    async fn run(self) -> Result<Exit, Error> {
        let decision = Decision { approved: self.approve, by: whoami(), comment: self.comment };
        let state = self.connection.client()?.decide(self.id, &self.step, &decision).await?;
        output::print(&format!("{} {}\n", state.run, if self.approve { "approved" } else { "declined" }))?;
        Ok(Exit::Done)
    }
}

impl CancelArguments {
    async fn run(self) -> Result<Exit, Error> {
        let state = self.connection.client()?.cancel(self.id, &whoami(), self.undo).await?;
        output::print(&format!("{} {}\n", state.run, phase(&state.phase).1))?;
        Ok(Exit::Done)
    }
}

impl From<PhaseArgument> for PhaseName {
    fn from(phase: PhaseArgument) -> Self {
        match phase {
            PhaseArgument::Gathering => Self::Gathering,
            PhaseArgument::Queued => Self::Queued,
            PhaseArgument::Ready => Self::Ready,
            PhaseArgument::Retrying => Self::Retrying,
            PhaseArgument::Parked => Self::Parked,
            PhaseArgument::Waiting => Self::Waiting,
            PhaseArgument::Succeeded => Self::Succeeded,
            PhaseArgument::Dead => Self::Dead,
            PhaseArgument::Cancelled => Self::Cancelled,
        }
    }
}

/// The bytes of a payload's file; `-` is standard input.
pub(super) fn read_payload(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("failed to read the payload from standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("failed to read the payload {}", path.display()))
}

/// A phase's name and tone.
fn phase(phase: &Phase) -> (Tone, &'static str) {
    let tone = match phase {
        Phase::Held { .. }
        | Phase::Gathering { .. }
        | Phase::Queued { .. }
        | Phase::Ready { .. }
        | Phase::Retrying { .. }
        | Phase::Parked { .. }
        | Phase::Waiting { .. } => Tone::Waiting,
        Phase::Succeeded => Tone::Good,
        Phase::Dead { .. } => Tone::Bad,
        Phase::Cancelled => Tone::Faint,
    };
    (tone, phase.name().as_str())
}

/// What there is to say of a run's phase, in one line.
fn detail(run: &State) -> String {
    let mut said = match &run.phase {
        Phase::Gathering { key, count, max, until_ms, .. } => {
            format!("{}: {count} of {max} events, until {}", output::short(key, 40), output::time(*until_ms))
        }
        Phase::Held { since_ms, .. } => {
            format!("since {}; `stepmill sources replay` lets it begin", output::time(*since_ms))
        }
        Phase::Queued { .. } => {
            let lane = run.lane.as_ref().map(|lane| output::short(&lane.key, 80)).unwrap_or_default();
            format!("in the lane {lane}")
        }
        Phase::Retrying { step, at_ms } => {
            format!("{step}, attempt {} at {}", run.next_attempt(step), output::time(*at_ms))
        }
        Phase::Parked { step, system } => format!("{step}, for the system {system}"),
        Phase::Waiting { .. } => waits(run).join("; "),
        Phase::Dead { step, failure, category, undone, .. } => {
            let undone = if *undone { ", undone" } else { "" };
            let message = output::short(&failure.message, 80);
            let redrive = redrive(run).map(|redrive| format!(", redriven {redrive}")).unwrap_or_default();
            format!("{step}: {} ({category}) {message}{undone}{redrive}", failure.cause.name())
        }
        Phase::Ready { .. } if run.undoing.is_some() => "undoing".into(),
        Phase::Ready { .. } | Phase::Succeeded | Phase::Cancelled => String::new(),
    };
    if run.redrives > 0 {
        said = format!("{said} (redriven {} times)", run.redrives).trim_start().to_owned();
    }
    said
}

/// The redrive that a rule has in store for a dead letter: when, and which of how many.
pub(super) fn redrive(run: &State) -> Option<String> {
    let redrive = run.redrive()?;
    let number = run.rule_redrives.saturating_add(1);
    Some(format!("by a rule at {}, {number} of {}", output::time(redrive.at_ms), redrive.times))
}

/// What the steps of a run wait for, one by one.
fn waits(run: &State) -> Vec<String> {
    let until = |until_ms: &Option<u64>| {
        until_ms.map(|ms| format!(", until {}", output::time(ms))).unwrap_or_default()
    };
    let wait = |(step, progress): (&String, &Progress)| match &progress.stand {
        Stand::Open | Stand::Done { .. } => None,
        Stand::Retrying { at_ms } => Some(format!("{step} for its next attempt at {}", output::time(*at_ms))),
        Stand::Parked { system, .. } => Some(format!("{step} for the system {system}")),
        Stand::Sleeping { until_ms } => Some(format!("{step} until {}", output::time(*until_ms))),
        Stand::Listening { event, key, until_ms, .. } => {
            Some(format!("{step} for the event {event} {:?}{}", output::short(key, 40), until(until_ms)))
        }
        Stand::Undecided { until_ms } => Some(format!("{step} for a decision{}", until(until_ms))),
        Stand::Children(children) => {
            let Children { total, succeeded, dead, cancelled, .. } = children;
            let dead = if *dead > 0 { format!(", {dead} dead") } else { String::new() };
            let cancelled = if *cancelled > 0 { format!(", {cancelled} cancelled") } else { String::new() };
            Some(format!("{step} for runs: {succeeded} of {total} done{dead}{cancelled}"))
        }
    };
    run.steps.iter().filter_map(wait).collect()
}
