//! A transform that writes far more to stdout and stderr than is kept, and succeeds.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Context, Document, Failure, Transform};

/// How much.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StdoutFlood {
    /// Number of lines of 1 KiB on each of the two; 4,096 (4 MiB) by default.
    #[serde(default = "four_thousand")]
    lines: u32,
}

fn four_thousand() -> u32 {
    4096
}

impl Transform for StdoutFlood {
    const NAME: &'static str = "stdout-flood";
    const SUMMARY: &'static str = "Prints a lot and answers its input.";
    type Config = Self;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        let padding = "x".repeat(1024);
        for line in 0..self.lines {
            println!("out {line} {padding}");
            eprintln!("err {line} {padding}");
        }
        Ok(input)
    }
}

stepmill_sdk::export_transform!(StdoutFlood);
