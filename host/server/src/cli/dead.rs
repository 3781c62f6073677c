//! `stepmill dead`: dead letters.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use stepmill_core::clock::SystemClock;
use stepmill_core::dead::{Category, Fingerprint};
use stepmill_core::document::{self, Document};
use stepmill_core::journal::PhaseName;
use stepmill_core::run::{Phase, State};
use stepmill_core::{Clock as _, RunId};

use super::client::{Client, Filter, Redrive, Snooze};
use super::output::{self, Paint, Tone};
use super::{Connection, Error, Exit, runs, whoami};

/// Dead letters that are asked for at once.
const PAGE: usize = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists dead letters, latest first, each with the step that failed and why.
    List(ListArguments),
    /// Shows a dead letter: why, every attempt, every request, every log line.
    Show(runs::ShowArguments),
    /// Sets dead letters going again, from the step that failed.
    Redrive(RedriveArguments),
    /// Keeps dead letters out of `dead list`, and out of what wants attention, for a while.
    Snooze(SnoozeArguments),
    /// Ends dead letters for good. They stay visible as cancelled runs for as long as finished runs are kept.
    Discard(DiscardArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    which: Which,
    /// Those that died of the same as one, with their number, in place of each
    #[arg(long)]
    groups: bool,
    /// Also those that are snoozed
    #[arg(long)]
    snoozed: bool,
    /// How many at most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Which dead letters.
#[derive(Debug, Args)]
struct Which {
    /// Only of this workflow
    #[arg(long, short, value_name = "NAME")]
    workflow: Option<String>,
    /// Only of this kind of trouble
    #[arg(long, value_name = "CATEGORY", value_parser = category)]
    category: Option<Category>,
    /// Only those that died of the same: the fingerprint that `dead list` shows
    #[arg(long, value_name = "FINGERPRINT")]
    group: Option<Fingerprint>,
    /// Only those that died at this step
    #[arg(long, value_name = "ID")]
    step: Option<String>,
}

impl Which {
    fn is_all(&self) -> bool {
        self.workflow.is_none() && self.category.is_none() && self.group.is_none() && self.step.is_none()
    }

    /// At most `limit` of them, latest first; of those that are snoozed at `hidden_ms` only their number.
    async fn find(&self, client: &Client, limit: usize, hidden_ms: Option<u64>) -> Result<Found, Error> {
        let filter = Filter { workflow: self.workflow.clone(), phase: Some(PhaseName::Dead) };
        let is_hidden = |run: &State| hidden_ms.is_some_and(|now_ms| run.snoozed_until_ms(now_ms).is_some());
        let (mut found, mut cursor) = (Found::default(), None);
        loop {
            let page = client.runs(&filter, cursor, limit.saturating_add(1).min(PAGE)).await?;
            for run in page.runs.into_iter().filter(|run| self.fits(run)) {
                if is_hidden(&run) {
                    found.hidden += 1;
                } else if found.runs.len() == limit {
                    found.has_more = true;
                    return Ok(found);
                } else {
                    found.runs.push(run);
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    /// Those that are meant: by their ids, or all that fit.
    async fn chosen(&self, client: &Client, ids: Vec<RunId>, all: bool) -> Result<Vec<RunId>, Error> {
        if all {
            Ok(self.find(client, usize::MAX, None).await?.runs.iter().map(|run| run.run).collect())
        } else if self.is_all() {
            Ok(ids)
        } else {
            Err(anyhow::anyhow!("options that choose dead letters go with --all").into())
        }
    }

    fn fits(&self, run: &State) -> bool {
        let Phase::Dead { step, category, fingerprint, .. } = &run.phase else { return false };
        self.category.is_none_or(|wanted| wanted == *category)
            && self.group.is_none_or(|wanted| wanted == *fingerprint)
            && self.step.as_ref().is_none_or(|wanted| wanted == step)
    }
}

/// Dead letters that were found.
#[derive(Default)]
struct Found {
    runs: Vec<State>,
    /// How many more fit and are snoozed, of those that were looked at.
    hidden: usize,
    has_more: bool,
}

fn category(text: &str) -> Result<Category, String> {
    Category::ALL
        .into_iter()
        .find(|category| category.name() == text)
        .ok_or_else(|| format!("one of {}", Category::ALL.map(Category::name).join(", ")))
}

#[derive(Debug, Args)]
#[command(after_help = "\
A redrive goes on where the run died: what connectors answered before is kept, and nothing is sent to them \
twice. With --from-start it forgets their answers; the idempotency keys stay the same.

Examples:
  stepmill dead redrive run_0198… run_0199…
  stepmill dead redrive --all --workflow order-to-cash     once the cause is removed
  stepmill dead redrive --all --group 1f0c… --rate 20      those that died of the same, 20 a second
  stepmill dead redrive run_0198… --payload mended.json    in place of the accepted payload")]
pub(super) struct RedriveArguments {
    /// The runs
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<RunId>,
    /// All dead letters that the other options let through
    #[arg(long, conflicts_with_all = ["ids", "payload"])]
    all: bool,
    #[command(flatten)]
    which: Which,
    /// How many a second at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: Option<u32>,
    /// From the first step
    #[arg(long)]
    from_start: bool,
    /// File with the payload that takes the accepted one's place; - for standard input
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    /// What the payload is
    #[arg(long, value_name = "TYPE", default_value = document::JSON, requires = "payload")]
    media_type: String,
    /// Under which version of its workflow: current for the one that is deployed, same for its own, or the beginning
    /// of an id that `stepmill versions` shows
    #[arg(long, value_name = "VERSION", default_value = "current")]
    version: String,
    /// Print the new states as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A snoozed dead letter stays dead; a redrive or a cancellation ends that, and so does its time.

Examples:
  stepmill dead snooze run_0198… --for 2d
  stepmill dead snooze --all --group 1f0c… --until 2026-12-24T18:00:00Z
  stepmill dead snooze run_0198… --for 0s                  shows it again")]
pub(super) struct SnoozeArguments {
    /// The runs
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<RunId>,
    /// All dead letters that the other options let through
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    which: Which,
    /// For how long, such as 2d
    #[arg(
        long = "for",
        value_name = "DURATION",
        required_unless_present = "until",
        conflicts_with = "until"
    )]
    lasts: Option<String>,
    /// Until when, as RFC 3339 has it
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
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
            Self::Snooze(arguments) => arguments.run().await,
            Self::Discard(arguments) => arguments.run().await,
        }
    }
}

impl ListArguments {
    async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let limit = if self.groups { usize::MAX } else { self.limit };
        let now_ms = SystemClock.now_ms();
        let hidden_ms = (!self.snoozed).then_some(now_ms);
        let Found { runs, hidden, has_more } = self.which.find(&client, limit, hidden_ms).await?;
        let groups = groups(&runs, self.limit);
        if self.json {
            if self.groups {
                output::print_json(&groups)?
            } else {
                output::print_json(&runs)?
            }
            return Ok(Exit::Done);
        }
        if hidden > 0 {
            eprintln!("{hidden} more are snoozed: --snoozed shows them");
        }
        if runs.is_empty() {
            eprintln!("there are no such dead letters");
            return Ok(Exit::Done);
        }
        let paint = Paint::stdout();
        let table = if self.groups { table_of_groups(paint, &groups) } else { table(paint, &runs, now_ms) };
        output::print(&output::rendered(&table))?;
        if has_more {
            eprintln!("there are more: --limit N shows them");
        }
        Ok(Exit::Done)
    }
}

fn table(paint: Paint, runs: &[State], now_ms: u64) -> comfy_table::Table {
    let heads = ["RUN", "WORKFLOW", "DIED", "STEP", "CATEGORY", "CAUSE", "CODE", "GROUP", "MESSAGE", "NEXT"];
    let mut table = paint.table(&heads);
    for run in runs {
        let Phase::Dead { step, failure, category, fingerprint, since_ms, .. } = &run.phase else { continue };
        table.add_row([
            paint.cell(Tone::Plain, run.run.to_string()),
            paint.cell(Tone::Plain, &run.workflow),
            paint.cell(Tone::Faint, output::time(*since_ms)),
            paint.cell(Tone::Plain, step),
            paint.cell(Tone::Plain, category.name()),
            paint.cell(Tone::Bad, failure.cause.name()),
            paint.cell(Tone::Plain, output::short(&failure.code, 40)),
            paint.cell(Tone::Faint, fingerprint.to_string()),
            paint.cell(Tone::Plain, output::short(&failure.message, 100)),
            paint.cell(Tone::Waiting, upcoming(run, now_ms)),
        ]);
    }
    table
}

/// What is to come of a dead letter by itself.
fn upcoming(run: &State, now_ms: u64) -> String {
    let redrive = runs::redrive(run).map(|redrive| format!("redriven {redrive}"));
    let snooze = run.snoozed_until_ms(now_ms).map(|ms| format!("snoozed until {}", output::time(ms)));
    redrive.into_iter().chain(snooze).collect::<Vec<_>>().join("; ")
}

/// Dead letters that died of the same.
#[derive(Debug, Serialize)]
struct Group<'a> {
    fingerprint: Fingerprint,
    count: usize,
    category: Category,
    workflow: &'a str,
    step: &'a str,
    /// Of the latest of them.
    message: &'a str,
}

