//! A transform that allocates until the host refuses: the memory limit must hold. By default the refusal
//! aborts the guest, as it does in ordinary Rust; with `report: true` it answers how much it got.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Context, Document, Failure, Transform};

const CHUNK_BYTES: usize = 1 << 20;

/// What to do about the refusal.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemoryBomb {
    /// Answer the number of bytes that were granted in place of aborting.
    #[serde(default)]
    report: bool,
}

impl Transform for MemoryBomb {
    const NAME: &'static str = "memory-bomb";
    const SUMMARY: &'static str = "Allocates memory until it is refused.";
    type Config = Self;
    type Input = Document;
    type Output = usize;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, _: Document, _: &Context) -> Result<usize, Failure> {
        let mut chunks: Vec<Vec<u8>> = Vec::with_capacity(1 << 16);
        loop {
            let mut chunk = Vec::new();
            if self.report {
                if chunk.try_reserve_exact(CHUNK_BYTES).is_err() {
                    let granted = chunks.len() * CHUNK_BYTES;
                    drop(chunks);
                    return Ok(granted);
                }
            } else {
                chunk.reserve_exact(CHUNK_BYTES);
            }
            // Touched, so that the pages are really there.
            chunk.resize(CHUNK_BYTES, 1);
            chunks.push(std::hint::black_box(chunk));
        }
    }
}

stepmill_sdk::export_transform!(MemoryBomb);
