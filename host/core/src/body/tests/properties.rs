//! Whatever comes, decoding ends, and within its limits.

use proptest::prelude::*;

use super::*;

/// Most bytes of a document here.
const LIMIT: usize = 4_096;

const TYPES: [&str; 12] = [
    "",
    "application/json",
    "application/json; charset=utf-16",
    "text/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/csv",
    "application/x-ndjson",
    "text/plain; charset=shift_jis",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "image/png",
];

const KINDS: [&str; 10] =
    ["auto", "json", "xml", "form", "multipart", "csv", "ndjson", "text", "binary", "cloudevents"];

/// Pieces of which bodies of all kinds are made, so that not all is refused at its first byte.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        prop::sample::select(
            &[
                "<a b='1'>",
                "</a>",
                "<!--",
                "&amp;",
                "--x",
                "--",
                "\r\n",
                "\n",
                ",",
                "\"",
                "=",
                "&",
                "%C3%A4",
                "%",
                "{",
                "}",
                "[",
                "]",
                ":",
                "\"id\"",
                "\"specversion\":\"1.0\"",
                "\"source\":\"s\"",
                "\"type\":\"t\"",
                "\"id\":\"1\"",
                "\"data\":",
                "\"data_base64\":\"AQ==\"",
                "1.0",
                "null",
                "\u{feff}",
                "ä",
                " ",
                "Content-Disposition: form-data; name=\"a\"; filename=b",
                "Content-Type: text/plain",
            ][..]
        )
        .prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn coded() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    (body(), 0..8_usize, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(body, coding, at, byte)| {
        let (name, mut bytes) = match coding {
            0 => ("gzip", gzip(&body)),
            1 => ("deflate", bare(&body)),
            2 => ("deflate, gzip", gzip(&zlib(&body))),
            3 => ("zstd", compress_to_vec(&body[..], CompressionLevel::Fastest)),
            4 => ("br", body),
            _ => ("", body),
        };
        // Half of them with a byte changed.
        if byte % 2 == 0 && !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = bytes[at].wrapping_add(byte);
        }
        (name, bytes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn decoding_ends_within_its_limits(
        (encoding, bytes) in coded(),
        media_type in prop::sample::select(&TYPES[..]),
        kind in prop::sample::select(&KINDS[..]),
        split in prop_oneof![Just(json!(false)), Just(json!(true)), Just(json!("/a")), Just(json!("/0/id"))],
        is_event in any::<bool>(),
    ) {
        let rules = rules(json!({"as": kind, "split": split, "max_inflated_bytes": LIMIT, "max_records": 10}));
        let headers = if is_event {
            ce(&[("specversion", "1.0"), ("id", "1"), ("source", "s"), ("type", "t")])
        } else {
            BTreeMap::new()
        };
        let records = match with_headers(&rules, media_type, encoding, &bytes, &headers) {
            Ok(Decoded::One(record)) => vec![record],
            Ok(Decoded::Batch(records)) => records,
            Err(refused) => {
                prop_assert!(refused.to_string().len() < 1_000);
                return Ok(());
            }
        };
        prop_assert!(records.len() <= 10);
        for record in records {
            prop_assert!(record.document.len() <= LIMIT);
            if let Body::Text(text) = &record.document.body
                && crate::document::is_json(&record.document.media_type)
            {
                prop_assert!(json::check(text.as_bytes()).is_ok());
            }
        }
    }
}
