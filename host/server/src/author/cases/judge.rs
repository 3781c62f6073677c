//! Whether an attempt ended as a case expects.

use std::collections::BTreeMap;
use std::time::Duration;

use stepmill_core::attempt::{Cause, Failure, LogLine, Violation};
use stepmill_core::document::{Body, Document};
use stepmill_core::invoke::Report;

use super::case::{End, Expectation};
use super::content::{Content, Held, stored, told};
use super::definition::ViolationDefinition;
use super::finding::Finding;
use crate::author::difference::excerpt;
use crate::author::shelf;

/// What findings about a guest's log are about.
const LOGS: &str = "logs";

/// What is not as expected of how it ended and what it logged.
pub(crate) fn report(expect: &Expectation, report: &Report) -> Vec<Finding> {
    let findings = ended(&expect.end, report.outcome.as_ref().map(|document| &**document));
    with_logs(findings, &expect.logs, &report.record.logs)
}

/// With what is not as expected of what the guest has logged, and with all of that if anything is not as expected.
pub(super) fn with_logs(mut findings: Vec<Finding>, expected: &[String], got: &[LogLine]) -> Vec<Finding> {
    findings.extend(logs(expected, got));
    let is_told = findings.iter().any(|finding| finding.about == LOGS);
    if !findings.is_empty() && !is_told {
        // Nobody expects them, and whoever looks for the reason wants to see them.
        findings.extend(Finding::of_lines(LOGS, got.iter().map(logged).collect()));
    }
    findings
}

/// What is not as expected of an attempt that could not be made, since the plugin refuses the config.
pub(crate) fn refusal(expect: &Expectation, code: &str, message: &str) -> Vec<Finding> {
    match &expect.end {
        End::Reject { .. } => {
            let failure = Failure { code: code.into(), ..Failure::new(Cause::Rejected, message) };
            ended(&expect.end, Err(&failure))
        }
        End::Output { .. } | End::Violations(_) | End::Retry { .. } | End::Fault(_) => {
            let line = format!("the plugin refuses the config, as {code}: {message}");
            vec![Finding::new("config", vec![line])]
        }
    }
}

fn ended(end: &End, outcome: Result<&Document, &Failure>) -> Vec<Finding> {
    let otherwise = |expected: String| {
        let mut lines = vec![format!("expected {expected}, got {}", outcome_told(outcome))];
        // The rest of what a fault says: the guest's last words, and where it was.
        let message = outcome.err().map(|failure| failure.message.as_str()).unwrap_or_default();
        lines.extend(message.lines().skip(1).map(|line| format!("  {}", excerpt(line))));
        vec![Finding::new("outcome", lines)]
    };
    match (end, outcome) {
        (End::Output { content, media_type }, Ok(document)) => {
            output(content, media_type.as_deref(), document)
        }
        (End::Output { .. }, Err(_)) => otherwise("an output".into()),
        (End::Violations(expected), Ok(_)) if expected.is_empty() => Vec::new(),
        (End::Violations(expected), Err(failure)) if failure.cause == Cause::Invalid => {
            violations(expected, &failure.violations).into_iter().collect()
        }
        (End::Violations(expected), _) => otherwise(match expected.len() {
            0 => "a valid document".into(),
            1 => "a violation".into(),
            count => format!("{count} violations"),
        }),
        (End::Reject { code, message }, Err(failure)) if failure.cause == Cause::Rejected => {
            let mut lines = Vec::new();
            if failure.code != *code {
                lines.push(format!(
                    "code: expected {code:?}, got {:?} ({})",
                    failure.code,
                    excerpt(&failure.message)
                ));
            }
            lines.extend(part("message", message.as_deref(), &failure.message));
            Finding::of_lines("rejection", lines).into_iter().collect()
        }
        (End::Reject { code, .. }, _) => otherwise(format!("a rejection with code {code:?}")),
        (End::Retry { after, message }, Err(failure)) if failure.cause == Cause::RetryAsked => {
            let mut lines = Vec::new();
            let got = failure.retry_after_ms.map(Duration::from_millis);
            if let Some(after) = after.filter(|after| Some(*after) != got) {
                let span = |span: Duration| humantime::format_duration(span).to_string();
                let got = got.map_or_else(|| "no delay".into(), span);
                lines.push(format!("after: expected {}, got {got}", span(after)));
            }
            lines.extend(part("message", message.as_deref(), &failure.message));
            Finding::of_lines("retry", lines).into_iter().collect()
        }
        (End::Retry { .. }, _) => otherwise("a retry".into()),
        (End::Fault(cause), Err(failure)) if failure.cause == *cause => Vec::new(),
        (End::Fault(cause), _) => otherwise(format!("the fault {}", cause.name())),
    }
}

