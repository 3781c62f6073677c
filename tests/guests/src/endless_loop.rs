//! A transform that never answers: the CPU deadline must end it.

use std::hint::black_box;

use stepmill_sdk::{Context, Document, Failure, NoConfig, Transform};

struct EndlessLoop;

impl Transform for EndlessLoop {
    const NAME: &'static str = "endless-loop";
    const SUMMARY: &'static str = "Never answers.";
    type Config = NoConfig;
    type Input = Document;
    type Output = Document;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        let mut turns = 0_u64;
        while black_box(true) {
            turns = black_box(turns.wrapping_add(1));
        }
        Ok(input)
    }
}

stepmill_sdk::export_transform!(EndlessLoop);
