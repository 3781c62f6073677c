//! What a sender is answered.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use stepmill_core::RunId;
use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::document::{self, Body, Document};
use stepmill_core::journal::{Outcome, Published};
use stepmill_core::workflow::AnswerPlan;

use crate::answers::Answer;

/// Header with the id of the run, where the body is a step's.
const RUN: &str = "stepmill-run";

/// What became of an event.
pub(super) enum Answered {
    /// It is on disk.
    Accepted(Outcome),
    /// It is on disk, and its source holds it.
    Held(Outcome),
    /// It is on disk, for runs that wait for it.
    Published(RunId, Published),
    /// Its records are on disk, each a run of its own.
    Split {
        /// What became of each, in their order.
        outcomes: Vec<Outcome>,
        /// Whether their source holds those that are new.
        held: bool,
    },
    /// It is on disk, and config says what its sender is told.
    Configured(Configured),
    /// A step has answered it.
    Output(RunId, Arc<Document>),
    /// A step has found its payload wanting.
    Rejected(RunId, Failure),
    /// It was no event but a provider's question.
    Asked(Response),
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        match self {
            Self::Accepted(Outcome::New(run)) => accepted(format!(r#"{{"run":"{run}"}}"#)),
            Self::Accepted(Outcome::Duplicate(run)) => {
                accepted(format!(r#"{{"run":"{run}","duplicate":true}}"#))
            }
            Self::Accepted(Outcome::Gathered(run)) => {
                accepted(format!(r#"{{"run":"{run}","gathered":true}}"#))
            }
            Self::Held(Outcome::New(run)) => accepted(format!(r#"{{"run":"{run}","held":true}}"#)),
            Self::Held(outcome) => Self::Accepted(outcome).into_response(),
            Self::Split { outcomes, held } => {
                let is_duplicate = |outcome: &&Outcome| matches!(outcome, Outcome::Duplicate(_));
                let duplicates = outcomes.iter().filter(is_duplicate).count();
                let runs: Vec<RunId> = outcomes.into_iter().map(Outcome::run).collect();
                let mut answer = json!({ "runs": runs, "duplicates": duplicates });
                if let (true, Some(members)) = (held, answer.as_object_mut()) {
                    members.insert("held".into(), true.into());
                }
                accepted(answer.to_string())
            }
            Self::Published(event, Published::New(woken)) => {
                accepted(json!({ "event": event, "woken": woken }).to_string())
            }
            Self::Published(_, Published::Duplicate(event)) => {
                accepted(json!({ "event": event, "duplicate": true }).to_string())
            }
            Self::Configured(answer) => answer.into_response(),
            Self::Output(run, document) => output(run, &document),
            Self::Rejected(run, failure) => rejected(run, &failure),
            Self::Asked(answer) => answer,
        }
    }
}

impl Answered {
    /// What the sender is told of an answer that it has waited for; none if that is the usual.
    pub(super) fn told(run: RunId, answer: Answer) -> Option<Self> {
        match answer {
            Answer::Output(document) => Some(Self::Output(run, document)),
            Answer::Failed(failure) if is_told(&failure) => Some(Self::Rejected(run, failure)),
            Answer::Failed(_) | Answer::Nothing => None,
        }
    }
}

/// An answer that config gives.
pub(super) struct Configured {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Configured {
    /// With its body.
    pub(super) fn new(answer: &AnswerPlan, body: String) -> Self {
        Self { status: answer.status, headers: answer.headers.clone(), body }
    }
}

impl IntoResponse for Configured {
    fn into_response(self) -> Response {
        // The plan is checked, so that all of them are good.
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::ACCEPTED);
        let headers = self.headers.iter().filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        });
        (status, HeaderMap::from_iter(headers), self.body).into_response()
    }
}

fn accepted(body: String) -> Response {
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, document::JSON)], body).into_response()
}

fn output(run: RunId, document: &Document) -> Response {
    let body = match &document.body {
        Body::Text(text) => text.clone().into_bytes(),
        Body::Binary(bytes) => bytes.clone(),
    };
    // What a guest calls a media type need not be one.
    let media_type = HeaderValue::from_str(&document.media_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let headers = [(header::CONTENT_TYPE, media_type)];
    let mut response = (StatusCode::OK, headers, body).into_response();
    if let Ok(run) = HeaderValue::from_str(&run.to_string()) {
        response.headers_mut().insert(RUN, run);
    }
    response
}

fn rejected(run: RunId, failure: &Failure) -> Response {
    let error = json!({
        "code": "run-rejected",
        "message": failure.message,
        "violations": failure.violations,
    });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "run": run, "error": error }))).into_response()
}

/// Whether the sender can mend it, and is told: that a step found its payload wanting. Anything else is the operator's,
/// who has the run as a dead letter.
fn is_told(failure: &Failure) -> bool {
    match failure.cause {
        Cause::Rejected | Cause::Invalid => true,
        Cause::Expression
        | Cause::TimedOut
        | Cause::Declined
        | Cause::Child
        | Cause::RetryAsked
        | Cause::Trap
        | Cause::StackOverflow
        | Cause::MemoryLimit
        | Cause::CpuDeadline
        | Cause::WallDeadline
        | Cause::OutputLimit
        | Cause::BadAnswer
        | Cause::StorageConflict
        | Cause::Host => false,
    }
}
