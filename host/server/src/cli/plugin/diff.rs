//! `stepmill plugin diff`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::bench::{WorkArguments, took};
use super::project::ProjectArguments;
use crate::author::Workbench;
use crate::author::bench::Bench;
use crate::author::capability;
use crate::author::cases::{Answer, compare};
use crate::author::diff::{Change, Compared, Diff, Speed, Verdict};
use crate::author::found::Found;
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Error, Exit};

/// How long attempts at all cases are measured together, beyond the few that each needs.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
#[command(after_help = super::help("\
Schemas are compared in the direction that values go: what was a config or an input has to stay one, and what is \
answered has to be what could have been answered before. With --cases both play the cases of a folder, and what the \
old one answers, sends and stores is what is expected of the new one, whatever the cases expect. Speed is measured at an \
--input or a --with, and at every case that both answer equally.

Examples, for CI:
  stepmill plugin diff released.wasm dist/order-totals.wasm --strict
  stepmill plugin diff released.wasm dist/stock.wasm --cases cases --strict"))]
pub(in crate::cli) struct DiffArguments {
    /// The old plugin
    #[arg(value_name = "OLD")]
    old: String,
    /// The new one
    #[arg(value_name = "NEW")]
    new: String,
    /// Fail if it can reach more, is another kind of step, has a schema that is not shown to be compatible, or answers
    /// a case otherwise
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    work: WorkArguments,
    /// Compare what both make of the cases of this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["input", "with"])]
    cases: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    project: ProjectArguments,
}

impl DiffArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let config = &self.project.config;
        let (old, new) = (Found::at(&self.old, config).await?, Found::at(&self.new, config).await?);
        let is_measured = self.work.input.is_some() || self.work.with.is_some();
        let bench = if is_measured || self.cases.is_some() { Some(Bench::of_attempts()?) } else { None };
        let diff = match &bench {
            None => {
                let workbench = Workbench::try_new()?;
                Diff::between(&old.load(&workbench).await?, &new.load(&workbench).await?)
            }
            Some(bench) => self.measured(bench, &old, &new).await?,
        };
        if self.json {
            output::print_json(&diff)?;
        } else {
            output::print(&told(Paint::stdout(), &diff))?;
        }
        let harms = if self.strict { diff.harms() } else { Vec::new() };
        if harms.is_empty() {
            return Ok(Exit::Done);
        }
        Err(Error::new(Exit::Failed, format_args!("not harmless: {}", harms.join("; "))))
    }
}

impl DiffArguments {
    /// The same with what attempts tell.
    async fn measured(&self, bench: &Bench, old: &Found, new: &Found) -> Result<Diff, Error> {
        let (was, is) = (old.load(bench.workbench()).await?, new.load(bench.workbench()).await?);
        let mut diff = Diff::between(&was, &is);
        let Some(folder) = &self.cases else {
            let pair = [(old, &was), (new, &is)];
            let times = bench.race(pair, &self.work.read()?, self.work.count()).await?;
            diff.speed = Some(Speed::of(times));
            return Ok(diff);
        };
        let comparisons = compare(&bench.workbench().sandbox, [&was, &is], folder).await?;
        let longest = LONGEST / u32::try_from(comparisons.len()).unwrap_or(u32::MAX).max(1);
        let mut cases = Vec::new();
        for comparison in comparisons {
            let speed = match &comparison.scenes {
                Some(scenes) => {
                    let names = [old.given.as_str(), &new.given];
                    let times = bench.race_scenes(names, scenes, self.work.count(), longest).await?;
                    Some(Speed::of(times))
                }
                None => None,
            };
            cases.push(Compared { comparison, speed });
        }
        diff.cases = Some(cases);
        Ok(diff)
    }
}

