//! `stepmill plugin bench`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::project::ProjectArguments;
use crate::author::bench::{Bench, Figures, Times, Work};
use crate::author::found::Found;
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = super::help("\
Attempts are made as the service makes them: fresh instances from the pool, epochs on, compiled code from the cache. \
Measure in a quiet minute, and compare figures of one machine only. A connector needs a --case: its requests are \
answered from there at once, so that the figures are the plugin's own and not the network's.

Examples:
  stepmill plugin bench dist/order-totals.wasm --input order.json --with with.yaml
  stepmill plugin bench dist/stock.wasm --case cases/order.case.yaml"))]
pub(in crate::cli) struct BenchArguments {
    /// The plugin
    #[arg(value_name = "PATH|NAME")]
    plugin: String,
    #[command(flatten)]
    work: WorkArguments,
    /// A case file: its input, config, exchanges and storage, as in `plugin test`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "with"])]
    case: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    project: ProjectArguments,
}

/// What plugins are measured at.
#[derive(Debug, Args)]
pub(super) struct WorkArguments {
    /// The input: JSON, or CSV, XML, text or bytes by the file's ending
    #[arg(long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// The step's config: a YAML or JSON file, or a mapping in braces
    #[arg(long, value_name = "FILE|JSON")]
    pub(super) with: Option<String>,
    /// How many calls each figure is of, at most
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub(super) count: u32,
}

impl WorkArguments {
    /// The files' content.
    pub(super) fn read(&self) -> anyhow::Result<Work> {
        Work::read(self.input.as_deref(), self.with.as_deref())
    }

    /// How many calls.
    pub(super) fn count(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }
}

impl BenchArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let found = Found::at(&self.plugin, &self.project.config).await?;
        let work = match self.case {
            Some(file) => Work::Case(file),
            None => self.work.read()?,
        };
        let figures = Bench::try_new()?.measure(&found, &work, self.work.count()).await?;
        if self.json {
            output::print_json(&figures)?;
        } else {
            output::print(&table(Paint::stdout(), &figures))?;
        }
        Ok(Exit::Done)
    }
}

fn table(paint: Paint, figures: &Figures) -> String {
    let mut out = String::new();
    let both = |times: &Times| {
        format!("{} p50, {} p99 of {} calls", took(times.p50_us), took(times.p99_us), times.calls)
    };
    let mut line = |what: &str, value: String| {
        let _ = writeln!(out, "{} {value}", paint.text(Tone::Faint, format!("{what:<22}")));
    };
    line("size", output::bytes(figures.size));
    line("compile", format!("{}, once", took(figures.compile_us)));
    if let Some(us) = figures.cached_us {
        line("load compiled code", format!("{}, at each start", took(us)));
    }
    line("instantiate", both(&figures.instantiate));
    line("attempt", both(&figures.call));
    if let Some(times) = &figures.prepared {
        line("attempt, prepared", both(times));
    }
    if let Some(requests) = figures.answered {
        let plural = if requests == 1 { "" } else { "s" };
        line("HTTP", format!("{requests} request{plural} an attempt, answered from the case at once"));
    }
    line("memory, high water", output::bytes(figures.memory_bytes));
    if !figures.is_pooled {
        line("instances", "on demand: this machine lets no pool be reserved (ulimit -v)".into());
    }
    out
}

/// Microseconds with the digits that a bench can tell.
pub(super) fn took(us: f64) -> String {
    if us < 100.0 {
        return format!("{us:.1} µs");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a measured time")]
    let whole = us.round() as u64;
    output::took(whole)
}
