//! A transform that answers its input as it is.

use stepmill_sdk::{Context, Document, Failure, NoConfig, Transform};

struct Echo;

impl Transform for Echo {
    const NAME: &'static str = "echo";
    const SUMMARY: &'static str = "Answers its input.";
    type Config = NoConfig;
    type Input = Document;
    type Output = Document;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        Ok(input)
    }
}

stepmill_sdk::export_transform!(Echo);
