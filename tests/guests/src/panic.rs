//! A transform that panics: one faulted attempt whose cause is on stderr.

#![allow(clippy::panic, reason = "it is what this guest is for")]

use stepmill_sdk::{Context, Document, Failure, NoConfig, Transform};

struct Panic;

impl Transform for Panic {
    const NAME: &'static str = "panic";
    const SUMMARY: &'static str = "Panics.";
    type Config = NoConfig;
    type Input = Document;
    type Output = Document;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, _: Document, _: &Context) -> Result<Document, Failure> {
        panic!("guest panicked on purpose");
    }
}

stepmill_sdk::export_transform!(Panic);
