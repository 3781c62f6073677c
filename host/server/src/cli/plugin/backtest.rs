//! `stepmill plugin backtest`.

use std::sync::Arc;

use clap::Args;
use comfy_table::Table;
use stepmill_core::clock::SystemClock;
use stepmill_core::{Clock, PluginStorage};
use stepmill_journal::LocalJournal;
use stepmill_sandbox::Sandbox;
use stepmill_sandbox::egress::Egress;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::author::difference::shown;
use crate::author::found::{Found, Given};
use crate::backtest::{
    Backtests, Candidate, Counts, Difference, Line, Order, Outcome, Refused, Replay, Summary, Target, Tried,
    Verdict,
};
use crate::catalog::{Catalog, Live, systems_without_secrets};
use crate::cli::client::{Backtest, ClientError};
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Connection, Error, Exit, stopped};
use crate::components::Components;
use crate::config::Project;
use crate::entropy::SystemEntropy;
use crate::shadow::Shadows;

/// Lines that may wait to be printed.
const LINES: usize = 16;
/// Characters of a value in the table.
const WIDTH: usize = 40;

#[derive(Debug, Args)]
#[command(after_help = super::help("\
Each attempt is given what it was given then, under the version that its run had. Requests are answered with the recorded \
exchanges: none leaves the host. It is made in the running service, in a share of its places, or without one from the \
data folder. Exits with 0 only if attempts were compared and all are equal.

Results: equal, changed, failed (where the attempt had succeeded), unrecorded (it asked for an exchange that is not \
recorded, or only in part: see limits.exchange_bytes), invalid-config (the run's config is none for it), skipped.

Examples:
  stepmill plugin backtest next.wasm --step order-to-cash/shape
  stepmill plugin backtest rest --step order-to-cash/create --last 5000 --json"))]
pub(in crate::cli) struct BacktestArguments {
    /// The candidate: a plugin; the name of one is looked up in the running service, if there is one
    #[arg(value_name = "PATH|NAME")]
    candidate: String,
    /// The step whose attempts are made again; in a part of a workflow WORKFLOW/PART/STEP
    #[arg(long, value_name = "WORKFLOW/STEP")]
    step: String,
    /// How many runs are looked at, latest first
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    last: u32,
    /// How many attempts are shown that are not equal
    #[arg(long, value_name = "K", default_value_t = 20)]
    limit: usize,
    /// Tell of attempts that are equal too, and of runs in which there was none
    #[arg(long)]
    all: bool,
    /// Print NDJSON: a line an attempt, the summary last
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: Connection,
}

impl BacktestArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let target: Target = self.step.parse().map_err(|error| Error::new(Exit::Usage, error))?;
        let (sender, receiver) = mpsc::channel(LINES);
        let stopped = stopped::journal(&self.service).await?;
        let made = async {
            match stopped {
                Some((project, journal)) => self.without_service(&project, journal, target, sender).await,
                None => Ok(self.in_service(sender).await?),
            }
        };
        // What keeps it from being made is told before that there is nothing to print.
        let (made, printed) = tokio::join!(made, self.print(receiver));
        made?;
        let summary = printed?;
        if summary.counts.compared() == 0 {
            let message = format!("nothing was compared in {} runs", summary.runs);
            return Err(Error::new(Exit::Failed, message));
        }
        Ok(if summary.counts.different() == 0 { Exit::Done } else { Exit::Failed })
    }

    async fn in_service(&self, lines: mpsc::Sender<Line>) -> Result<(), Error> {
        let (component, plugin) = match Given::of(&self.candidate) {
            Given::Path(path) => (Found::of_path(path)?.bytes.into_owned(), None),
            Given::Name(name) => (Vec::new(), Some(name)),
        };
        let last = usize::try_from(self.last).unwrap_or(usize::MAX);
        let asked = Backtest { step: &self.step, last, all: self.all, plugin };
        let made: Result<(), ClientError> = self.service.client()?.backtest(&asked, component, lines).await;
        Ok(made?)
    }

    /// The same in this process, on the data folder. It knows no secrets and has no way to any network.
    async fn without_service(
        &self,
        project: &Project,
        journal: LocalJournal,
        target: Target,
        lines: mpsc::Sender<Line>,
    ) -> Result<(), Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let journal = Arc::new(journal);
        let storage = Arc::clone(&journal) as Arc<dyn PluginStorage>;
        let egress = Egress::through(Arc::new(Replay::default()), systems_without_secrets(project)?);
        let egress = egress.map_err(anyhow::Error::from)?;
        let sandbox = Sandbox::try_new(project.sandbox_options(), egress, storage, clock);
        let sandbox = sandbox.map_err(anyhow::Error::from)?;
        let stop = CancellationToken::new();
        let components = Components {
            sandbox: Arc::clone(&sandbox),
            journal,
            live: Live::new(Catalog::of_past(project)),
            loading: Mutex::default(),
            shadows: Shadows::new(Arc::clone(&sandbox), Arc::new(SystemEntropy), stop.clone()),
        };
        let component = match Given::of(&self.candidate) {
            Given::Path(path) => Found::of_path(path)?,
            Given::Name(name) => Found::named(name, Some(project)).await?,
        };
        let loaded = sandbox.load(&component.bytes).await.map_err(anyhow::Error::from)?;
        let candidate = Candidate::new(loaded);
        let backtests = Backtests::new(Arc::new(components), stop);
        backtests.check(&target, &candidate).await?;
        let last = usize::try_from(self.last).unwrap_or(usize::MAX);
        backtests.run(Order { target, candidate, last, all: self.all }, lines).await;
        Ok(())
    }

    /// Prints the lines as they come, and gives the summary.
    async fn print(&self, mut lines: mpsc::Receiver<Line>) -> Result<Summary, Error> {
        let paint = Paint::stdout();
        let mut table = paint.table(&["RUN", "ATTEMPT", "RESULT", "WHERE", "RECORDED", "CANDIDATE"]);
        let (mut shown, mut left_out) = (0, 0_u64);
        while let Some(line) = lines.recv().await {
            match line {
                Line::Error { message } => return Err(Error::new(Exit::Failed, message)),
                Line::Progress { .. } => {}
                line if self.json => {
                    output::print_json_line(&line)?;
                    if let Line::Summary(summary) = line {
                        return Ok(*summary);
                    }
                }
                Line::Attempt(_) if shown >= self.limit => left_out += 1,
                Line::Attempt(tried) => {
                    shown += 1;
                    rows(paint, &mut table, &tried);
                }
                Line::Summary(summary) => {
                    if shown > 0 {
                        output::print(&output::rendered(&table))?;
                    }
                    output::print(&told(&summary, left_out))?;
                    return Ok(*summary);
                }
            }
        }
        Err(Error::new(Exit::Failed, "the backtest broke off: there is no summary"))
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let exit = match refused {
            Refused::NoWorkflow(_) | Refused::NoStep { .. } => Exit::NotFound,
            Refused::Kind { .. } | Refused::Journal(_) => Exit::Failed,
        };
        Self::new(exit, refused)
    }
}

