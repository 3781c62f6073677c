//! A transform whose manifest is what a test has written into its data, so that one component stands for every wrong
//! manifest. `stepmill_test_support::guests::stamped` writes it.

use std::hint::black_box;

use stepmill_sdk::{Attempt, Document, Failure, Manifest, bindings};

/// What the test looks for; what comes after it is the test's.
const MARK: &[u8] = b"stepmill-test-manifest:";
const SIZE: usize = 1024;

/// The mark, and room for name, version and config schema, each with the byte 0x1e at its end.
static STAMP: [u8; SIZE] = stamp();

const fn stamp() -> [u8; SIZE] {
    let mut room = [b'.'; SIZE];
    room.split_at_mut(MARK.len()).0.copy_from_slice(MARK);
    room
}

struct Stamped;

// Used off WebAssembly too.
const _: Stamped = Stamped;

impl bindings::transform::Guest for Stamped {
    fn describe() -> Manifest {
        // The compiler must not know what is in it.
        let stamp = black_box(&STAMP).get(MARK.len()..).unwrap_or_default();
        let mut fields =
            stamp.split(|byte| *byte == 0x1e).map(|field| String::from_utf8_lossy(field).into_owned());
        let mut next = || fields.next().unwrap_or_default();
        Manifest {
            name: next(),
            version: next(),
            summary: String::new(),
            config_schema: next(),
            input_schema: None,
            output_schema: None,
        }
    }
}

impl bindings::transform::exports::stepmill::plugin::transform::Guest for Stamped {
    fn run(input: Document, _: String, _: Attempt) -> Result<Document, Failure> {
        Ok(input)
    }
}

#[cfg(target_arch = "wasm32")]
bindings::transform::export_world!(Stamped with_types_in bindings::transform);
