//! Why a request is not accepted: a status, a stable code and a sentence for the sender.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use stepmill_core::body;
use stepmill_core::journal::BATCH_BYTES;

/// Why a request is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No webhook has this path.
    NotFound,
    /// Neither a POST nor a question that the webhook answers; the methods of those.
    Method(&'static [&'static str]),
    /// The operator takes nothing at this path now.
    Blocked,
    /// The sender's address is none of those that may call the webhook.
    NotAllowed,
    /// The sender has made more requests than it may.
    RateLimited {
        /// Milliseconds until it may make the next.
        after_ms: u64,
    },
    /// The signature is missing, wrong, or out of its time. The sender is not told which.
    Signature,
    /// The key that the signature is made with cannot be fetched now.
    KeyUnavailable,
    /// The plugin that is to say whether it is the sender's gives no verdict.
    VerifierUnavailable,
    /// A provider's question that is not answered. The caller is not told why.
    Handshake,
    /// The body is longer than the webhook allows, in bytes.
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The body came too slowly.
    Timeout,
    /// The body broke off.
    Interrupted,
    /// The body is not what it says, or what the webhook takes.
    Body(body::Refused),
    /// What decodes bodies failed.
    Decoding,
    /// The records of the body come to more than is accepted at once.
    BatchTooLarge,
    /// The body's framing is wrong.
    Framing,
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
    /// The same, if it is a record of a body that is refused.
    pub(super) fn of_record(self, number: usize) -> Self {
        let told = |why: String| format!("in record {number}: {why}");
        match self {
            Self::DedupeKey(why) => Self::DedupeKey(told(why)),
            Self::Key(why) => Self::Key(told(why)),
            other => other,
        }
    }

    /// The stable code, as in the README's table and the metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "no-such-webhook",
            Self::Method(_) => "method-not-allowed",
            Self::Blocked => "source-blocked",
            Self::NotAllowed => "not-allowed",
            Self::RateLimited { .. } => "rate-limited",
            Self::Signature => "signature-refused",
            Self::KeyUnavailable => "key-unavailable",
            Self::VerifierUnavailable => "verifier-unavailable",
            Self::Handshake => "handshake-refused",
            Self::TooLarge { .. } => "body-too-large",
            Self::Timeout => "body-timeout",
            Self::Interrupted => "body-interrupted",
            Self::Body(refused) => refused.code(),
            Self::Decoding => "decoding-failed",
            Self::BatchTooLarge => "batch-too-large",
            Self::Framing => "malformed-request",
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
            Self::Blocked | Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::Signature => StatusCode::UNAUTHORIZED,
            Self::Handshake => StatusCode::FORBIDDEN,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Interrupted | Self::Framing => StatusCode::BAD_REQUEST,
            Self::Body(refused) => StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Decoding => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BatchTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::DedupeKey(_) | Self::Key(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::KeyUnavailable
            | Self::VerifierUnavailable
            | Self::JournalFull
            | Self::JournalUnavailable
            | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NotFound => "no webhook has this path".into(),
            Self::Method(_) => "a webhook takes POST".into(),
            Self::Blocked => "nothing is taken here now".into(),
            Self::NotAllowed => "the request is not allowed".into(),
            Self::RateLimited { .. } => "more requests than this sender may make: send it again later".into(),
            Self::Signature => "the request could not be verified".into(),
            Self::KeyUnavailable | Self::VerifierUnavailable => {
                "the request could not be verified now: send it again later".into()
            }
            Self::Handshake => "the handshake is not answered".into(),
            Self::TooLarge { limit } => format!("the body is larger than {limit} bytes"),
            Self::Timeout => "the body came too slowly".into(),
            Self::Interrupted => "the body broke off".into(),
            Self::Framing => "the body's chunks are malformed".into(),
            Self::Body(refused) => refused.to_string(),
            Self::Decoding => "the body could not be decoded".into(),
            Self::BatchTooLarge => {
                format!(
                    "the records of the body come to more than {BATCH_BYTES} bytes with what each is told of the request: send fewer at once"
                )
            }
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
            Self::RateLimited { after_ms } => Some(after_ms.div_ceil(1_000).max(1)),
            Self::JournalFull => Some(30),
            Self::JournalUnavailable => Some(5),
            Self::KeyUnavailable | Self::VerifierUnavailable => Some(60),
            Self::NotFound
            | Self::Method(_)
            | Self::Blocked
            | Self::NotAllowed
            | Self::Signature
            | Self::Handshake
            | Self::TooLarge { .. }
            | Self::Timeout
            | Self::Interrupted
            | Self::Body(_)
            | Self::Decoding
            | Self::BatchTooLarge
            | Self::Framing
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
