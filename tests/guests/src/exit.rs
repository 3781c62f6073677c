//! A transform that ends its process: one faulted attempt, and the host goes on. The host sees exit code 1: WASI
//! 0.2 knows success and failure only.

use stepmill_sdk::{Context, Document, Failure, NoConfig, Transform};

struct Exit;

impl Transform for Exit {
    const NAME: &'static str = "exit";
    const SUMMARY: &'static str = "Ends its process with code 3.";
    type Config = NoConfig;
    type Input = Document;
    type Output = Document;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, _: Document, _: &Context) -> Result<Document, Failure> {
        std::process::exit(3);
    }
}

stepmill_sdk::export_transform!(Exit);
