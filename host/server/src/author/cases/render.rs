//! What came of the cases, as text for a person.

use std::fmt::Write as _;

use super::finding::Finding;
use super::{Summary, Verdict};
use crate::cli::output::{self, Paint, Tone};

impl Summary {
    /// A line a case, what is not as expected below it, and the totals.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let mut out = String::new();
        for recorded in &self.recorded {
            let count = recorded.exchanges;
            let plural = if count == 1 { "" } else { "s" };
            let _ = writeln!(out, "recorded {count} exchange{plural} in {}", recorded.cassette.display());
        }
        let width = self.cases.iter().map(|case| case.name.chars().count()).max().unwrap_or_default();
        for case in &self.cases {
            case.render(&mut out, paint, width);
        }
        let failed = self.cases.iter().filter(|case| !case.passed).count();
        let passed = self.cases.len().saturating_sub(failed);
        let plural = if self.cases.len() == 1 { "" } else { "s" };
        let counts = format!("{} case{plural}: {passed} passed, {failed} failed", self.cases.len());
        let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
        let _ = writeln!(out, "{} in {}", paint.text(tone, counts), output::took(self.took_us));
        out
    }
}

impl Verdict {
    fn render(&self, out: &mut String, paint: Paint, width: usize) {
        let mark = if self.passed { paint.text(Tone::Good, "ok  ") } else { paint.text(Tone::Bad, "FAIL") };
        let name = output::harmless(&self.name);
        let took = paint.text(Tone::Faint, output::took(self.took_us));
        let _ = writeln!(out, "{mark}  {name:<width$}  {took}");
        if let Some(summary) = self.summary.as_ref().filter(|_| !self.passed) {
            let _ = writeln!(out, "    {}", paint.text(Tone::Faint, output::harmless(summary)));
        }
        for finding in &self.findings {
            finding.render(out, paint);
        }
    }
}

impl Finding {
    /// What it is about, and what there is below it.
    pub(crate) fn render(&self, out: &mut String, paint: Paint) {
        let under = self.under.as_ref().map(|under| format!("when {under}: ")).unwrap_or_default();
        let _ = writeln!(out, "    {}", paint.text(Tone::Strong, format!("{under}{}", self.about)));
        for line in &self.lines {
            let tone = match line.chars().next() {
                Some('+') => Tone::Good,
                Some('-') => Tone::Bad,
                Some(_) | None => Tone::Plain,
            };
            let _ = writeln!(out, "      {}", paint.text(tone, output::harmless(line)));
        }
    }
}
