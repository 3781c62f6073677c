//! Bodies that come to much more than they are: each is refused when its limit is passed, without all of it ever being
//! there.

use super::*;

const GIB: usize = 1 << 30;
const MIB: usize = 1 << 20;
/// A GiB of zeros by Node's zlib, quality 9.
const BROTLI_GIB: &[u8] = include_bytes!("zeros.br");

/// Frames of zstd that are a GiB of zeros: blocks of 128 KiB by run length, four bytes each.
fn zstd_gib() -> Vec<u8> {
    // Magic, no content size, a window of 128 KiB.
    let mut frame = b"\x28\xb5\x2f\xfd\x00\x38".to_vec();
    for number in 1..=GIB / (128 << 10) {
        let is_last = u32::from(number == GIB / (128 << 10));
        let header = (128_u32 << 10) << 3 | 1 << 1 | is_last;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

fn gzip_gib() -> Vec<u8> {
    gzip(&vec![0; 16 * MIB]).repeat(GIB / (16 * MIB))
}

#[test]
fn a_gibibyte_in_a_mebibyte_stops_at_the_limit() {
    for (encoding, bomb) in [("gzip", gzip_gib()), ("br", BROTLI_GIB.to_vec()), ("zstd", zstd_gib())] {
        assert!(bomb.len() <= MIB, "{encoding}: {}", bomb.len());
        for kind in ["binary", "json"] {
            let rules = rules(json!({ "as": kind }));
            let message = refusal(decode(
                &rules,
                MIB as u64,
                Message { media_type: None, encoding, headers: &BTreeMap::new(), bytes: bomb.clone() },
            ));
            let expected = "the body comes to more than 8388608 bytes when it is decoded";
            assert_eq!(message, (413, "inflated-too-large", expected.into()), "{encoding}");
        }
    }
    // A bomb in a bomb stops at the outer one.
    let refused = refusal(send(&Rules::default(), "", "br, gzip", &gzip_gib()));
    assert_eq!(refused.1, "inflated-too-large");
}

#[test]
fn what_fits_to_the_byte_is_taken() {
    let exact = rules(json!({"as": "binary", "max_inflated_bytes": 3 * MIB}));
    for (length, fits) in [(3 * MIB, true), (3 * MIB + 1, false)] {
        let bytes = vec![7; length];
        let zstd = compress_to_vec(&bytes[..], CompressionLevel::Fastest);
        for (encoding, bytes) in [("gzip", gzip(&bytes)), ("deflate", zlib(&bytes)), ("zstd", zstd)] {
            assert_eq!(send(&exact, "", encoding, &bytes).is_ok(), fits, "{encoding}");
        }
    }
}

#[test]
fn members_are_counted() {
    let zstd = compress_to_vec(&b"1"[..], CompressionLevel::Fastest);
    let binary = rules(json!({"as": "binary"}));
    for (encoding, member) in
        [("gzip", gzip(b"1")), ("zstd", zstd), ("zstd", b"\x50\x2a\x4d\x18\0\0\0\0".to_vec())]
    {
        assert!(send(&binary, "", encoding, &member.repeat(1_000)).is_ok(), "{encoding}");
        let many = refusal(send(&binary, "", encoding, &member.repeat(1_001)));
        assert_eq!((many.0, many.1), (413, "too-complex"), "{encoding}");
    }
}

#[test]
fn a_sender_is_quoted_in_part() {
    let odd = "\u{17}".repeat(2_000);
    let charset = format!("text/plain; charset={odd}");
    let encoding = format!("--x\r\nContent-Transfer-Encoding: {}\r\n\r\n--x--", "q".repeat(2_000));
    for refused in [
        send(&rules(json!({"as": "cloudevents"})), &odd, "", b""),
        send(&Rules::default(), "", &odd, b""),
        send(&Rules::default(), &charset, "", b""),
        send(&Rules::default(), "multipart/mixed; boundary=x", "", encoding.as_bytes()),
    ] {
        let message = refusal(refused).2;
        assert!(message.len() < 1_000, "{}: {message}", message.len());
    }
}

#[test]
fn windows_are_bounded() {
    // `[1]` by Node's zlib with a window of a GiB, which only decoders know that go beyond RFC 7932.
    let large = refusal(send(&Rules::default(), "", "br", b"\x11\x1e\x04\x00\x02\x5b\x31\x5d\x03"));
    assert_eq!(large.1, "malformed-encoding");
    // An empty frame with a window of 64 MiB, which ruzstd would read.
    let rules = rules(json!({"as": "binary"}));
    let window = refusal(send(&rules, "", "zstd", b"\x28\xb5\x2f\xfd\x00\x80\x01\x00\x00"));
    assert_eq!(window.1, "inflated-too-large");
    assert!(
        send(&rules, "", "zstd", b"\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00").is_ok(),
        "8 MiB is what all have"
    );
}

#[test]
fn entities_are_never_read() {
    let mut laughs = String::from("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol0 \"lol\">");
    for level in 1..10 {
        let inner = format!("&lol{};", level - 1).repeat(10);
        laughs.push_str(&format!("<!ENTITY lol{level} \"{inner}\">"));
    }
    laughs.push_str("]><lolz>&lol9;</lolz>");
    assert!(refused("text/xml", laughs.as_bytes()).contains("it has a document type (<!DOCTYPE)"));
    let external = b"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
    assert!(refused("text/xml", external).contains("it has a document type (<!DOCTYPE)"));
}

#[test]
fn what_lies_deep_or_is_many_is_refused() {
    let deep = "<a>".repeat(100_000);
    let wide = format!("<a>{}</a>", "<b/>".repeat(xml::NODES));
    let attributes: String = (0..xml::NODES).map(|n| format!(" a{n}=''")).collect();
    let attributes = format!("<a{attributes}/>");
    let parts = format!("{}--x--", "--x\r\n\r\n\r\n".repeat(100_000));
    let fields = "a&".repeat(form::FIELDS + 1);
    for (media_type, body) in [
        ("text/xml", deep),
        ("text/xml", wide),
        ("text/xml", attributes),
        ("multipart/mixed; boundary=x", parts),
        ("application/x-www-form-urlencoded", fields),
    ] {
        let message = Message {
            media_type: Some(media_type),
            encoding: "",
            headers: &BTreeMap::new(),
            bytes: body.into_bytes(),
        };
        let refused = refusal(decode(&Rules::default(), 8 << 20, message));
        assert_eq!((refused.0, refused.1), (413, "too-complex"), "{}", refused.2);
    }
    for json in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(refusal(send(&Rules::default(), "", "", json.as_bytes())).1, "malformed-json");
    }
}

#[test]
fn json_that_grows_out_of_something_small_stops_at_the_limit() {
    let name = "n".repeat(100_000);
    let csv = format!("{name}\n{}", "1\n".repeat(100_000));
    let escaped = format!("a={}", "%00".repeat(300_000));
    let files = format!("--x\r\nContent-Type: image/png\r\n\r\n{}\r\n--x--", "x".repeat(900_000));
    let narrow = rules(json!({"max_inflated_bytes": MIB}));
    for (media_type, body) in [
        ("text/csv", csv),
        ("application/x-www-form-urlencoded", escaped),
        ("multipart/mixed; boundary=x", files),
        ("text/xml", format!("<a>{}</a>", "\"".repeat(600_000))),
    ] {
        let refused = refusal(send(&narrow, media_type, "", body.as_bytes()));
        assert_eq!((refused.0, refused.1), (413, "inflated-too-large"), "{media_type}");
    }
    let parts = rules(json!({"split": "/a", "max_records": 10_000, "max_inflated_bytes": MIB}));
    let event = format!(
        r#"{{"specversion":"1.0","id":"1","source":"s","type":"{name}","data":{{"a":[{}1]}}}}"#,
        "1,".repeat(1_000)
    );
    let refused = refusal(send(&parts, "application/cloudevents+json", "", event.as_bytes()));
    assert_eq!(refused.1, "inflated-too-large");
    let split = rules(json!({"split": true, "max_records": 10_000, "max_inflated_bytes": MIB}));
    let rows = format!("{name}\n{}", "1\n".repeat(1_000));
    assert_eq!(refusal(send(&split, "text/csv", "", rows.as_bytes())).1, "inflated-too-large");
}
