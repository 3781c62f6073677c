//! Parts between boundaries, and media types themselves: the first line is the content type, unless it is empty.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use stepmill_fuzz::{check, rules};

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (first, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let Ok(first) = std::str::from_utf8(first) else { return };
    let media_type = if first.is_empty() { "multipart/form-data; boundary=x" } else { first };
    check(&rules("auto", ""), Some(media_type), "", &BTreeMap::new(), body);
});
