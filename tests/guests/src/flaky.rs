//! A connector that fails as its config says in its first attempts, and then answers its input.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// When and how to fail.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Flaky {
    /// Number of attempts that fail.
    failures: u32,
    /// The delay that the failure asks for.
    after_ms: Option<u64>,
    /// Reject in place of asking for a retry.
    #[serde(default)]
    reject: bool,
}

impl Connector for Flaky {
    const NAME: &'static str = "flaky";
    const SUMMARY: &'static str = "Fails a few times and then answers its input.";
    type Config = Self;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        if ctx.attempt() > self.failures {
            return Ok(input);
        }
        let message = format!("attempt {} fails on purpose", ctx.attempt());
        Err(match (self.reject, self.after_ms) {
            (true, _) => Failure::reject("flaky", message),
            (false, Some(delay)) => Failure::retry_after(Duration::from_millis(delay), message),
            (false, None) => Failure::retry(message),
        })
    }
}

stepmill_sdk::export_connector!(Flaky);
