//! The variables that expressions see, parsed and converted only as far as an expression asks.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cel::common::types::CelBool;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::value;
use crate::document::Document;
use crate::event::{Event, Trigger};
use crate::id::RunId;

/// Before the name of a variable that asks whether the last member of the path is there.
pub(super) const HAS: &str = "@has.";

/// Longest document that expressions read, in bytes. As a value it takes many times its length, outside of
/// every limit of a guest.
const DOCUMENT_BYTES: usize = 1 << 20;

/// What the variables are while one step is prepared. Building one costs next to nothing; each document
/// is parsed when the first expression reads it, and once.
#[derive(Debug)]
pub struct Scope<'a> {
    event: &'a Event,
    accepted: &'a Document,
    input: &'a Document,
    run: RunId,
    workflow: &'a str,
    accepted_ms: u64,
    steps: BTreeMap<&'a str, Output<'a>>,
    parsed: Parsed,
    parsed_input: OnceLock<Value>,
    passed_over: Value,
    /// Links by the ids of their steps.
    links: Value,
    /// Length of a document that was asked for and is too long to be read.
    too_long: OnceLock<usize>,
}

/// Output of a step, as the value of `steps.ID`.
#[derive(Debug)]
struct Output<'a> {
    document: &'a Document,
    value: OnceLock<Value>,
}

/// The variables that stay the same from step to step.
#[derive(Debug, Default)]
struct Parsed {
    event: OnceLock<Value>,
    body: OnceLock<Value>,
    headers: OnceLock<Value>,
    query: OnceLock<Value>,
    trigger: OnceLock<Value>,
    index: OnceLock<Value>,
    run: OnceLock<Value>,
}

/// One part of a path into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Member of an object.
    Key(String),
    /// Item of an array.
    Index(usize),
}

impl<'a> Scope<'a> {
    /// The variables of one step.
    ///
    /// `accepted` is the event's payload, or a redrive's in its place; `input` is what the step is fed;
    /// `outputs` are those of the steps before it, without the ones that were passed over; `accepted_ms`
    /// is the event's acceptance in milliseconds since the Unix epoch.
    pub fn new(
        event: &'a Event,
        accepted: &'a Document,
        input: &'a Document,
        outputs: &'a BTreeMap<Arc<str>, Arc<Document>>,
        run: RunId,
        workflow: &'a str,
        accepted_ms: u64,
    ) -> Self {
        let steps = outputs
            .iter()
            .map(|(step, document)| (&**step, Output { document, value: OnceLock::new() }))
            .collect();
        Self {
            event,
            accepted,
            input,
            run,
            workflow,
            accepted_ms,
            steps,
            parsed: Parsed::default(),
            parsed_input: OnceLock::new(),
            passed_over: Value::Object(Map::new()),
            links: Value::Null,
            too_long: OnceLock::new(),
        }
    }

