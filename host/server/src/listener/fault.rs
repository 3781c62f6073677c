//! What is wrong with a connection or with a request's framing: said before there is a request that the service could
//! answer, by a whole response of its own, after which the connection closes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a request, or a connection, is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no HTTP, or of a form that two programs may read in two ways.
    #[error("{0}")]
    Malformed(&'static str),
    /// Its length is said twice, in two ways, or not as a number.
    #[error("{0}")]
    Length(&'static str),
    /// Its host is missing, said twice, or is not that of its target.
    #[error("{0}")]
    Host(&'static str),
    /// Its body has a transfer coding other than chunked.
    #[error("the only transfer coding is chunked")]
    Coding,
    /// It is of another version of HTTP.
    #[error("send it with HTTP/1.1 or HTTP/2")]
    Version,
    /// Its target is too long.
    #[error("the target is longer than {0} bytes")]
    Target(usize),
    /// Its headers are too many or too long.
    #[error("the headers are more than {count} or longer than {bytes} bytes")]
    Headers {
        /// How many there may be.
        count: usize,
        /// How long they may be together, with the first line.
        bytes: usize,
    },
    /// Its headers took too long.
    #[error("the headers took too long to arrive")]
    Slow,
    /// There are too many connections, and all of them are in use.
    #[error("too many connections: try again")]
    Full,
}

impl Fault {
    /// The stable code, as in the README's table and the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-request",
            Self::Length(_) => "ambiguous-length",
            Self::Host(_) => "ambiguous-host",
            Self::Coding => "unsupported-transfer-coding",
            Self::Version => "unsupported-version",
            Self::Target(_) => "target-too-long",
            Self::Headers { .. } => "headers-too-large",
            Self::Slow => "header-timeout",
            Self::Full => "too-many-connections",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Length(_) | Self::Host(_) => StatusCode::BAD_REQUEST,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Target(_) => StatusCode::URI_TOO_LONG,
            Self::Headers { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn body(self) -> Value {
        json!({ "error": { "code": self.code(), "message": self.to_string() } })
    }

    /// The whole response, as HTTP/1.1 has it.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let (status, body) = (self.status(), self.body().to_string());
        let retry = if self == Self::Full { "retry-after: 1\r\n" } else { "" };
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{retry}connection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// To a request of HTTP/2, whose connection goes on.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        if self == Self::Full {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
