//! A transform that logs far more than is kept, and succeeds.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Context, Document, Failure, Transform, log};

/// How much.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Number of lines of 1 KiB; 4,096 (4 MiB) by default.
    #[serde(default = "four_thousand")]
    lines: u32,
}

fn four_thousand() -> u32 {
    4096
}

struct LogFlood;

impl Transform for LogFlood {
    const NAME: &'static str = "log-flood";
    const SUMMARY: &'static str = "Logs a lot and answers its input.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn run(input: Document, config: Config, _: &Context) -> Result<Document, Failure> {
        let padding = "x".repeat(1024);
        for line in 0..config.lines {
            log::info!("{padding}", line = line);
        }
        Ok(input)
    }
}

stepmill_sdk::export_transform!(LogFlood);
