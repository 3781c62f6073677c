//! A case file of a plugin that verifies, as plain data.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use stepmill_core::limits::Overrides;
use stepmill_core::signature::Encoding;

use crate::author::cases::headers::Headers;

/// A case of a plugin that verifies: a request to a webhook, what the plugin may ask, and what is expected of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "*.case.yaml", rename = "VerifyCase")]
pub(crate) struct Definition {
    /// What the case is about, in a sentence.
    #[serde(default)]
    pub summary: Option<String>,
    /// The plugin's config, as a webhook's `verify` gives it under `with`. Files that it names are relative to the case file's
    /// folder.
    #[serde(default)]
    pub config: IndexMap<String, Value>,
    /// The keys that it may ask for, with their values: of no other use than in cases.
    #[serde(default)]
    pub keys: IndexMap<String, KeyDefinition>,
    /// What the plugin may use up, where that is not what it may by default.
    #[serde(default)]
    pub limits: Overrides,
    /// The request.
    pub request: RequestDefinition,
    /// What is expected.
    pub expect: ExpectDefinition,
}

/// A key, with its value in the case itself: a `secret`, or a `public_key`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CaseKey")]
pub(crate) struct KeyDefinition {
    /// The secret itself.
    pub secret: Option<String>,
    /// The public key itself.
    pub public_key: Option<String>,
    /// Another of the same kind that is accepted besides.
    pub previous: Option<String>,
    /// How the secret's bytes are written; as they are unless given.
    pub encoding: Option<Encoding>,
}

/// A request, with at most one of `text`, `base64` and `file`: signatures are of bytes, so there is no body as JSON.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "VerifyRequest")]
pub(crate) struct RequestDefinition {
    /// Its method; POST unless given.
    pub method: Option<String>,
    /// The URL that the sender called; `https://hooks.test/webhook` unless given.
    pub url: Option<String>,
    /// Its headers: a value, or a list of values for one that is repeated.
    pub headers: Headers,
    /// Its body, as text; empty unless given.
    pub text: Option<String>,
    /// Its body, as base64 of its bytes.
    pub base64: Option<String>,
    /// A file that has the body, relative to the case file's folder.
    pub file: Option<PathBuf>,
    /// When it was received, in milliseconds since the Unix epoch; the begin of 2026 unless given.
    pub received_at_ms: Option<u64>,
}

/// What is expected: exactly one of `verified`, `refused` and `fault`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "VerifyExpect")]
pub(crate) struct ExpectDefinition {
    /// The request is its sender's.
    pub verified: Option<VerifiedDefinition>,
    /// It is not believed.
    pub refused: Option<RefusedDefinition>,
    /// There is no verdict: `trap`, `stack-overflow`, `memory-limit`, `cpu-deadline` or `wall-deadline`.
    pub fault: Option<String>,
    /// Texts of which each is part of a line that the plugin logs.
    pub logs: Vec<String>,
}

/// A request that is believed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Verified")]
pub(crate) struct VerifiedDefinition {
    /// By what it is known when it is sent again; nothing unless given.
    pub dedupe_key: Option<String>,
}

/// A request that is not.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Refused")]
pub(crate) struct RefusedDefinition {
    /// The reason, such as `mismatch`.
    pub reason: String,
    /// A part of the message.
    #[serde(default)]
    pub message: Option<String>,
}
