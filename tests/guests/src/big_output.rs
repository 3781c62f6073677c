//! A transform whose output is larger than any step should answer: 100 MB of text unless told otherwise.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Body, Context, Document, Failure, Transform};

/// How much.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BigOutput {
    /// Size of the output.
    #[serde(default = "hundred_megabytes")]
    bytes: usize,
}

fn hundred_megabytes() -> usize {
    100_000_000
}

impl Transform for BigOutput {
    const NAME: &'static str = "big-output";
    const SUMMARY: &'static str = "Answers a very large text.";
    type Config = Self;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, _: Document, _: &Context) -> Result<Document, Failure> {
        Ok(Document { media_type: "text/plain".to_owned(), body: Body::Text("x".repeat(self.bytes)) })
    }
}

stepmill_sdk::export_transform!(BigOutput);
