//! A run on a screen: where it stands, and everything that its journal has of how it came there.

mod told;

use std::fmt::Write as _;

use stepmill_core::attempt::{Exchange, Failure, LogLevel, LogLine, Record};
use stepmill_core::document::{Body, Document, is_json};
use stepmill_core::run::{Entry, Phase, State, What};

use super::super::client::Shown;
use super::super::output::{Paint, Tone, bytes, harmless, short, time, took};
use super::{phase, redrive, waits};

/// Characters of a failure's message in a line.
const MESSAGE: usize = 200;

pub(super) fn render(paint: Paint, shown: &Shown, bodies: bool) -> String {
    let mut page = Page { paint, bodies, out: String::new(), accepted_ms: shown.state.accepted_ms };
    page.head(&shown.state);
    for (step, link) in &shown.links {
        page.fact("link", &format!("{step}: {}", harmless(link)));
    }
    page.line("");
    for (number, entry) in shown.entries.iter().enumerate() {
        page.entry(number, entry);
    }
    if let Some(document) = payload(shown) {
        page.line("");
        page.line(&format!("{} {}", paint.text(Tone::Strong, "payload"), kind(document)));
        page.document(document, "  ");
    }
    page.out
}

/// The payload that the run goes on with: the accepted one or a redrive's.
fn payload(shown: &Shown) -> Option<&Document> {
    match &shown.entries.get(usize::try_from(shown.state.payload).ok()?)?.what {
        What::Accepted(accepted) => Some(&accepted.event.document),
        What::Redriven { document, .. } => document.as_ref(),
        What::Gathered { .. }
        | What::Turn
        | What::StepSucceeded { .. }
        | What::AttemptFailed { .. }
        | What::Parked { .. }
        | What::Began { .. }
        | What::Spawned { .. }
        | What::Child { .. }
        | What::Heard { .. }
        | What::Decided { .. }
        | What::Elapsed { .. }
        | What::Rests
        | What::Died { .. }
        | What::Undone
        | What::Succeeded { .. }
        | What::Snoozed { .. }
        | What::Released { .. }
        | What::Cancelled { .. } => None,
    }
}

struct Page {
    paint: Paint,
    bodies: bool,
    out: String,
    accepted_ms: u64,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn head(&mut self, state: &State) {
        let (tone, name) = phase(&state.phase);
        let run = self.paint.text(Tone::Strong, state.run.to_string());
        self.line(&format!("{run}  {}  {}", state.workflow, self.paint.text(tone, name)));
        let since = state.changed_ms.saturating_sub(state.accepted_ms);
        self.fact("accepted", &time(state.accepted_ms));
        self.fact(
            "changed",
            &format!("{} ({} later)", time(state.changed_ms), took(since.saturating_mul(1_000))),
        );
        let version: String = state.version.chars().take(12).collect();
        self.fact("version", &format!("{version} of the workflow and its plugins"));
        if let Phase::Dead { step, failure, category, fingerprint, undone, snoozed_until_ms, .. } =
            &state.phase
        {
            let cause = self.paint.text(Tone::Bad, failure.cause.name());
            let said = format!(
                "at {step}: {cause} ({}) {}",
                harmless(&failure.code),
                short(&failure.message, MESSAGE)
            );
            self.fact("died", &said);
            self.fact("category", &format!("{category}: {}", category.advice()));
            self.fact("group", &format!("{fingerprint}: dead letters with it died of the same"));
            if *undone {
                self.fact("undone", "what it had done: it can only be redriven from the start");
            }
            if let Some(redrive) = redrive(state) {
                self.fact("redriven", &format!("{redrive}, unless somebody is faster"));
            }
            if let Some(until_ms) = snoozed_until_ms {
                self.fact("snoozed", &format!("until {}", time(*until_ms)));
            }
        }
        if state.phase.is_open() {
            for wait in waits(state) {
                self.fact("waits", &harmless(&wait));
            }
        }
        if let Some(parent) = &state.parent {
            self.fact("parent", &format!("{}, step {}, item {}", parent.run, parent.step, parent.index));
        }
        if let Some(lane) = &state.lane {
            self.fact("lane", &format!("{}, number {}", short(&lane.key, MESSAGE), lane.ticket));
        }
        if let Some(deadline) = state.deadline.filter(|_| state.phase.is_open()) {
            self.fact("deadline", &time(deadline.at_ms));
        }
        if state.redrives > 0 {
            self.fact("redrives", &state.redrives.to_string());
        }
    }

    fn fact(&mut self, what: &str, value: &str) {
        let what = self.paint.text(Tone::Faint, format!("{what:<9}"));
        self.line(&format!("  {what} {value}"));
    }

    fn entry(&mut self, number: usize, entry: &Entry) {
        for record in &entry.pure {
            self.attempt(None, record, "pure");
        }
        let after = self.after(entry.at_ms);
        let number = Some((number, after));
        match &entry.what {
            What::StepSucceeded { output, record } => {
                self.attempt(number, record, &format!("→ {}", kind(output)));
                if self.bodies {
                    self.document(output, "           ");
                }
            }
            What::AttemptFailed { record, retry_at_ms } => {
                let again = format!("again at {}", self.after(*retry_at_ms).trim_start());
                self.attempt(number, record, &again);
            }
            What::Died { record, undo: false, .. } => {
                self.attempt(number, record, "no other attempt: a dead letter");
            }
            What::Died { record, undo: true, .. } => {
                self.attempt(number, record, "no other attempt: it is undone")
            }
            what => {
                let (tone, said) = told::line(what);
                self.event_line(number, tone, what.name(), &said);
            }
        }
    }

