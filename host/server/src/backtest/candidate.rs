//! A component that is tried with attempts that another one has made.

use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;
use stepmill_core::attempt::capped;
use stepmill_core::invoke::Attempt;
use stepmill_sandbox::{Loaded, Rehearsal, Sandbox};

use super::compare::{self, Was};
use super::replay::Replay;
use super::report::{Named, Outcome, Verdict};

/// Problems of a config that are told.
const PROBLEMS: usize = 5;
/// Bytes of one that are told, as it quotes what it is about.
const PROBLEM_BYTES: usize = 300;

/// A component that is loaded, and installed nowhere.
#[derive(Debug)]
pub struct Candidate {
    /// What the sandbox says of it.
    pub loaded: Loaded,
    /// What a config must be; or why its schema says nothing.
    schema: Result<Validator, String>,
}

impl Candidate {
    /// A component that was loaded as a candidate.
    pub fn new(loaded: Loaded) -> Self {
        let schema = jsonschema::options().build(&loaded.manifest.config_schema);
        let schema = schema.map_err(|error| format!("its config schema cannot be used: {error}"));
        Self { loaded, schema }
    }

    /// What it is called.
    pub fn named(&self) -> Named {
        Named::of(&self.loaded)
    }

    /// Makes an attempt with it that `at_ms` was made with another, which gave what `was` says. Its requests are
    /// answered by the replay, its reads of storage find what is committed now, and what it writes goes nowhere.
    pub(crate) async fn attempt(
        &self,
        sandbox: &Sandbox,
        attempt: Attempt,
        at_ms: u64,
        was: Was<'_>,
        replay: Replay,
    ) -> Verdict {
        if let Some(why) = self.refuses(&attempt.config) {
            return Verdict::of(Outcome::InvalidConfig, Vec::new(), Some(why));
        }
        let replay = Arc::new(replay);
        let transport = Arc::clone(&replay) as Arc<dyn stepmill_sandbox::egress::Transport>;
        let egress = sandbox.egress().answered_by(transport);
        let rehearsal = Rehearsal { egress, storage: sandbox.storage(), at_ms };
        let attempt = Attempt {
            digest: self.loaded.digest.as_str().into(),
            plugin: self.loaded.manifest.name.as_str().into(),
            ..attempt
        };
        let rehearsed = sandbox.rehearse(attempt, &rehearsal).await;
        compare::verdict(was, &rehearsed.report, &replay)
    }

    /// Why a config is none for it.
    fn refuses(&self, config: &str) -> Option<String> {
        let schema = match &self.schema {
            Ok(schema) => schema,
            Err(why) => return Some(why.clone()),
        };
        let config: Value = serde_json::from_str(config).unwrap_or_default();
        let problems = schema.iter_errors(&config).take(PROBLEMS).map(|error| {
            let place = error.instance_path().to_string();
            let of = if place.is_empty() { String::new() } else { format!("{place}: ") };
            capped(format!("{of}{error}"), PROBLEM_BYTES)
        });
        let problems: Vec<String> = problems.collect();
        let why = || format!("the run's config does not fit its config schema: {}", problems.join("; "));
        (!problems.is_empty()).then(why)
    }
}
