//! A connector that sleeps, and then answers its input: for wall clock deadlines, drains and crashes.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// How long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Slow {
    /// Time to sleep.
    ms: u64,
}

impl Connector for Slow {
    const NAME: &'static str = "slow";
    const SUMMARY: &'static str = "Sleeps and answers its input.";
    type Config = Self;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, input: Document, _: &ConnectorContext) -> Result<Document, Failure> {
        std::thread::sleep(Duration::from_millis(self.ms));
        Ok(input)
    }
}

stepmill_sdk::export_connector!(Slow);
