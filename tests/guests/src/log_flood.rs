//! A transform that logs far more than is kept, and succeeds.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Context, Document, Failure, Transform, log};

/// How much.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogFlood {
    /// Number of lines of 1 KiB; 4,096 (4 MiB) by default.
    #[serde(default = "four_thousand")]
    lines: u32,
}

fn four_thousand() -> u32 {
    4096
}

impl Transform for LogFlood {
    const NAME: &'static str = "log-flood";
    const SUMMARY: &'static str = "Logs a lot and answers its input.";
    type Config = Self;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        let padding = "x".repeat(1024);
        for line in 0..self.lines {
            log::info!("{padding}", line = line);
        }
        Ok(input)
    }
}

stepmill_sdk::export_transform!(LogFlood);
