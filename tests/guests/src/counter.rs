//! A connector that posts its input to a path of its system, with its idempotency key, and then adds 1 to
//! a counter: the crash test counts both sides. It answers the counter's value.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// Where to post and what to count.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Counter {
    /// The counter.
    key: String,
    /// A path at the step's system; without it nothing is posted.
    path: Option<String>,
}

impl Connector for Counter {
    const NAME: &'static str = "counter";
    const SUMMARY: &'static str = "Posts its input and counts.";
    type Config = Self;
    type Input = Document;
    type Output = i64;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<i64, Failure> {
        if let Some(path) = &self.path {
            ctx.http()
                .post(path)
                .header("Idempotency-Key", ctx.idempotency_key())
                .header("Content-Type", &input.media_type)
                .body(input.into_bytes())
                .send()?
                .error_for_status()?;
        }
        Ok(ctx.storage().add(&self.key, 1)?)
    }
}

stepmill_sdk::export_connector!(Counter);