/// How an attempt ended, in one line.
pub(crate) fn outcome_told(outcome: Result<&Document, &Failure>) -> String {
    match outcome {
        Ok(Document { media_type, body }) => {
            let bytes = match body {
                Body::Text(text) => text.as_bytes(),
                Body::Binary(bytes) => bytes,
            };
            format!("an output of {media_type}: {}", told(bytes))
        }
        Err(failure) => {
            let message = excerpt(failure.message.lines().next().unwrap_or_default());
            match failure.cause {
                Cause::Rejected => format!("a rejection with code {:?}: {message}", failure.code),
                Cause::RetryAsked => format!("a retry: {message}"),
                Cause::Invalid => {
                    let all: Vec<_> = failure.violations.iter().map(violation).collect();
                    format!("{} violations: {}", all.len(), excerpt(&all.join("; ")))
                }
                cause => format!("the failure {}: {message}", cause.name()),
            }
        }
    }
}

fn output(content: &Content, media_type: Option<&str>, document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(media_type) = media_type.filter(|media_type| *media_type != document.media_type) {
        let line = format!("expected {media_type}, got {}", document.media_type);
        findings.push(Finding::new("media type", vec![line]));
    }
    let bytes = match &document.body {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
    };
    findings.extend(content.compare("output", bytes));
    findings
}

/// A line, unless the text contains what is expected of it.
pub(super) fn part(what: &str, expected: Option<&str>, got: &str) -> Option<String> {
    let expected = expected.filter(|expected| !got.contains(*expected))?;
    Some(format!("{what}: expected {expected:?} in it, got {:?}", excerpt(got)))
}

/// In any order: it is the rules of a schema that have one, and not violations.
fn violations(expected: &[ViolationDefinition], got: &[Violation]) -> Option<Finding> {
    let mut left: Vec<&Violation> = got.iter().collect();
    let mut lines = Vec::new();
    // Those that say more are looked for first, so that they find their own.
    let mut sorted: Vec<_> = expected.iter().collect();
    sorted.sort_by_key(|violation| violation.message.is_none());
    for wanted in sorted {
        let found = left.iter().position(|violation| {
            violation.pointer == wanted.pointer
                && violation.rule == wanted.rule
                && wanted.message.as_ref().is_none_or(|message| violation.message.contains(message))
        });
        match found {
            Some(at) => {
                left.remove(at);
            }
            None => {
                let message =
                    wanted.message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default();
                lines.push(format!("not found: {} {}{message}", place(&wanted.pointer), wanted.rule));
            }
        }
    }
    lines.extend(left.into_iter().map(|got| format!("not expected: {}", violation(got))));
    Finding::of_lines("violations", lines)
}

fn violation(of: &Violation) -> String {
    format!("{} {} ({})", place(&of.pointer), of.rule, excerpt(&of.message))
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "(whole)" } else { pointer }
}

fn logs(expected: &[String], got: &[LogLine]) -> Option<Finding> {
    let told: Vec<_> = got.iter().map(log_line).collect();
    let mut lines = Vec::new();
    for wanted in expected.iter().filter(|wanted| !told.iter().any(|line| line.contains(*wanted))) {
        lines.push(format!("no line has {wanted:?}"));
    }
    if !lines.is_empty() {
        lines.extend(got.iter().map(logged));
    }
    Finding::of_lines(LOGS, lines)
}

fn logged(line: &LogLine) -> String {
    format!("logged: {}", excerpt(&log_line(line)))
}

/// A line that a guest logged: its text, and its fields as `name=value`.
pub(crate) fn log_line(line: &LogLine) -> String {
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{}{fields}", line.message)
}

/// What is not as expected of the whole content of plugin storage.
pub(crate) fn storage(expected: &BTreeMap<String, Held>, got: &shelf::Content) -> Vec<Finding> {
    let mut findings: Vec<_> =
        expected.iter().filter_map(|(key, held)| held.compare(key, got.get(key))).collect();
    let others = got.iter().filter(|(key, _)| !expected.contains_key(*key));
    findings.extend(others.map(|(key, value)| {
        Finding::new("storage", vec![format!("{key}: expected nothing, got {}", stored(value))])
    }));
    findings
}