/// The groups of dead letters, the largest first; at most `limit`.
fn groups(runs: &[State], limit: usize) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<Fingerprint, Group<'_>> = BTreeMap::new();
    for run in runs {
        let Phase::Dead { step, failure, category, fingerprint, .. } = &run.phase else { continue };
        let group = groups.entry(*fingerprint).or_insert(Group {
            fingerprint: *fingerprint,
            count: 0,
            category: *category,
            workflow: &run.workflow,
            step,
            message: &failure.message,
        });
        group.count += 1;
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups.truncate(limit);
    groups
}

fn table_of_groups(paint: Paint, groups: &[Group<'_>]) -> comfy_table::Table {
    let mut table = paint.table(&["GROUP", "NUMBER", "CATEGORY", "WORKFLOW", "STEP", "THE LATEST SAYS"]);
    for group in groups {
        table.add_row([
            paint.cell(Tone::Plain, group.fingerprint.to_string()),
            paint.cell(Tone::Bad, group.count.to_string()),
            paint.cell(Tone::Plain, group.category.name()),
            paint.cell(Tone::Plain, group.workflow),
            paint.cell(Tone::Plain, group.step),
            paint.cell(Tone::Plain, output::short(group.message, 100)),
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
        let ids = self.which.chosen(&client, self.ids, self.all).await?;
        let pause = self.rate.map(|rate| Duration::from_secs(1) / rate).unwrap_or_default();
        let redrive = Redrive { from_start: self.from_start, document, version: self.version, by: whoami() };
        each(&client, &ids, self.json, "redriven", async |client, id| {
            let state = client.redrive(id, &redrive).await;
            tokio::time::sleep(pause).await;
            state
        })
        .await
    }
}

impl SnoozeArguments {
    async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let ids = self.which.chosen(&client, self.ids, self.all).await?;
        let snooze = Snooze { lasts: self.lasts, until: self.until, by: whoami() };
        each(&client, &ids, self.json, "snoozed", async |client, id| client.snooze(id, &snooze).await).await
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
