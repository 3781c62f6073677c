//! Why the admin API did not do what it was asked for, and how it says so.

use std::{fmt, io};

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

/// Why the admin API did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no URL that can be called.
    #[error("{0:?} is no address of an admin API (expected one such as http://127.0.0.1:8081)")]
    Address(String),
    /// No client could be made.
    #[error("failed to prepare HTTP requests")]
    Prepare(#[source] reqwest::Error),
    /// TLS cannot be prepared.
    #[error("failed to prepare TLS")]
    Tls(#[source] rustls::Error),
    /// There was no answer.
    #[error(
        "failed to reach the admin API at {base}: is the service running? (another address: --admin URL or STEPMILL_ADMIN)"
    )]
    Unreachable {
        /// Base URL of the API.
        base: Url,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// What was asked for is not there.
    #[error("{message}")]
    NotFound {
        /// The API's sentence.
        message: String,
    },
    /// The token is missing or wrong.
    #[error("{message}: give it by --token or STEPMILL_ADMIN_TOKEN")]
    Unauthorized {
        /// The API's sentence.
        message: String,
    },
    /// What is on disk has errors.
    #[error("{message}\n{}", .problems.join("\n"))]
    Config {
        /// The API's sentence.
        message: String,
        /// What is wrong, a line each.
        problems: Vec<String>,
    },
    /// The API refused.
    #[error("{message} ({code})")]
    Refused {
        /// The stable code.
        code: String,
        /// The API's sentence.
        message: String,
    },
    /// The answer is not what this version understands.
    #[error("failed to read the answer of {url}: is it a Stepmill {} service?", env!("CARGO_PKG_VERSION"))]
    Answer {
        /// What was asked for.
        url: Url,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

impl ClientError {
    /// What an answer says that is no success.
    pub(super) fn refused(status: StatusCode, body: &[u8], url: &Url) -> Self {
        let error = serde_json::from_slice::<ErrorBody>(body).map(|body| body.error).unwrap_or_else(|_| {
            let message = format!("{url} answered {status}");
            ErrorText { code: status.as_u16().to_string(), message, diagnostics: Vec::new() }
        });
        match status {
            StatusCode::NOT_FOUND => Self::NotFound { message: error.message },
            StatusCode::UNAUTHORIZED => Self::Unauthorized { message: error.message },
            _ if !error.diagnostics.is_empty() => Self::Config {
                message: error.message,
                problems: error.diagnostics.iter().map(Problem::to_string).collect(),
            },
            _ => Self::Refused { code: error.code, message: error.message },
        }
    }
}

/// Why a backup was not written.
#[derive(Debug, thiserror::Error)]
pub enum BackUpError {
    /// The API did not give it, or broke off.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It could not be written.
    #[error("failed to write the backup")]
    Write(#[source] io::Error),
}

/// Errors are one object around two texts.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorText,
}

#[derive(Deserialize)]
struct ErrorText {
    code: String,
    message: String,
    #[serde(default)]
    diagnostics: Vec<Problem>,
}

/// What is wrong with a file.
#[derive(Deserialize)]
struct Problem {
    severity: String,
    file: String,
    line: Option<u64>,
    column: Option<u64>,
    message: String,
    help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}
