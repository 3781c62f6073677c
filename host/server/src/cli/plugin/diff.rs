//! `stepmill plugin diff`.

use std::fmt::Write as _;

use clap::Args;

use super::bench::{WorkArguments, took};
use crate::author::Workbench;
use crate::author::bench::Bench;
use crate::author::capability;
use crate::author::diff::{Change, Diff, Speed, Verdict};
use crate::author::found::Found;
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = "\
Schemas are compared in the direction that values go: what was a config or an input has to stay one, and what is \
answered has to be what could have been answered before. Speed is measured if there is an --input or a --config.

Example, for CI:
  stepmill plugin diff released.wasm dist/order-totals.wasm --strict")]
pub(in crate::cli) struct DiffArguments {
    /// The old component's file (.wasm), or the name of a stock plugin
    #[arg(value_name = "OLD")]
    old: String,
    /// The new one
    #[arg(value_name = "NEW")]
    new: String,
    /// Fail if it can reach more, is another kind of step, or has a schema that is not shown to be compatible
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    work: WorkArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl DiffArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let (old, new) = (Found::any(&self.old)?, Found::any(&self.new)?);
        let mut diff = {
            let workbench = Workbench::try_new()?;
            Diff::between(&old.load(&workbench).await?, &new.load(&workbench).await?)
        };
        if self.work.input.is_some() || self.work.config.is_some() {
            let times = Bench::try_new()?.race([&old, &new], &self.work.read()?, self.work.count()).await?;
            diff.speed = Some(Speed::of(times));
        }
        if self.json {
            output::print_json(&diff)?;
        } else {
            output::print(&told(Paint::stdout(), &diff))?;
        }
        Ok(if self.strict && !diff.is_harmless() { Exit::Failed } else { Exit::Done })
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
    out
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
