//! A transform that overflows the stack of WebAssembly itself: its frames hardly use the linear memory.

use std::hint::black_box;

use stepmill_sdk::{Context, Document, Failure, NoConfig, Transform};

struct EndlessRecursion;

impl Transform for EndlessRecursion {
    const NAME: &'static str = "endless-recursion";
    const SUMMARY: &'static str = "Calls itself until the stack is used up.";
    type Config = NoConfig;
    type Input = Document;
    type Output = u64;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, _: Document, _: &Context) -> Result<u64, Failure> {
        Ok(deeper(0))
    }
}

#[inline(never)]
fn deeper(depth: u64) -> u64 {
    // The compiler may believe that this ends.
    if black_box(depth) == u64::MAX {
        return 0;
    }
    deeper(depth + 1).wrapping_add(1)
}

stepmill_sdk::export_transform!(EndlessRecursion);
