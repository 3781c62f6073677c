//! Which cases two plugins answer otherwise: what the old one does is expected of the new one, whatever the case itself
//! expects.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use stepmill_core::attempt::{Cause, Failure, Violation};
use stepmill_core::document::{Body, Document, JSON};
use stepmill_core::invoke::Report;
use stepmill_core::manifest::Kind;
use stepmill_core::storage::StoredValue;
use stepmill_sandbox::egress::BuildError;
use stepmill_sandbox::{Loaded, Sandbox};

use super::case::{Case, End, Expectation, Scene};
use super::check::{self, Cassettes};
use super::content::{Content, Held, recorded};
use super::definition::ViolationDefinition;
use super::finding::Finding;
use super::play::{Played, Take};
use super::{chosen, judge, tape};
use crate::author::shelf;
use crate::diagnostic::Diagnostics;

/// What two plugins make of one case.
#[derive(Serialize)]
pub(crate) struct Comparison {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// What it is about, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
    /// Whether they answer it equally.
    pub(crate) answer: Answer,
    /// In what they do not: the old one's is what is expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<Finding>,
    /// Both attempts, to be measured; none unless both make them and succeed equally.
    #[serde(skip)]
    pub(crate) scenes: Option<[Scene; 2]>,
}

/// Whether two plugins answer a case equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// They do.
    Same,
    /// They do not.
    Changed,
    /// The new one does not take it: its config, say, is none any more.
    OnlyOld,
    /// The old one does not take it.
    OnlyNew,
}

impl Answer {
    /// Whether nobody who has the old one loses by it.
    pub(crate) fn is_harmless(self) -> bool {
        match self {
            Self::Same | Self::OnlyNew => true,
            Self::Changed | Self::OnlyOld => false,
        }
    }
}

/// Has both plugins play the cases of a folder, with their faults.
///
/// # Errors
/// There are no cases, or one is a case of neither.
pub(crate) async fn compare(
    sandbox: &Sandbox,
    [old, new]: [&Loaded; 2],
    folder: &Path,
) -> anyhow::Result<Vec<Comparison>> {
    let mut wrong = Diagnostics::default();
    let mut comparisons = Vec::new();
    for (name, file) in chosen(folder, &[])? {
        let was = check::read(sandbox, old, &name, &file, Cassettes::Played).await;
        let is = check::read(sandbox, new, &name, &file, Cassettes::Played).await;
        let (answer, case, findings) = match (was, is) {
            (Ok(was), Ok(is)) => {
                let findings = differences(sandbox, &was, &is).await?;
                let answer = if findings.is_empty() { Answer::Same } else { Answer::Changed };
                comparisons.push(Comparison::of_both(was, is, answer, findings));
                continue;
            }
            (Ok(was), Err(why)) => (Answer::OnlyOld, was, why),
            (Err(why), Ok(is)) => (Answer::OnlyNew, is, why),
            (Err(problems), Err(_)) => {
                wrong.extend(problems);
                continue;
            }
        };
        let lines = findings.iter().map(|problem| problem.message.clone()).collect();
        comparisons.push(Comparison {
            name,
            summary: case.summary,
            answer,
            findings: vec![Finding::new("case", lines)],
            scenes: None,
        });
    }
    Ok(wrong.or(comparisons)?.0)
}

impl Comparison {
    fn of_both(was: Case, is: Case, answer: Answer, findings: Vec<Finding>) -> Self {
        let is_made = was.refusal.is_none() && is.refusal.is_none();
        let scenes = (is_made && answer == Answer::Same).then_some([was.scene, is.scene]);
        Self { name: is.name, summary: is.summary, answer, findings, scenes }
    }
}

/// In what the new one's answers are others than the old one's, without a fault and under each.
async fn differences(sandbox: &Sandbox, was: &Case, is: &Case) -> Result<Vec<Finding>, BuildError> {
    match (&was.refusal, &is.refusal) {
        (None, None) => {}
        (Some((code, message)), Some((other, why))) => {
            return Ok(judge::refusal(&rejection(code, message), other, why));
        }
        (Some((code, message)), None) => {
            let played = Take { fault: None }.play(sandbox, &is.scene).await?;
            return Ok(judge::report(&rejection(code, message), &played.report));
        }
        (None, Some((code, message))) => {
            let played = Take { fault: None }.play(sandbox, &was.scene).await?;
            return Ok(judge::refusal(&expectation(was, &played.report), code, message));
        }
    }
    let mut findings = Vec::new();
    for take in Take::all(was) {
        let before = take.play(sandbox, &was.scene).await?;
        let after = take.play(sandbox, &is.scene).await?;
        let found = changed(was, &before, &after).into_iter();
        match take.fault {
            Some(fault) => findings.extend(found.map(|finding| finding.under(&fault.label))),
            None => findings.extend(found),
        }
    }
    Ok(findings)
}

fn changed(was: &Case, before: &Played, after: &Played) -> Vec<Finding> {
    let mut findings = judge::report(&expectation(was, &before.report), &after.report);
    findings.extend(tape::changes(&before.asked.sent, &after.asked.sent));
    findings.extend(judge::storage(&held(&before.after), &after.after));
    findings
}

/// What the new one is expected to end with: what the old one has ended with.
fn expectation(case: &Case, report: &Report) -> Expectation {
    let end = match &report.outcome {
        Ok(document) => match case.scene.step.kind() {
            Kind::Validate => End::Violations(Vec::new()),
            Kind::Transform | Kind::Connector | Kind::Verify => output(document),
        },
        Err(failure) => failed(failure),
    };
    Expectation { end, logs: Vec::new() }
}

fn output(Document { media_type, body }: &Document) -> End {
    let bytes = match body {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
    };
    End::Output { content: content(media_type, bytes), media_type: Some(media_type.clone()) }
}

fn failed(failure: &Failure) -> End {
    let message = Some(failure.message.clone());
    match failure.cause {
        Cause::Rejected => End::Reject { code: failure.code.clone(), message },
        Cause::RetryAsked => {
            End::Retry { after: failure.retry_after_ms.map(std::time::Duration::from_millis), message }
        }
        Cause::Invalid => End::Violations(failure.violations.iter().map(violation).collect()),
        cause => End::Fault(cause),
    }
}

fn violation(Violation { pointer, rule, message }: &Violation) -> ViolationDefinition {
    ViolationDefinition { pointer: pointer.clone(), rule: rule.clone(), message: Some(message.clone()) }
}

fn rejection(code: &str, message: &str) -> Expectation {
    let end = End::Reject { code: code.to_owned(), message: Some(message.to_owned()) };
    Expectation { end, logs: Vec::new() }
}

fn held(content: &shelf::Content) -> BTreeMap<String, Held> {
    let held = |value: &StoredValue| match value {
        StoredValue::Bytes(bytes) => Held::Bytes(self::content(JSON, bytes)),
        StoredValue::Counter(count) => Held::Counter(*count),
    };
    content.iter().map(|(key, value)| (key.clone(), held(value))).collect()
}

fn content(media_type: &str, bytes: &[u8]) -> Content {
    recorded(media_type, bytes).unwrap_or_else(|| Content::Text(String::new()))
}
