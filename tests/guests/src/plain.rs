//! A transform on the plain world, made without the SDK's traits: it exports no `prepare`.

#![allow(missing_docs, unsafe_code, unused_qualifications, clippy::all)]

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "transform-plugin",
        pub_export_macro: true,
        export_macro_name: "export_world",
    });
}

use bindings::exports::stepmill::plugin::transform::{Attempt, Document, Failure, Guest};
use bindings::stepmill::plugin::types::Manifest;

struct Plain;

// Used off WebAssembly too.
const _: Plain = Plain;

impl bindings::Guest for Plain {
    fn describe() -> Manifest {
        Manifest {
            name: "plain".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "Answers its config.".to_owned(),
            config_schema: "{}".to_owned(),
            input_schema: None,
            output_schema: None,
        }
    }
}

impl Guest for Plain {
    fn run(input: Document, config: String, _: Attempt) -> Result<Document, Failure> {
        Ok(Document {
            media_type: input.media_type,
            body: bindings::stepmill::plugin::types::Body::Text(config),
        })
    }
}

#[cfg(target_arch = "wasm32")]
bindings::export_world!(Plain with_types_in bindings);
