//! CloudEvents in each of their modes. In binary mode the lines up to an empty one are headers.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use stepmill_core::body::CloudEvent;
use stepmill_core::body::{Decoded, Message, decode};
use stepmill_fuzz::{check, rules};

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let split = if choice & 1 == 0 { "" } else { "true" };
    let rules = rules("cloudevents", split);
    match choice / 2 % 3 {
        0 => check(&rules, Some("application/cloudevents+json"), "", &BTreeMap::new(), data),
        1 => check(&rules, Some("application/cloudevents-batch+json"), "", &BTreeMap::new(), data),
        _ => {
            let Ok(text) = std::str::from_utf8(data) else { return };
            let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut headers: BTreeMap<String, String> =
                lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let media_type = headers.get("content-type").cloned();
            check(&rules, media_type.as_deref(), "", &headers, body.as_bytes());
            let message = Message {
                media_type: media_type.as_deref(),
                encoding: "",
                headers: &headers.clone(),
                bytes: body.into(),
            };
            if let Ok(Decoded::One(record)) = decode(&rules, 1 << 20, message) {
                let event: CloudEvent = record.event.expect("nothing else is taken");
                event.put(&mut headers);
                assert_eq!(headers.get("ce-id").map(String::as_str), event.attribute("id"));
                assert!(record.key.is_some_and(|key| (1..=1_024).contains(&key.len())));
            }
        }
    }
});