    /// Number and time of an entry; pure steps have none, because they are not entries.
    fn margin(&self, number: Option<(usize, String)>) -> String {
        let margin = match number {
            Some((number, after)) => format!("{number:>4} {after:>11}"),
            None => " ".repeat(16),
        };
        self.paint.text(Tone::Faint, margin)
    }

    fn event_line(&mut self, number: Option<(usize, String)>, tone: Tone, what: &str, said: &str) {
        let line =
            format!("{}  {} {said}", self.margin(number), self.paint.text(tone, format!("{what:<14}")));
        self.line(&line);
    }

    fn attempt(&mut self, number: Option<(usize, String)>, record: &Record, said: &str) {
        let step = format!("{} #{}", record.step, record.number);
        let (tone, outcome) = match &record.failure {
            None => (Tone::Good, "ok"),
            Some(failure) => (Tone::Bad, failure.cause.name()),
        };
        let digest: String = record.digest.chars().take(12).collect();
        let line = format!(
            "{}  {step:<14} {}, {}, {} memory, {}@{digest}  {said}",
            self.margin(number),
            self.paint.text(tone, outcome),
            took(record.took_us),
            bytes(record.memory_bytes),
            record.plugin,
        );
        self.line(&line);
        if let Some(failure) = &record.failure {
            self.failure(failure);
        }
        for exchange in &record.exchanges {
            self.exchange(exchange);
        }
        for line in &record.logs {
            self.log(line);
        }
    }

    fn below(&mut self, text: &str) {
        self.line(&format!("                    {text}"));
    }

    fn failure(&mut self, failure: &Failure) {
        let retry = failure
            .retry_after_ms
            .map(|ms| format!(" (asked for {} of patience)", took(ms.saturating_mul(1_000))));
        let code = self.paint.text(Tone::Strong, harmless(&failure.code));
        self.below(&format!(
            "{code}: {}{}",
            harmless(&failure.message).replace('\n', " "),
            retry.unwrap_or_default()
        ));
        for violation in &failure.violations {
            let pointer = if violation.pointer.is_empty() { "(the whole)" } else { &violation.pointer };
            self.below(&format!(
                "violation at {} ({}): {}",
                harmless(pointer),
                harmless(&violation.rule),
                harmless(&violation.message)
            ));
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let system = exchange.system.as_deref().map(|system| format!(" [{system}]")).unwrap_or_default();
        let (tone, result) = match &exchange.result {
            Ok(response) if response.status < 400 => (Tone::Good, response.status.to_string()),
            Ok(response) => (Tone::Bad, response.status.to_string()),
            Err(problem) => (Tone::Bad, harmless(problem)),
        };
        let sizes = match &exchange.result {
            Ok(response) => {
                format!(", {} out, {} in", bytes(exchange.request_bytes), bytes(response.body_bytes))
            }
            Err(_) => format!(", {} out", bytes(exchange.request_bytes)),
        };
        let line = format!(
            "{} {}{system} → {} in {}{sizes}",
            exchange.method,
            harmless(&exchange.url),
            self.paint.text(tone, result),
            took(exchange.took_us),
        );
        self.below(&line);
        if !self.bodies {
            return;
        }
        self.message(">", &exchange.request_headers, &exchange.request_body);
        if let Ok(response) = &exchange.result {
            self.message("<", &response.headers, &response.body);
        }
    }

    fn message(&mut self, mark: &str, headers: &[(String, String)], body: &str) {
        for (name, value) in headers {
            self.below(&format!("  {mark} {}: {}", harmless(name), harmless(value)));
        }
        for line in body.lines() {
            self.below(&format!("  {mark} {}", harmless(line)));
        }
    }

    fn log(&mut self, line: &LogLine) {
        let tone = match line.level {
            LogLevel::Trace | LogLevel::Debug => Tone::Faint,
            LogLevel::Info => Tone::Plain,
            LogLevel::Warn => Tone::Waiting,
            LogLevel::Error => Tone::Bad,
        };
        let mut text = harmless(&line.message).replace('\n', " ");
        for (name, value) in &line.fields {
            let _ = write!(text, " {}={}", harmless(name), harmless(value).replace('\n', " "));
        }
        self.below(&format!("{} {text}", self.paint.text(tone, format!("log {}:", line.level.name()))));
    }

    fn document(&mut self, document: &Document, indent: &str) {
        let text = match &document.body {
            Body::Text(text) if is_json(&document.media_type) => {
                serde_json::from_str::<serde_json::Value>(text)
                    .and_then(|value| serde_json::to_string_pretty(&value))
                    .unwrap_or_else(|_| text.clone())
            }
            Body::Text(text) => text.clone(),
            Body::Binary(bytes) => format!("({} bytes that are no text)", bytes.len()),
        };
        for line in text.lines() {
            self.line(&format!("{indent}{}", harmless(line)));
        }
    }

    /// Time since the acceptance.
    fn after(&self, at_ms: u64) -> String {
        let ms = at_ms.saturating_sub(self.accepted_ms);
        format!("+{}.{:03} s", ms / 1_000, ms % 1_000)
    }
}

/// What a document is, in a few words.
fn kind(document: &Document) -> String {
    let size = bytes(u64::try_from(document.len()).unwrap_or(u64::MAX));
    format!("{}, {size}", short(&document.media_type, 80))
}

#[cfg(test)]
mod tests;
