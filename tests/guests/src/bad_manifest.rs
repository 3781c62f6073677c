//! A transform whose manifest is wrong in name, version and config schema: the host must refuse to load
//! it and say so. The SDK cannot make such a thing, so that this guest exports by hand.

use stepmill_sdk::{Attempt, Document, Failure, Manifest, bindings};

struct BadManifest;

// Used off WebAssembly too.
const _: BadManifest = BadManifest;

impl bindings::transform::Guest for BadManifest {
    fn describe() -> Manifest {
        Manifest {
            name: "Bad Name!".to_owned(),
            version: "one".to_owned(),
            summary: String::new(),
            config_schema: "{ this is not JSON".to_owned(),
            input_schema: None,
            output_schema: None,
        }
    }
}

impl bindings::transform::exports::stepmill::plugin::transform::Guest for BadManifest {
    fn run(input: Document, _: String, _: Attempt) -> Result<Document, Failure> {
        Ok(input)
    }
}

#[cfg(target_arch = "wasm32")]
bindings::transform::export_world!(BadManifest with_types_in bindings::transform);
