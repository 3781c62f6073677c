//! Cases of plugins that verify: each is a request to a webhook, the keys that it may ask for, and what is expected.
//!
//! `definition.rs` is the file as it is written, and `check.rs` makes a [`Case`] of it, with config and keys checked as a
//! webhook's are.

mod check;
mod definition;

use std::path::Path;
use std::sync::Arc;

use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::limits::Limits;
use stepmill_core::signature::{Keyring, Refusal, Request, Verified};
use stepmill_core::workflow::VerifyPlan;
use stepmill_sandbox::{Judged, Loaded, Preparation, Refused, Sandbox, Verification};

use super::finding::Finding;
use super::judge;
use crate::author::difference::excerpt;
use crate::diagnostic::Diagnostics;

pub(crate) use definition::Definition;

/// A case.
pub(super) struct Case {
    /// The file's name without its ending.
    pub(super) name: String,
    /// What it is about, in a sentence.
    pub(super) summary: Option<String>,
    plan: VerifyPlan,
    keyring: Arc<Keyring>,
    limits: Limits,
    sent: Sent,
    end: End,
    logs: Vec<String>,
}

/// A request.
struct Sent {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    received_at_ms: u64,
}

/// What the plugin is expected to answer.
enum End {
    /// That the request is its sender's, and by what it is known.
    Verified(Option<String>),
    /// That it is not, why, and a part of the message.
    Refused { reason: Refusal, message: Option<String> },
    /// Nothing.
    Fault(Cause),
}

/// Reads the cases; all that is wrong with any of them is the error.
///
/// # Errors
/// Something is.
pub(super) fn read<'f>(
    loaded: &Loaded,
    files: impl Iterator<Item = (&'f str, &'f Path)>,
) -> Result<Vec<Case>, Diagnostics> {
    let mut found = Diagnostics::default();
    let mut cases = Vec::new();
    for (name, file) in files {
        match check::read(loaded, name, file) {
            Ok(case) => cases.push(case),
            Err(problems) => found.extend(problems),
        }
    }
    found.or(cases).map(|(cases, _)| cases)
}

impl Case {
    /// Everything that is not as expected.
    pub(super) async fn play(&self, sandbox: &Sandbox) -> Vec<Finding> {
        let VerifyPlan { plugin, digest, config, .. } = &self.plan;
        if let Preparation::Rejected { code, message } = sandbox.try_config(digest, config).await {
            return vec![Finding::new(
                "config",
                vec![format!("the plugin refuses the config, as {code}: {message}")],
            )];
        }
        let Sent { method, url, headers, body, received_at_ms } = &self.sent;
        let request = Request { method, url, headers, body, client_certificate: None };
        let asked = Verification {
            digest,
            plugin,
            webhook: &self.name,
            config,
            limits: self.limits,
            keyring: Arc::clone(&self.keyring),
            request: &request,
            received_at_ms: *received_at_ms,
        };
        let Judged { outcome, logs, .. } = sandbox.judge(&asked).await;
        judge::with_logs(self.end.compare(&outcome), &self.logs, &logs)
    }
}

impl End {
    fn compare(&self, outcome: &Result<Result<Verified, Refused>, Failure>) -> Vec<Finding> {
        let lines = match (self, outcome) {
            (Self::Verified(key), Ok(Ok(verified))) if *key == verified.id => Vec::new(),
            (Self::Refused { reason, message }, Ok(Err(refused))) if *reason == refused.reason => {
                judge::part("message", message.as_deref(), &refused.message).into_iter().collect()
            }
            (Self::Fault(cause), Err(failure)) if *cause == failure.cause => Vec::new(),
            (expected, _) => vec![format!("expected {}, got {}", expected.told(), told(outcome))],
        };
        Finding::of_lines("verdict", lines).into_iter().collect()
    }

    fn told(&self) -> String {
        match self {
            Self::Verified(key) => verified(key.as_deref()),
            Self::Refused { reason, .. } => format!("a refusal for {}", reason.name()),
            Self::Fault(cause) => format!("the fault {}", cause.name()),
        }
    }
}

fn told(outcome: &Result<Result<Verified, Refused>, Failure>) -> String {
    match outcome {
        Ok(Ok(Verified { id })) => verified(id.as_deref()),
        Ok(Err(Refused { reason, message })) => {
            format!("a refusal for {}: {}", reason.name(), excerpt(message))
        }
        Err(failure) => {
            let first = failure.message.lines().next().unwrap_or_default();
            format!("the fault {}: {}", failure.cause.name(), excerpt(first))
        }
    }
}

fn verified(key: Option<&str>) -> String {
    match key {
        Some(key) => format!("a request of its sender's, known by {key:?}"),
        None => "a request of its sender's, known by nothing".into(),
    }
}
