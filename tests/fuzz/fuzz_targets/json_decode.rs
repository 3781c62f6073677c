//! JSON in any charset, split at a pointer or not; NDJSON and CSV, which become JSON as easily. The first byte chooses.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use stepmill_fuzz::{check, rules};

const TYPES: [&str; 6] = [
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=Shift_JIS",
    "application/x-ndjson",
    "text/csv",
    "application/x-www-form-urlencoded",
];
const SPLITS: [&str; 4] = ["", "true", "\"/a\"", "\"/0/a~1b\""];

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let (media_type, split) = (usize::from(choice % 8) % TYPES.len(), usize::from(choice / 8) % SPLITS.len());
    check(&rules("auto", SPLITS[split]), Some(TYPES[media_type]), "", &BTreeMap::new(), body);
});
