//! Errors of the admin API: a status, a stable code, a sentence.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use stepmill_core::RunId;
use stepmill_core::journal::{BackupError, JournalError};
use stepmill_core::workflow::NoKey;

use crate::backtest::Refused;
use crate::catalog::NoPlugin;
use crate::diagnostic::Diagnostics;
use crate::reload::ReloadError;

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("there is no such page: see the README for the admin API")]
    NoSuchPage,
    #[error("the admin API wants `Authorization: Bearer` with the token of server.admin_token")]
    Unauthorized,
    #[error("there is no workflow {0:?}")]
    NoSuchWorkflow(String),
    #[error(
        "there is not one version of workflow {workflow:?} whose id begins with {id:?}: see `stepmill versions`"
    )]
    NoSuchVersion { workflow: String, id: String },
    #[error(transparent)]
    NoSuchPlugin(#[from] NoPlugin),
    #[error("there is no event {0:?}")]
    NoSuchEvent(String),
    #[error("there is no workflow {0:?} with a schedule")]
    NoSuchSchedule(String),
    #[error("there is no source {0:?} that begins runs: `stepmill sources list` shows those there are")]
    NoSuchSource(String),
    #[error(transparent)]
    Backtest(Refused),
    #[error("the component is refused: {0}")]
    Component(String),
    #[error(transparent)]
    NoKey(#[from] NoKey),
    #[error("{0:?} is no run id (expected run_ and 32 hexadecimal digits)")]
    InvalidRunId(String),
    #[error("there is no run {0}")]
    NoSuchRun(RunId),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("{0}")]
    Illegal(String),
    #[error("{0} has ended")]
    Ended(RunId),
    #[error("the run is being worked on or has just changed: look again")]
    Changed,
    #[error("what is on disk has errors, so that all is as it was")]
    Config(Diagnostics),
    #[error("{0}: all is as it was")]
    Egress(String),
    #[error("the service is shutting down")]
    Stopping,
    #[error(transparent)]
    Backup(BackupError),
    #[error("the journal could not be used")]
    Journal(#[source] JournalError),
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::NoSuchRun(run) => Self::NoSuchRun(run),
            JournalError::Fenced { .. } | JournalError::Overtaken { .. } => Self::Changed,
            JournalError::Ended { run } => Self::Ended(run),
            JournalError::Illegal { reason, .. } => Self::Illegal(reason),
            JournalError::StorageConflict { .. }
            | JournalError::Io { .. }
            | JournalError::Damaged { .. }
            | JournalError::Closed => Self::Journal(error),
        }
    }
}

impl From<ReloadError> for Error {
    fn from(error: ReloadError) -> Self {
        match error {
            ReloadError::Config(found) => Self::Config(found),
            ReloadError::Egress(error) => Self::Egress(error.to_string()),
            ReloadError::Journal(error) => error.into(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "no-such-page"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NoSuchWorkflow(_) => (StatusCode::NOT_FOUND, "no-such-workflow"),
            Self::NoSuchVersion { .. } => (StatusCode::NOT_FOUND, "no-such-version"),
            Self::NoSuchPlugin(_) => (StatusCode::NOT_FOUND, "no-such-plugin"),
            Self::NoSuchEvent(_) => (StatusCode::NOT_FOUND, "no-such-event"),
            Self::NoSuchSchedule(_) => (StatusCode::NOT_FOUND, "no-such-schedule"),
            Self::NoSuchSource(_) => (StatusCode::NOT_FOUND, "no-such-source"),
            Self::Backtest(Refused::NoWorkflow(_)) => (StatusCode::NOT_FOUND, "no-such-workflow"),
            Self::Backtest(Refused::NoStep { .. }) => (StatusCode::NOT_FOUND, "no-such-step"),
            Self::Backtest(Refused::Kind { .. }) => (StatusCode::UNPROCESSABLE_ENTITY, "wrong-kind"),
            Self::Component(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-component"),
            Self::NoKey(_) => (StatusCode::UNPROCESSABLE_ENTITY, "no-key"),
            Self::Ended(_) => (StatusCode::CONFLICT, "run-ended"),
            Self::InvalidRunId(_) => (StatusCode::BAD_REQUEST, "invalid-run-id"),
            Self::NoSuchRun(_) => (StatusCode::NOT_FOUND, "no-such-run"),
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid-request"),
            Self::Illegal(_) => (StatusCode::CONFLICT, "illegal-transition"),
            Self::Config(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-config"),
            Self::Egress(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-systems"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Self::Changed => (StatusCode::CONFLICT, "run-changed"),
            Self::Backup(BackupError::UnderWay) => (StatusCode::CONFLICT, "backup-under-way"),
            Self::Backup(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "a backup failed");
                (StatusCode::SERVICE_UNAVAILABLE, "backup-failed")
            }
            Self::Backtest(Refused::Journal(error)) | Self::Journal(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "the admin API met a journal error");
                (StatusCode::SERVICE_UNAVAILABLE, "journal-unavailable")
            }
        };
        let mut error = json!({ "code": code, "message": self.to_string() });
        if let (Self::Config(found), Some(members)) = (&self, error.as_object_mut()) {
            members.insert("diagnostics".into(), json!(found));
        }
        let body = json!({ "error": error });
        (status, Json(body)).into_response()
    }
}