fn told(paint: Paint, diff: &Diff) -> String {
    let mut out = String::new();
    let mut line = |what: &str, value: String| {
        let _ = writeln!(out, "{} {value}", paint.text(Tone::Faint, format!("{what:<12}")));
    };
    let names = |old: &str, new: &str| {
        let (old, new) = (output::short(old, 64), output::short(new, 64));
        if old == new { format!("{new}, unchanged") } else { format!("{old} → {new}") }
    };
    line("name", names(&diff.name.old, &diff.name.new));
    let kinds = names(diff.kind.old.name(), diff.kind.new.name());
    line("kind", if diff.kind.is_changed() { paint.text(Tone::Bad, kinds) } else { kinds });
    line("version", names(&diff.version.old, &diff.version.new));
    line("size", size(diff.size.old, diff.size.new));
    for import in &diff.gained {
        let is_permission = diff.permissions.contains(import);
        let meaning =
            if is_permission { capability::of(import).unwrap_or_default() } else { "leads nowhere" };
        let tone = if is_permission { Tone::Bad } else { Tone::Plain };
        line("gained", format!("{}  {meaning}", paint.text(tone, output::harmless(import))));
    }
    for import in &diff.lost {
        line("lost", output::harmless(import));
    }
    if diff.gained.is_empty() && diff.lost.is_empty() {
        line("imports", "unchanged".into());
    }
    for (what, change) in [("config", &diff.config), ("input", &diff.input), ("output", &diff.output)] {
        line(what, changed(paint, change));
    }
    if let Some(Speed { old, new, ratio }) = &diff.speed {
        let speed = format!("{} → {} p50, {ratio:.2} times", took(old.p50_us), took(new.p50_us));
        line("attempt", format!("{speed} ({} calls of each, in turns)", new.calls));
    }
    if let Some(cases) = &diff.cases {
        tell_cases(&mut out, paint, cases);
    }
    out
}

/// A line for each case, and what of it is answered otherwise below it.
fn tell_cases(out: &mut String, paint: Paint, cases: &[Compared]) {
    let _ = writeln!(
        out,
        "\n{}",
        paint.text(Tone::Strong, "cases: the old one's answers are expected of the new one")
    );
    let width = cases.iter().map(|case| case.comparison.name.chars().count()).max().unwrap_or_default();
    for Compared { comparison, speed } in cases {
        let (mark, tone) = match comparison.answer {
            Answer::Same => ("same     ", Tone::Good),
            Answer::Changed => ("CHANGED  ", Tone::Bad),
            Answer::OnlyOld => ("ONLY OLD ", Tone::Bad),
            Answer::OnlyNew => ("only new ", Tone::Plain),
        };
        let speed = speed.as_ref().map(|Speed { old, new, ratio }| {
            format!("{} → {} p50, {ratio:.2} times", took(old.p50_us), took(new.p50_us))
        });
        let speed = paint.text(Tone::Faint, speed.unwrap_or_default());
        let line =
            format!("{}  {:<width$}  {speed}", paint.text(tone, mark), output::harmless(&comparison.name));
        let _ = writeln!(out, "{}", line.trim_end());
        for finding in &comparison.findings {
            finding.render(out, paint);
        }
    }
}

fn size(old: u64, new: u64) -> String {
    if old == new {
        return format!("{}, unchanged", output::bytes(new));
    }
    #[allow(clippy::cast_precision_loss, reason = "a rounded percentage is shown")]
    let percent = (new as f64 / old.max(1) as f64 - 1.0) * 100.0;
    format!("{} → {} ({percent:+.1} %)", output::bytes(old), output::bytes(new))
}

fn changed(paint: Paint, change: &Change) -> String {
    let said = match change.verdict {
        Verdict::Unchanged => "unchanged".to_owned(),
        Verdict::Compatible => paint.text(Tone::Good, "changed, compatible"),
        Verdict::Incompatible => paint.text(Tone::Bad, "changed, not compatible"),
        Verdict::Unknown => paint.text(Tone::Waiting, "changed; whether it is compatible could not be shown"),
    };
    let reason = change.reason.as_ref().map(|reason| format!(": {}", output::short(reason, 400)));
    let example =
        change.example.as_ref().map(|value| format!("; such as {}", output::short(&value.to_string(), 200)));
    format!("{said}{}{}", reason.unwrap_or_default(), example.unwrap_or_default())
}
