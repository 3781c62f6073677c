//! What the targets have in common: a body through its front door, and what must hold whatever comes out.

use std::collections::BTreeMap;

use stepmill_core::body::{Decoded, Message, Rules, decode};
use stepmill_core::document::{Body, Document, is_json};

/// Most bytes of a body, as a webhook has it unless it says otherwise.
const BODY: u64 = 1 << 20;
/// Most bytes of a document: little, so that what grows is found soon.
const LIMIT: u64 = 1 << 16;

/// A webhook's rules, as YAML would say them.
pub fn rules(kind: &str, split: &str) -> Rules {
    let rules = match split {
        "" => format!(r#"{{"as":"{kind}","max_inflated_bytes":{LIMIT}}}"#),
        split => format!(r#"{{"as":"{kind}","split":{split},"max_inflated_bytes":{LIMIT},"max_records":100}}"#),
    };
    serde_json::from_str(&rules).expect("the targets know what they say")
}

/// Decodes a body. It may be refused; what is not must keep within its limits.
pub fn check(
    rules: &Rules,
    media_type: Option<&str>,
    encoding: &str,
    headers: &BTreeMap<String, String>,
    bytes: &[u8],
) {
    // Without a content coding a body comes whole, and cannot be longer than its document may be.
    if encoding.is_empty() && bytes.len() as u64 > LIMIT {
        return;
    }
    let message = Message { media_type, encoding, headers, bytes: bytes.to_vec() };
    match decode(rules, BODY, message) {
        Ok(Decoded::One(record)) => document(&record.document),
        Ok(Decoded::Batch(records)) => {
            assert!(records.len() <= 100);
            records.iter().for_each(|record| document(&record.document));
        }
        Err(refused) => assert!(refused.to_string().len() < 1_000, "{refused}"),
    }
}

fn document(document: &Document) {
    assert!(document.len() as u64 <= LIMIT);
    if let Body::Text(text) = &document.body
        && is_json(&document.media_type)
    {
        serde_json::from_str::<serde_json::Value>(text).expect("it is well-formed");
    }
}