    /// The same with another `input`; what has been parsed of the rest is kept.
    #[must_use]
    pub fn with_input<'b>(self, input: &'b Document) -> Scope<'b>
    where
        'a: 'b,
    {
        Scope { input, parsed_input: OnceLock::new(), ..self }
    }

    /// The same with links, by the ids of the steps that are decided by them.
    #[must_use]
    pub fn with_links(self, links: BTreeMap<String, String>) -> Self {
        Self { links: links.into_iter().map(|(step, link)| (step, Value::from(link))).collect(), ..self }
    }

    /// The value at a path; `None` if some part of it is not there.
    pub(super) fn lookup(&self, path: &[Segment]) -> Option<&Value> {
        let [Segment::Key(root), rest @ ..] = path else { return None };
        let (mut value, rest) = match (root.as_str(), rest) {
            ("event", [Segment::Key(part), rest @ ..]) => (self.event_part(part)?, rest),
            ("event", _) => (self.whole_event(), rest),
            ("links", _) => (&self.links, rest),
            ("input", _) => (self.parsed_input.get_or_init(|| self.parse(self.input)), rest),
            ("run", _) => (self.parsed.run.get_or_init(|| self.run()), rest),
            ("steps", [Segment::Key(step), rest @ ..]) => (self.step(step), rest),
            (root, _) => (self.event_part(root)?, rest),
        };
        for segment in rest {
            value = match segment {
                Segment::Key(key) => value.as_object()?.get(key)?,
                Segment::Index(index) => value.as_array()?.get(*index)?,
            };
        }
        Some(value)
    }

    /// The value of a document; null, and remembered, if it is too long.
    fn parse(&self, document: &Document) -> Value {
        if document.len() > DOCUMENT_BYTES {
            self.too_long.get_or_init(|| document.len());
            return Value::Null;
        }
        document.to_value()
    }

    /// Why what was evaluated must not be used, if it read a document that is too long.
    pub(super) fn refusal(&self) -> Option<String> {
        self.too_long.get().map(|bytes| {
            format!(
                "a document of {bytes} bytes is too long for expressions, which read {DOCUMENT_BYTES}: \
                 cut it down in a step before, or let the step take it as its input"
            )
        })
    }

    fn event_part(&self, part: &str) -> Option<&Value> {
        match part {
            "body" => Some(self.parsed.body.get_or_init(|| self.parse(self.accepted))),
            "headers" => Some(self.parsed.headers.get_or_init(|| texts(&self.event.headers))),
            "query" => Some(self.parsed.query.get_or_init(|| texts(&self.event.query))),
            // What a `for-each` step gives to the runs of its items.
            "item" => Some(self.parsed.body.get_or_init(|| self.parse(self.accepted))),
            "index" => match &self.event.trigger {
                Trigger::Call { index, .. } => Some(self.parsed.index.get_or_init(|| Value::from(*index))),
                Trigger::Webhook { .. }
                | Trigger::Schedule { .. }
                | Trigger::Manual
                | Trigger::Event { .. }
                | Trigger::Run { .. } => None,
            },
            "trigger" => Some(self.parsed.trigger.get_or_init(|| trigger(&self.event.trigger))),
            _ => None,
        }
    }

    fn whole_event(&self) -> &Value {
        self.parsed.event.get_or_init(|| {
            let parts = ["body", "headers", "query", "trigger"];
            let members =
                parts.into_iter().filter_map(|part| Some((part.into(), self.event_part(part)?.clone())));
            Value::Object(members.collect())
        })
    }

    /// `{output: …}`, or nothing in it if the step was passed over.
    fn step(&self, id: &str) -> &Value {
        match self.steps.get(id) {
            Some(output) => output.value.get_or_init(|| json!({ "output": self.parse(output.document) })),
            None => &self.passed_over,
        }
    }

    fn run(&self) -> Value {
        let at = i64::try_from(self.accepted_ms).ok().and_then(DateTime::from_timestamp_millis);
        json!({
            "id": self.run.to_string(),
            "workflow": self.workflow,
            "accepted_at": at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            "accepted_ms": self.accepted_ms,
        })
    }
}

/// CEL asks for the longest name first: for `body.a.b`, then `body.a`, then `body`. So only what is at the
/// end of a path is ever converted.
impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(path) = variable.strip_prefix(HAS) {
            let (owner, member) = path.rsplit_once('.')?;
            let has = self.lookup(&keys(owner))?.as_object()?.contains_key(member);
            return Some(CowVal::owned(CelBool::from(has)));
        }
        self.lookup(&keys(variable)).map(|found| CowVal::Owned(value::to_cel(found)))
    }
}

fn keys(name: &str) -> Vec<Segment> {
    name.split('.').map(|key| Segment::Key(key.to_owned())).collect()
}

fn texts(texts: &BTreeMap<String, String>) -> Value {
    texts.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

fn trigger(trigger: &Trigger) -> Value {
    match trigger {
        Trigger::Webhook { path } => json!({ "kind": "webhook", "path": path }),
        Trigger::Schedule { fire_ms } => json!({ "kind": "schedule", "fire_ms": fire_ms }),
        Trigger::Manual => json!({ "kind": "manual" }),
        Trigger::Event { name } => json!({ "kind": "event", "name": name }),
        Trigger::Call { run, step, index } => {
            json!({ "kind": "call", "run": run, "step": step, "index": index })
        }
        Trigger::Run { run, workflow, phase } => {
            json!({ "kind": "run", "run": run, "workflow": workflow, "phase": phase })
        }
    }
}