/// An attempt, and a row for each difference.
pub(super) fn rows(paint: Paint, table: &mut Table, Tried { run, number, verdict, .. }: &Tried) {
    let Verdict { result, differences, more, why } = verdict;
    let tone = match result {
        Outcome::Equal => Tone::Good,
        Outcome::Skipped => Tone::Faint,
        Outcome::Changed => Tone::Waiting,
        Outcome::Failed | Outcome::Unrecorded | Outcome::InvalidConfig => Tone::Bad,
    };
    let attempt = if *number == 0 { String::new() } else { number.to_string() };
    let mut head = Some((run.to_string(), attempt, result.as_str()));
    let mut row = |place: String, recorded: String, candidate: String| {
        let (run, attempt, result) = head.take().unwrap_or_default();
        table.add_row([
            paint.cell(Tone::Plain, run),
            paint.cell(Tone::Plain, attempt),
            paint.cell(tone, result),
            paint.cell(Tone::Plain, output::harmless(&place)),
            paint.cell(Tone::Plain, output::short(&recorded, WIDTH)),
            paint.cell(Tone::Plain, output::short(&candidate, WIDTH)),
        ]);
    };
    if let Some(why) = why {
        row(output::short(why, 3 * WIDTH), String::new(), String::new());
    }
    for Difference { part, pointer, recorded, candidate } in differences {
        let value = |value: &Option<_>| value.as_ref().map_or_else(|| "(nothing)".to_owned(), shown);
        row(format!("{} {pointer}", part.as_str()), value(recorded), value(candidate));
    }
    if *more > 0 {
        row(format!("and {more} more"), String::new(), String::new());
    } else if why.is_none() && differences.is_empty() {
        row(String::new(), String::new(), String::new());
    }
}

fn told(summary: &Summary, left_out: u64) -> String {
    let Summary { workflow, step, candidate, runs, counts, notes } = summary;
    let digest: String = candidate.digest.chars().take(12).collect();
    let mut text = String::new();
    if left_out > 0 {
        text += &format!("and {left_out} more attempts: --limit shows them\n");
    }
    text += &format!(
        "{workflow}/{step} with {} {} ({digest}): {} in {runs} runs\n",
        output::harmless(&candidate.name),
        output::short(&candidate.version, 40),
        counted(counts)
    );
    for note in notes {
        text += &format!("note: {note}\n");
    }
    text
}

/// The counts in words.
pub(super) fn counted(counts: &Counts) -> String {
    let Counts { equal, changed, failed, unrecorded, invalid_config, skipped } = counts;
    format!(
        "{equal} equal, {changed} changed, {failed} failed, {unrecorded} unrecorded, {invalid_config} with a config \
         that does not fit, {skipped} skipped"
    )
}
