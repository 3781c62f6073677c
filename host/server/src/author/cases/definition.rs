//! A case file as plain data. What its types cannot say is checked in `check.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use stepmill_core::duration;
use stepmill_core::grant::Allow;
use stepmill_core::limits::Overrides;

use super::headers::Headers;

/// A case: one attempt of a step, what surrounds it, and what is expected of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "*.case.yaml", rename = "Case")]
pub(crate) struct Definition {
    /// What the case is about, in a sentence.
    #[serde(default)]
    pub summary: Option<String>,
    /// The step's config, as a workflow's `with` gives it, without expressions. Files that it names are relative to
    /// the case file's folder.
    #[serde(default)]
    pub config: IndexMap<String, Value>,
    /// The input: any JSON. Without it and `document` the input is null.
    #[serde(default, deserialize_with = "present")]
    pub input: Option<Value>,
    /// The input, where it is not JSON.
    #[serde(default)]
    pub document: Option<DocumentDefinition>,
    /// Which attempt of which step this is.
    #[serde(default)]
    pub attempt: AttemptDefinition,
    /// What the attempt may use up, where that is not what an attempt may by default.
    #[serde(default)]
    pub limits: Overrides,
    /// The system that the step's paths go to.
    #[serde(default)]
    pub system: Option<SystemDefinition>,
    /// What the step may reach besides its system and the URLs of `http`, as in a workflow.
    #[serde(default)]
    pub allow: Vec<Allow>,
    /// The exchanges that are expected, in order: a list, or the path of a cassette, a file with that list.
    #[serde(default)]
    pub http: Exchanges,
    /// Plugin storage.
    #[serde(default)]
    pub storage: Option<StorageDefinition>,
    /// What may go wrong, and what is expected then. The case is run once more for each.
    #[serde(default)]
    pub faults: Vec<FaultDefinition>,
    /// What is expected.
    pub expect: ExpectDefinition,
}

/// A document that is not JSON: one of `text`, `base64` and `file`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Document")]
pub(crate) struct DocumentDefinition {
    /// The media type; `text/plain` of a `text` and `application/octet-stream` otherwise, unless given.
    pub media_type: Option<String>,
    /// The body as text.
    pub text: Option<String>,
    /// The body as base64 of its bytes.
    pub base64: Option<String>,
    /// A file that has the body, relative to the case file's folder.
    pub file: Option<PathBuf>,
}

/// Which attempt of which step it is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Attempt")]
pub(crate) struct AttemptDefinition {
    /// Its number, from 1; 1 unless given.
    pub number: Option<u32>,
    /// What the step sends to systems that can recognise a repeated request; made of run and step unless given.
    pub idempotency_key: Option<String>,
    /// The workflow's name; `case` unless given.
    pub workflow: Option<String>,
    /// The run's id, as `run_` and 32 hexadecimal digits.
    pub run: Option<String>,
    /// The step's id; `step` unless given.
    pub step: Option<String>,
    /// When the event was accepted, in milliseconds since the Unix epoch; the begin of 2026 unless given. It is the
    /// time of the attempt too.
    pub accepted_at_ms: Option<u64>,
    /// How long the attempt may take, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// The system.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CaseSystem")]
pub(crate) struct SystemDefinition {
    /// Its base URL, which nothing is sent to; `http://system.test` unless given.
    pub url: String,
}

/// The exchanges that are expected.
#[derive(Clone, Debug)]
pub(crate) enum Exchanges {
    /// These.
    Listed(Vec<ExchangeDefinition>),
    /// Those of a file.
    Cassette(PathBuf),
}

impl Default for Exchanges {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Exchanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExchangesVisitor)
    }
}

struct ExchangesVisitor;

impl<'de> Visitor<'de> for ExchangesVisitor {
    type Value = Exchanges;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of exchanges, or the path of a cassette")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<Exchanges, E> {
        Ok(Exchanges::Cassette(path.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Exchanges, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Exchanges::Listed)
    }
}

impl JsonSchema for Exchanges {
    fn schema_name() -> Cow<'static, str> {
        "Exchanges".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let exchange = generator.subschema_for::<ExchangeDefinition>();
        json_schema!({ "anyOf": [{ "type": "array", "items": exchange }, { "type": "string" }] })
    }
}

/// A cassette: the exchanges of a case, in a file of their own.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Cassette(pub Vec<ExchangeDefinition>);

/// A request that is expected, and what is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Exchange")]
pub(crate) struct ExchangeDefinition {
    /// The request; what is left out is not compared.
    pub request: RequestDefinition,
    /// What is answered.
    pub response: ResponseDefinition,
}

