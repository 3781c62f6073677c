//! The seam to the sandbox: make one attempt.

use std::sync::Arc;

use async_trait::async_trait;

use crate::attempt::{Failure, Record};
use crate::document::Document;
use crate::grant::Grant;
use crate::id::RunId;
use crate::limits::Limits;
use crate::storage::StorageWrite;

/// Everything that one attempt is given.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// SHA-256 of the component, in hexadecimal: which loaded plugin is meant.
    pub digest: Arc<str>,
    /// Name of the plugin, for records and messages.
    pub plugin: Arc<str>,
    /// Name of the workflow.
    pub workflow: Arc<str>,
    /// The run.
    pub run: RunId,
    /// Id of the step.
    pub step: Arc<str>,
    /// Number of the attempt, from 1.
    pub number: u32,
    /// What is sent to systems that can recognise a repeated request (see [`crate::run::State::idempotency_key`]).
    pub idempotency_key: String,
    /// When the run's event was accepted, in milliseconds since the Unix epoch.
    pub accepted_at_ms: u64,
    /// What the step is fed.
    pub input: Arc<Document>,
    /// The evaluated `with:` as JSON text.
    pub config: Arc<str>,
    /// Limits.
    pub limits: Limits,
    /// What it may reach.
    pub grant: Arc<Grant>,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct Report {
    /// The output (of a validate step: its input), or why there is none.
    pub outcome: Result<Arc<Document>, Failure>,
    /// What is kept for the operator. `record.failure` is the outcome's failure.
    pub record: Record,
    /// Storage writes, to be committed with the outcome. Empty if the attempt failed.
    pub writes: Vec<StorageWrite>,
}

/// Makes attempts. Never panics and never errs: whatever goes wrong is a [`Failure`] in the report.
#[async_trait]
pub trait Invoke: Send + Sync {
    /// Makes one attempt in a fresh instance. Dropping the future ends the attempt.
    async fn invoke(&self, attempt: Attempt) -> Report;
}
