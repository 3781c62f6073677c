//! An accepted payload and where it came from.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::document::{Document, bytes};
use crate::id::RunId;
use crate::journal::PhaseName;

/// What started a run, with all that its steps may be told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What kind of thing it was.
    pub trigger: Trigger,
    /// Request headers with lower-case names; those that carry credentials are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Parameters of the request's query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// The payload.
    pub document: Document,
    /// What the payload was made of, if that is not the payload itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Arc<Raw>>,
}

/// Bytes as they came, kept beside the document that was made of them: for evidence, and to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raw {
    /// Media type that the sender gave.
    pub media_type: String,
    /// The content codings that the sender gave, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The bytes.
    #[serde(with = "bytes")]
    pub bytes: Vec<u8>,
}

/// What starts a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A POST to this path.
    Webhook {
        /// The path below the ingress listener.
        path: String,
    },
    /// A schedule's fire at this instant.
    Schedule {
        /// Instant of the fire, in milliseconds since the Unix epoch.
        fire_ms: u64,
    },
    /// A person, through the API or the command line.
    Manual,
    /// An event of this name, by the API or by its own webhook.
    Event {
        /// Name of the event.
        name: String,
    },
    /// A step of another run: the payload is what it is called with, or one of its items.
    Call {
        /// The run.
        run: RunId,
        /// Its step.
        step: String,
        /// Which item of the step it is, from 0.
        index: u32,
    },
    /// The end of another run.
    Run {
        /// The run.
        run: RunId,
        /// Its workflow.
        workflow: String,
        /// What became of it.
        phase: PhaseName,
    },
}
