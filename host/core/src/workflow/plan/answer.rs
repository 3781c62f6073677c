//! What a sender is answered whose event was accepted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Problems, syntax};
use crate::event::Event;
use crate::expression::{EvaluateError, Scope, Template};
use crate::id::RunId;
use crate::workflow::definition::Webhook;

/// Most bytes of the headers of an answer.
const HEADERS_BYTES: usize = 8 << 10;
/// Headers that are the connection's, or say what the host says itself.
const OWN_HEADERS: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "stepmill-run",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What there is when the event is accepted.
const THEN: [&str; 5] = ["body", "event", "headers", "query", "run"];

/// An answer that config gives.
#[derive(Clone, Debug)]
pub struct AnswerPlan {
    /// Its status: 200 to 299.
    pub status: u16,
    /// Its headers, with a content type.
    pub headers: Vec<(String, String)>,
    /// Its body.
    body: Option<Template>,
}

impl AnswerPlan {
    /// The body for an event and the run that has it: of one that is sent again the first. A text is as it is, anything
    /// else JSON.
    ///
    /// # Errors
    /// An expression fails on this event.
    pub fn body(
        &self,
        event: &Event,
        run: RunId,
        workflow: &str,
        at_ms: u64,
    ) -> Result<String, EvaluateError> {
        let Some(body) = &self.body else { return Ok(String::new()) };
        let outputs = BTreeMap::new();
        let document = &event.document;
        let scope = Scope::new(event, document, document, &outputs, run, workflow, at_ms);
        Ok(match body.evaluate(&scope)? {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }
}

/// Checks an answer.
pub(super) fn answer(at: &str, webhook: &Webhook, problems: &mut Problems) -> Option<AnswerPlan> {
    let answer = webhook.answer.as_ref()?;
    let at = format!("{at}/answer");
    if !(200..300).contains(&answer.status) {
        let message = format!("status is {}: give 200 to 299, as the event was accepted", answer.status);
        problems.add(format!("{at}/status"), message);
    }
    let mut headers = Vec::new();
    for (name, value) in &answer.headers {
        let place = format!("{at}/headers/{name}");
        problems.check(&place, syntax::header(name));
        if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            problems.add(&place, format!("{name} is given by the host: remove it"));
        }
        if !value.chars().all(|c| c == '\t' || (' '..='~').contains(&c)) {
            problems.add(&place, format!("the value of {name} holds more than printable ASCII"));
        }
        headers.push((name.clone(), value.clone()));
    }
    if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HEADERS_BYTES {
        problems.add(format!("{at}/headers"), format!("the headers come to more than {HEADERS_BYTES} bytes"));
    }
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let (Some(body), false) = (&answer.body, has_type) {
        let media_type = if body.is_string() { "text/plain; charset=utf-8" } else { "application/json" };
        headers.push(("content-type".into(), media_type.into()));
    }
    let body = match &answer.body {
        Some(body) => Some(template(&format!("{at}/body"), webhook, body, problems)?),
        None => None,
    };
    Some(AnswerPlan { status: answer.status, headers, body })
}

fn template(at: &str, webhook: &Webhook, body: &Value, problems: &mut Problems) -> Option<Template> {
    let template = problems.compile(at, body, &BTreeSet::new())?;
    let is_split = webhook.body.as_ref().is_some_and(|rules| !rules.split.is_off());
    if is_split && !template.is_constant() {
        problems.add(at, "a body that is split begins many runs: give an answer without expressions");
    }
    for variable in &template.references().variables {
        if !THEN.contains(&variable.as_str()) {
            let message =
                format!("the answer refers to {variable}, which is not there when an event is accepted");
            problems.add_with_help(at, message, format!("there are {}", THEN.join(", ")));
        }
    }
    Some(template)
}
