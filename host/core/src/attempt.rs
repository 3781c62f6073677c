//! One try of one step: how it ended and what is kept of it.

mod cause;

use serde::{Deserialize, Serialize};

pub use cause::{Cause, Class};

/// Bytes of a message that are kept; the rest is cut.
pub const MESSAGE_BYTES: usize = 4 << 10;
/// Violations that are kept of one attempt.
pub const VIOLATIONS: usize = 1_000;

/// What is kept of an attempt: for the operator's eyes. Its failure and the last exchange's status and
/// system are inputs of decisions, nothing else is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Id of the step.
    pub step: String,
    /// Number of the attempt, from 1.
    pub number: u32,
    /// Name of the plugin.
    pub plugin: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Highest size of the guest's memories together, in bytes.
    pub memory_bytes: u64,
    /// How it failed; none if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// HTTP exchanges, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Exchange>,
    /// Log lines and captured standard output, in order, capped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogLine>,
}

impl Record {
    /// Status of the last recorded exchange; none if there was no exchange or the last one had no answer,
    /// whatever those before it had.
    pub fn last_status(&self) -> Option<u16> {
        self.exchanges.last()?.result.as_ref().ok().map(|response| response.status)
    }

    /// System of the last recorded exchange; none if there was no exchange or it went to no system.
    pub fn last_system(&self) -> Option<&str> {
        self.exchanges.last()?.system.as_deref()
    }
}

/// Why an attempt failed: a plain, capped record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The named cause.
    pub cause: Cause,
    /// A short stable name for grouping, chosen by the guest for a rejection, else the cause's.
    pub code: String,
    /// For a person; at most [`MESSAGE_BYTES`].
    pub message: String,
    /// Earliest time of the next attempt that the guest asked for, in milliseconds from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What is wrong with the document, if the cause is [`Cause::Invalid`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
}

impl Failure {
    /// A failure whose code is its cause's name.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            cause,
            code: cause.name().into(),
            message: capped(message.into(), MESSAGE_BYTES),
            retry_after_ms: None,
            violations: Vec::new(),
        }
    }
}

/// One way in which a document is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// RFC 6901 JSON pointer into the input.
    pub pointer: String,
    /// Name of the broken rule.
    pub rule: String,
    /// For a person.
    pub message: String,
}

/// One recorded HTTP request and what came of it. Credentials that the host added are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The system whose credentials were added, if any.
    pub system: Option<String>,
    /// Method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers that the guest gave.
    pub request_headers: Vec<(String, String)>,
    /// First bytes of the request's body, as text.
    pub request_body: String,
    /// Length of the request's body.
    pub request_bytes: u64,
    /// Why the request is not here as it was sent; see [`Exchange::request_lack`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_lack: Option<Lack>,
    /// The answer, or why there is none.
    pub result: Result<ExchangeResponse, String>,
    /// What kind of failure it is that there is no answer. Records of earlier releases do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<Unanswered>,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

impl Exchange {
    /// Why the request is not here as it was sent, but for what is secret; none if it is.
    pub fn request_lack(&self) -> Option<Lack> {
        self.request_lack.or_else(|| lack_by_length(&self.request_body, self.request_bytes))
    }
}

/// The recorded answer of an [`Exchange`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeResponse {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// First bytes of the body, as text.
    pub body: String,
    /// Length of the body.
    pub body_bytes: u64,
    /// Why the answer is not here as it came; see [`ExchangeResponse::lack`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lack: Option<Lack>,
}

impl ExchangeResponse {
    /// Why the answer is not here as it came, but for what is secret; none if it is.
    pub fn lack(&self) -> Option<Lack> {
        self.lack.or_else(|| lack_by_length(&self.body, self.body_bytes))
    }
}

/// What records of earlier releases tell of themselves.
fn lack_by_length(body: &str, bytes: u64) -> Option<Lack> {
    (u64::try_from(body.len()) != Ok(bytes)).then_some(Lack::Cut)
}

/// Why a recorded request or answer is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// The body is longer than what is kept of one: the limit `exchange_bytes`.
    Cut,
    /// The body is not UTF-8, so that it was not kept byte for byte.
    NotText,
    /// There are more or longer headers than are kept, or a longer URL.
    Headers,
    /// The attempt's record had no room left.
    NoRoom,
}

/// Why an exchange has no answer: the cases of `http-error` in WIT, which say more about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it, and WIT more")]
pub enum Unanswered {
    Denied,
    InvalidRequest,
    Dns,
    Connect,
    Timeout,
    Interrupted,
    ResponseTooLarge,
    RequestTooLarge,
    TooManyRequests,
    Other,
    /// The attempt ended before the exchange did.
    Unfinished,
}

/// One line that a guest logged or printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// Named values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// Level of a [`LogLine`]; standard output is `info`, standard error is `warn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    /// The level as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// `text` cut to at most `limit` bytes at a character's border.
pub fn capped(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = text.floor_char_boundary(limit);
        text.truncate(end);
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
