//! Content codings, one or two; the first byte chooses.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use stepmill_fuzz::{check, rules};

const ENCODINGS: [&str; 8] =
    ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, gzip", "br, deflate", "zstd, zstd"];

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let encoding = ENCODINGS[usize::from(*choice) % ENCODINGS.len()];
    check(&rules("binary", ""), None, encoding, &BTreeMap::new(), body);
});
