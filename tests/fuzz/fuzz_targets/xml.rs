//! XML in any charset that it declares.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use stepmill_fuzz::{check, rules};

fuzz_target!(|data: &[u8]| {
    check(&rules("xml", ""), None, "", &BTreeMap::new(), data);
    check(&rules("auto", "\"/a/b\""), Some("text/xml; charset=utf-8"), "", &BTreeMap::new(), data);
});