/// A request that is expected. What is left out is not compared; at most one of `json`, `text` and `base64` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Request")]
pub(crate) struct RequestDefinition {
    /// Its method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Its path and query at the step's system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its absolute URL, in place of `path`. The step may reach what lies at the same host and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Headers that it has, among others.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
    /// Its body, as JSON.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Its body, as text; an empty text is no body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its body, as base64 of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// What is answered: a response with at most one of `json`, `text` and `base64`, or an `error` alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Response")]
pub(crate) struct ResponseDefinition {
    /// Its status; 200 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Its headers. `content-type` is what the body is unless given.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
    /// Its body, as JSON.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Its body, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its body, as base64 of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Why there is no response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Trouble>,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Trouble {
    /// It took too long.
    Timeout,
    /// There was no connection.
    Connect,
    /// The connection broke after the request was begun.
    Interrupted,
    /// The same, by the system's doing.
    Reset,
    /// The name could not be resolved.
    Dns,
    /// The step's grant does not cover it.
    Denied,
}

/// Plugin storage before and after. A value is plain JSON, or a mapping with one of the keys `json`, `text`, `base64`
/// and `counter` alone.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Storage")]
pub(crate) struct StorageDefinition {
    /// What the attempt finds.
    pub before: BTreeMap<String, Value>,
    /// The whole content once the attempt is committed; not compared if it is left out.
    pub after: Option<BTreeMap<String, Value>>,
}

/// Something that goes wrong: an `exchange` with what takes the place of its answer, or a `crash`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub(crate) struct FaultDefinition {
    /// Which exchange goes wrong, from 1. Its request is answered so once; the same request again gets the exchange's
    /// own answer.
    pub exchange: Option<usize>,
    /// The status that is answered.
    pub status: Option<u16>,
    /// The headers that are answered.
    pub headers: Headers,
    /// The body that is answered, as JSON.
    #[serde(deserialize_with = "present")]
    pub json: Option<Value>,
    /// The body that is answered, as text.
    pub text: Option<String>,
    /// The body that is answered, as base64 of its bytes.
    pub base64: Option<String>,
    /// Why there is no response.
    pub error: Option<Trouble>,
    /// How long the exchange's own answer takes.
    #[serde(with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub slow: Option<Duration>,
    /// The host crashes: the attempt is made again, with the same idempotency key, a minute later.
    pub crash: Option<CrashDefinition>,
    /// What is expected then; what the case expects unless given.
    pub expect: Option<ExpectDefinition>,
}

/// When the host crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Crash")]
pub(crate) enum CrashDefinition {
    /// After the attempt and before its commit: what it sent is sent, what it wrote is lost.
    BeforeCommit,
}

/// What is expected: exactly one of `output`, `text`, `base64`, `violations`, `reject`, `retry` and `fault`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Expect")]
pub(crate) struct ExpectDefinition {
    /// The output, as JSON.
    #[serde(deserialize_with = "present")]
    pub output: Option<Value>,
    /// The output, as text, byte by byte.
    pub text: Option<String>,
    /// The output, as base64 of its bytes.
    pub base64: Option<String>,
    /// The output's media type; not compared unless given.
    pub media_type: Option<String>,
    /// What a validate step finds, in any order; an empty list if the document is valid.
    pub violations: Option<Vec<ViolationDefinition>>,
    /// The step rejects its input, or its config.
    pub reject: Option<RejectDefinition>,
    /// The step asks for a retry.
    pub retry: Option<RetryDefinition>,
    /// The step faults: `trap`, `stack-overflow`, `memory-limit`, `cpu-deadline`, `wall-deadline`, `output-limit` or
    /// `bad-answer`.
    pub fault: Option<String>,
    /// Texts of which each is part of a line that the step logs.
    pub logs: Vec<String>,
}

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Violation")]
pub(crate) struct ViolationDefinition {
    /// JSON pointer into the input.
    pub pointer: String,
    /// Name of the broken rule.
    pub rule: String,
    /// A part of the message.
    #[serde(default)]
    pub message: Option<String>,
}

/// A rejection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Reject")]
pub(crate) struct RejectDefinition {
    /// Its code.
    pub code: String,
    /// A part of the message.
    #[serde(default)]
    pub message: Option<String>,
}

/// A retry.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Retry")]
pub(crate) struct RetryDefinition {
    /// The delay that is asked for; not compared unless given.
    #[serde(with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub after: Option<Duration>,
    /// A part of the message.
    pub message: Option<String>,
}

/// A value that is there, even as null: serde takes null for a missing one.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}
