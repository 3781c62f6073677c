//! Why a request is not accepted: a status, a stable code and a sentence for the sender.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No webhook has this path.
    NotFound,
    /// Neither a POST nor a question that the webhook answers; the methods of those.
    Method(&'static [&'static str]),
    /// The signature is missing, wrong, or out of its time. The sender is not told which.
    Signature,
    /// The key that the signature is made with cannot be fetched now.
    KeyUnavailable,
    /// A provider's question that is not answered. The caller is not told why.
    Handshake,
    /// The body is longer than the webhook allows, in bytes.
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The body took too long.
    Timeout,
    /// The body broke off.
    Interrupted,
    /// The body is said to be JSON and is not.
    Json {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
    },
    /// The body is compressed.
    Encoding,
    /// The dedupe expression gives no usable key for this event.
    DedupeKey(String),
    /// The lane, the group or the event's key cannot be told from this event.
    Key(String),
    /// Too many requests at once.
    Busy,
    /// The journal has reached a configured limit.
    JournalFull,
    /// The journal could not be written.
    JournalUnavailable,
    /// The service is shutting down.
    Draining,
}

impl Refusal {
    /// The stable code, as in the README's table and the metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "no-such-webhook",
            Self::Method(_) => "method-not-allowed",
            Self::Signature => "signature-refused",
            Self::KeyUnavailable => "key-unavailable",
            Self::Handshake => "handshake-refused",
            Self::TooLarge { .. } => "body-too-large",
            Self::Timeout => "body-timeout",
            Self::Interrupted => "body-interrupted",
            Self::Json { .. } => "malformed-json",
            Self::Encoding => "unsupported-encoding",
            Self::DedupeKey(_) => "no-dedupe-key",
            Self::Key(_) => "no-key",
            Self::Busy => "too-many-requests",
            Self::JournalFull => "journal-full",
            Self::JournalUnavailable => "journal-unavailable",
            Self::Draining => "draining",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Signature => StatusCode::UNAUTHORIZED,
            Self::Handshake => StatusCode::FORBIDDEN,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Interrupted | Self::Json { .. } => StatusCode::BAD_REQUEST,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::DedupeKey(_) | Self::Key(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::KeyUnavailable | Self::JournalFull | Self::JournalUnavailable | Self::Draining => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NotFound => "no webhook has this path".into(),
            Self::Method(_) => "a webhook takes POST".into(),
            Self::Signature => "the request could not be verified".into(),
            Self::KeyUnavailable => "the request could not be verified now: send it again later".into(),
            Self::Handshake => "the handshake is not answered".into(),
            Self::TooLarge { limit } => format!("the body is larger than {limit} bytes"),
            Self::Timeout => "the body took too long to arrive".into(),
            Self::Interrupted => "the body broke off".into(),
            Self::Json { line, column } => {
                format!("the body is not well-formed JSON at line {line}, column {column}")
            }
            Self::Encoding => "compressed bodies are not accepted: send it without content-encoding".into(),
            Self::DedupeKey(why) => format!("this event has no dedupe key: {why}"),
            Self::Key(why) => format!("this event has no key: {why}"),
            Self::Busy => "too many requests at once: send it again".into(),
            Self::JournalFull => "the journal is full: send it again later".into(),
            Self::JournalUnavailable => "the event could not be stored: send it again later".into(),
            Self::Draining => "the service is shutting down: send it again".into(),
        }
    }

    /// Seconds after which another try makes sense.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Busy | Self::Draining => Some(1),
            Self::JournalFull => Some(30),
            Self::JournalUnavailable => Some(5),
            Self::KeyUnavailable => Some(60),
            Self::NotFound
            | Self::Method(_)
            | Self::Signature
            | Self::Handshake
            | Self::TooLarge { .. }
            | Self::Timeout
            | Self::Interrupted
            | Self::Json { .. }
            | Self::Encoding
            | Self::DedupeKey(_)
            | Self::Key(_) => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code(), "message": self.message() } });
        let mut response = (self.status(), Json(body)).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::Method(others) = &self {
            let allow = std::iter::once("POST").chain(others.iter().copied()).collect::<Vec<_>>().join(", ");
            let allow = HeaderValue::try_from(allow).unwrap_or(HeaderValue::from_static("POST"));
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}
