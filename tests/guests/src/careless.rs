//! A connector that posts its input with a key that it draws, in place of the idempotency key: made again after a
//! crash, it asks for something else.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};
use wasip2::random::random::get_random_u64;

/// Where to post.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Careless {
    /// A path at the step's system.
    path: String,
}

impl Connector for Careless {
    const NAME: &'static str = "careless";
    const SUMMARY: &'static str = "Posts its input with a key that it draws.";
    type Config = Self;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let key = format!("{:016x}", get_random_u64());
        let post = ctx.http().post(&self.path).header("Idempotency-Key", &key).body(input.bytes());
        post.send()?.error_for_status()?;
        Ok(input)
    }
}

stepmill_sdk::export_connector!(Careless);
