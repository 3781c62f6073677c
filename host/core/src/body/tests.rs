//! Each kind of body by its front door.

mod bombs;
mod properties;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};

use super::*;
use crate::document::Body;

/// `{"n":1}` by Node's zlib.
const BROTLI: &[u8] = b"\x0b\x03\x80{\"n\":1}\x03";

fn rules(config: Value) -> Rules {
    serde_json::from_value(config).unwrap()
}

fn send(rules: &Rules, media_type: &str, encoding: &str, bytes: &[u8]) -> Result<Decoded, Refused> {
    with_headers(rules, media_type, encoding, bytes, &BTreeMap::new())
}

fn with_headers(
    rules: &Rules,
    media_type: &str,
    encoding: &str,
    bytes: &[u8],
    headers: &BTreeMap<String, String>,
) -> Result<Decoded, Refused> {
    let media_type = Some(media_type).filter(|media_type| !media_type.is_empty());
    decode(rules, 1 << 20, Message { media_type, encoding, headers, bytes: bytes.to_vec() })
}

fn one(decoded: Result<Decoded, Refused>) -> Record {
    match decoded.unwrap() {
        Decoded::One(record) => record,
        Decoded::Batch(records) => panic!("{records:?}"),
    }
}

fn batch(decoded: Result<Decoded, Refused>) -> Vec<Record> {
    match decoded.unwrap() {
        Decoded::Batch(records) => records,
        Decoded::One(record) => panic!("{record:?}"),
    }
}

fn read(media_type: &str, bytes: &[u8]) -> Record {
    one(send(&Rules::default(), media_type, "", bytes))
}

fn text(record: &Record) -> &str {
    match &record.document.body {
        Body::Text(text) => text,
        Body::Binary(bytes) => panic!("{bytes:?}"),
    }
}

fn refusal(decoded: Result<Decoded, Refused>) -> (u16, &'static str, String) {
    let refused = decoded.unwrap_err();
    (refused.status(), refused.code(), refused.to_string())
}

fn refused(media_type: &str, bytes: &[u8]) -> String {
    refusal(send(&Rules::default(), media_type, "", bytes)).2
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn json_stays_as_it_came() {
    for media_type in ["application/json", "application/json; charset=iso-8859-1", "application/vnd.x+json"] {
        let sent = " {\"ä\": 1.50}\n";
        let record = read(media_type, sent.as_bytes());
        assert_eq!((text(&record), &*record.document.media_type), (sent, media_type));
        assert_eq!((record.raw, record.event, record.key), (None, None, None));
    }
    assert_eq!(read("", b"1").document.media_type, JSON);
    assert_eq!(
        refused("application/json", b"{\n\"n\":"),
        "the body is not well-formed JSON at line 2, column 4"
    );
}

#[test]
fn json_of_another_charset_is_told_by_its_mark_or_its_type() {
    let marked = read("application/json", b"\xef\xbb\xbf{\"n\":1}");
    assert_eq!((text(&marked), marked.raw.as_ref().unwrap().bytes.len()), ("{\"n\":1}", 10));
    let latin = read("application/json; charset=latin1", b"\"\xe4\"");
    assert_eq!((text(&latin), &*latin.document.media_type), ("\"ä\"", JSON));
    let refused = refusal(send(&Rules::default(), "application/json; charset=utf-7", "", b"\"\xe4\""));
    assert_eq!((refused.0, refused.1), (415, "unsupported-charset"));
    assert_eq!(refusal(send(&Rules::default(), "", "", b"\"\xe4\"")).1, "malformed-json");
}

#[test]
fn codings_are_taken_off_in_turn_and_the_bytes_are_kept() {
    let json = b"{\"n\":1}";
    let zstd = compress_to_vec(&json[..], CompressionLevel::Fastest);
    let frames = [b"\x50\x2a\x4d\x18\x02\0\0\0xx".to_vec(), zstd.clone()].concat();
    for (encoding, bytes) in [
        ("gzip", gzip(json)),
        ("x-GZIP", [gzip(b"{\"n\""), gzip(b":1}")].concat()),
        ("deflate", zlib(json)),
        ("deflate", bare(json)),
        ("br", BROTLI.to_vec()),
        ("zstd", zstd),
        ("zstd", frames),
        ("identity, br, gzip", gzip(BROTLI)),
    ] {
        let record = one(send(&Rules::default(), "application/json", encoding, &bytes));
        assert_eq!(text(&record).as_bytes(), json, "{encoding}");
        let raw = record.raw.unwrap();
        assert_eq!((&raw.bytes, raw.encoding.as_deref()), (&bytes, Some(encoding)));
        assert_eq!(raw.media_type, "application/json");
        // Cut off, changed at the end, and with something behind it.
        let last = bytes.len() - 1;
        for broken in [bytes[..last].to_vec(), [&bytes[..], b"\0"].concat(), Vec::new()] {
            let refused = refusal(send(&Rules::default(), "application/json", encoding, &broken));
            assert_eq!((refused.0, refused.1), (400, "malformed-encoding"), "{encoding}: {}", refused.2);
        }
    }
    for encoding in ["compress", "gzip, gzip, gzip", "gzip;q=1"] {
        let refused = refusal(send(&Rules::default(), "", encoding, &gzip(b"1")));
        assert_eq!((refused.0, refused.1), (415, "unsupported-encoding"), "{encoding}");
    }
}

#[test]
fn xml_is_read_in_any_charset() {
    let xml = read("application/xml; charset=utf-8", "<o id='1'>ä<l/><l>2</l></o>".as_bytes());
    assert_eq!(text(&xml), r##"{"o":{"@id":"1","#text":"ä","l":["","2"]}}"##);
    assert_eq!((xml.document.media_type.as_str(), xml.raw.unwrap().encoding.clone()), (JSON, None));
    let declared = b"<?xml version='1.0' encoding = \"ISO-8859-1\"?><o>\xe4</o>";
    assert_eq!(text(&read("text/xml", declared)), "{\"o\":\"ä\"}");
    let wide: Vec<u8> =
        "<?xml version='1.0' encoding='UTF-16'?><o>ä</o>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(text(&read("application/soap+xml", &wide)), "{\"o\":\"ä\"}");
    assert_eq!(text(&read("text/xml", &[&b"\xff\xfe"[..], &wide].concat())), "{\"o\":\"ä\"}");
    for (xml, expected) in [
        ("<a>\n<b></a>", "the body is not well-formed XML at line 2, column "),
        ("<!DOCTYPE a><a/>", "the body is not well-formed XML at line 1, column 13: it has a document type"),
        ("<a>&b;</a>", "the body is not well-formed XML at line 1, column 7: the entity `&b;`"),
        ("<a b='1' b='2'/>", "the body is not well-formed XML at line 1, column 17: the attribute `b` is"),
    ] {
        let refused = refused("text/xml", xml.as_bytes());
        assert!(refused.starts_with(expected), "{refused}");
    }
    let shallow = rules(json!({"as": "xml", "xml": {"max_depth": 1}}));
    assert_eq!(refusal(send(&shallow, "text/xml", "", b"<a><b/></a>")).1, "too-complex");
}

#[test]
fn forms_are_objects_of_texts() {
    let form = read("application/x-www-form-urlencoded", b"b=2&a[x]=%C3%A4+1&b=&&c&=d&b=%26");
    assert_eq!(text(&form), r#"{"b":["2","","&"],"a[x]":"ä 1","c":"","":"d"}"#);
    let latin = read("application/x-www-form-urlencoded; charset=ISO-8859-1", b"a=%E4");
    assert_eq!(text(&latin), r#"{"a":"ä"}"#);
    assert_eq!(text(&read("application/x-www-form-urlencoded", b"")), "{}");
    let refused = refused("application/x-www-form-urlencoded", b"a=1&b=%E4");
    assert_eq!(refused, "the body is not well-formed form at byte 4: what is escaped is no text in UTF-8");
}

#[test]
fn parts_are_texts_and_files() {
    let body = "preamble\r\n--x y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x yz\r\n--x y \r\n\
        Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nä\r\n\r\n--x y\r\n\
        Content-Disposition: form-data; name=f; filename=\"a \\\"b\\\".png\"\r\nContent-Type: image/png\r\n\r\n\x01\x02\r\n\
        --x y\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename*=UTF-8''%C3%A4\r\n\r\nAQ\r\nI=\r\n\
        --x y\r\n\r\nno headers\r\n\r\nat all\r\n--x y\r\n\r\n--x y--\r\nend";
    let parts = read("multipart/mixed; boundary=\"x y\"", body.as_bytes());
    let expected = json!({
        "a": ["1\r\n--x yz", "ä\r\n"],
        "f": { "filename": "a \"b\".png", "media_type": "image/png", "base64": "AQI=" },
        "part-4": { "filename": "ä", "media_type": "application/pdf", "base64": "AQI=" },
        "part-5": "no headers\r\n\r\nat all",
        "part-6": "",
    });
    assert_eq!(parts.document.to_json().unwrap(), expected);
    assert_eq!(parts.raw.unwrap().bytes, body.as_bytes());
    assert_eq!(text(&read("multipart/mixed; boundary=x", b"--x--")), "{}");
    for (media_type, body, expected) in [
        ("multipart/form-data", "", ": the content-type has no boundary"),
        ("multipart/form-data; boundary=x", "--xy", ": there is no line of its boundary"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\n\r\n1\r\n--x\r\n\r\n2",
            " in part 2: no boundary follows it",
        ),
        ("multipart/form-data; boundary=x", "--x\r\nA: b\r\n--x--", " in part 1: its headers do not end"),
        ("multipart/form-data; boundary=x", "--x\r\nA b\r\n\r\n\r\n--x--", " in part 1: invalid header name"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Type: text/plain; charset=utf-16le\r\n\r\n1\r\n--x--",
            " in part 1: it is no text in UTF-16LE",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n1\r\n--x--",
            " in part 1: its content-transfer-encoding \"quoted-printable\" is not read: send binary",
        ),
    ] {
        let refused = refused(media_type, body.as_bytes());
        let said = refused.strip_prefix("the body is not well-formed multipart");
        assert!(said.is_some_and(|said| said.starts_with(expected)), "{refused}");
    }
    let headers: String = (0..40).map(|n| format!("X-{n}: 1\r\n")).collect();
    let many = format!("--x\r\n{headers}\r\n1\r\n--x--");
    let many = refused("multipart/mixed; boundary=x", many.as_bytes());
    assert_eq!(many, "the body has more than 32 headers in a part");
}

#[test]
fn rows_and_lines_are_lists() {
    let csv = read("text/csv", "\u{feff}sku,note\r\n0042,\"a \"\"b\"\",\nä\"\r\n\r\n7,\r\n".as_bytes());
    assert_eq!(text(&csv), r#"[{"sku":"0042","note":"a \"b\",\nä"},{"sku":"7","note":""}]"#);
    assert_eq!(text(&read("text/csv; charset=windows-1252", b"a\n\x80\n")), r#"[{"a":"€"}]"#);
    assert_eq!(text(&read("application/x-ndjson", b" {\"a\":1.0}\r\n\n[2]")), r#"[{"a":1.0},[2]]"#);
    for (media_type, body, expected) in [
        ("text/csv", "a,b\n1,2\n3\n", "CSV at line 3: the row has 1 cells, the header 2"),
        ("text/csv", "a,a\n", "CSV at line 1: the header has the column \"a\" twice"),
        ("text/csv", "a\n\"1", "CSV: a quote is not closed"),
        ("application/jsonl", "{}\n{\"a\"}", "NDJSON at line 2, column 5"),
    ] {
        assert_eq!(refused(media_type, body.as_bytes()), format!("the body is not well-formed {expected}"));
    }
}

#[test]
fn text_and_bytes_keep_their_type() {
    let plain = read("text/plain; charset=utf-8", "ä".as_bytes());
    assert_eq!((text(&plain), &*plain.document.media_type), ("ä", "text/plain; charset=utf-8"));
    assert_eq!(plain.raw, None);
    let latin = read("text/html; charset=latin1; x=1", b"\xe4");
    assert_eq!((text(&latin), &*latin.document.media_type), ("ä", "text/html; charset=utf-8"));
    assert_eq!(latin.raw.unwrap().bytes, b"\xe4");
    assert_eq!(
        refused("text/plain", b"a\xe4b"),
        "the body is not well-formed text of its charset at byte 1: it is said to be UTF-8"
    );
    assert_eq!(read("image/png", b"\x89\xff").document.body, Body::Binary(b"\x89\xff".into()));
    let binary = rules(json!({"as": "binary"}));
    let kept = one(send(&binary, "text/xml", "gzip", &gzip(b"<a")));
    assert_eq!(kept.document, Document { media_type: "text/xml".into(), body: Body::Binary(b"<a".into()) });
    let as_text = rules(json!({"as": "text"}));
    let unread = one(send(&as_text, "application/json", "", b"{")).document;
    assert_eq!((unread.to_value(), &*unread.media_type), (json!("{"), "text/plain; charset=utf-8"));
    let declared = b"<?xml version='1.0' encoding='latin1'?><a>\xe4</a>";
    assert!(text(&one(send(&as_text, "text/xml", "", declared))).contains("ä"));
}

#[test]
fn only_what_the_webhook_takes_is_taken() {
    for (kind, takes, refuses) in [
        (
            "json",
            &["", "application/json", "a/b+json", "text/plain", "application/octet-stream"][..],
            "text/xml; q",
        ),
        ("xml", &["", "text/xml", "a/b+xml", "text/plain"], "application/json"),
        ("form", &["", "application/x-www-form-urlencoded"], "text/plain"),
        ("multipart", &[], ""),
        ("csv", &["", "text/csv", "text/plain"], "application/json"),
        ("ndjson", &["", "application/json", "application/x-ndjson"], "text/csv"),
        ("text", &["", "text/html", "application/json"], "image/png"),
        ("cloudevents", &[], "application/json"),
    ] {
        let rules = rules(json!({ "as": kind }));
        let body = if kind == "xml" { "<a/>" } else { "1" };
        for media_type in takes {
            assert!(send(&rules, media_type, "", body.as_bytes()).is_ok(), "{kind} {media_type}");
        }
        let (status, code, message) = refusal(send(&rules, refuses, "", body.as_bytes()));
        assert_eq!((status, code), (415, "unsupported-media-type"), "{kind}");
        assert!(message.contains("this webhook takes "), "{message}");
    }
    // What is plain text for its sender is JSON for the steps.
    let rules = rules(json!({"as": "json"}));
    assert_eq!(one(send(&rules, "text/plain", "", b"{\"n\":1}")).document.media_type, JSON);
}

fn ce(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (format!("ce-{name}"), (*value).to_owned())).collect()
}

#[test]
fn an_event_is_the_same_in_all_modes() {
    let required = [("specversion", "1.0"), ("id", "7"), ("source", "/s"), ("type", "t")];
    let mut headers = ce(&required);
    headers.extend(ce(&[("subject", "\"Euro%20%E2%82%AC \\\"x\\\"\"")]));
    let usual = Rules::default();
    let binary = one(with_headers(&usual, "application/json", "", b"{\"n\":1.0}", &headers));
    let structured =
        br#"{"specversion":"1.0","id":"7","source":"/s","type":"t","subject":"Euro \u20ac \"x\"",
        "datacontenttype":"application/json","data":{"n":1.0},"extra":null}"#;
    let whole = one(send(&usual, "application/cloudevents+json; charset=utf-8", "", structured));
    let many = [b"[", &structured[..], b"]"].concat();
    let split = rules(json!({"split": true}));
    let batched = batch(send(&split, "application/cloudevents-batch+json", "", &many)).remove(0);
    for record in [&binary, &whole, &batched] {
        assert_eq!(text(record), "{\"n\":1.0}");
        assert_eq!((record.event.as_ref(), record.key.as_deref()), (binary.event.as_ref(), Some("/s 7")));
    }
    let mut put = ce(&[("id", "forged"), ("stray", "x")]);
    binary.event.as_ref().unwrap().put(&mut put);
    assert_eq!(put["ce-subject"], "Euro € \"x\"");
    assert_eq!(put["ce-datacontenttype"], "application/json");
    assert_eq!((&*put["ce-id"], put.contains_key("ce-stray")), ("7", false));
    assert_eq!((binary.raw, &*whole.raw.unwrap().bytes), (None, &structured[..]));
    let raw = batched.raw.unwrap();
    assert_eq!((&*raw.bytes, &*raw.media_type), (&structured[..], "application/cloudevents+json"));
    // Without `split` a batch is a list, and an event without content is null.
    assert_eq!(text(&one(send(&usual, "application/cloudevents-batch+json", "", &many))).as_bytes(), many);
    assert_eq!(text(&one(with_headers(&usual, "", "", b"", &ce(&required)))), "null");
    assert_eq!(batch(with_headers(&split, "", "", b"1", &ce(&required))).len(), 1);
}

#[test]
fn the_data_of_an_event_is_what_its_type_says() {
    let event = |rest: &str| format!(r#"{{"specversion":"1.0","id":"7","source":"s","type":"t",{rest}}}"#);
    let read = |rest: &str| {
        let rules = rules(json!({"as": "cloudevents"}));
        send(&rules, "application/cloudevents+json", "", event(rest).as_bytes())
    };
    let xml = one(read(r#""datacontenttype":"text/xml; charset=latin1","data":"<a>\u00e4</a>""#));
    assert_eq!(text(&xml), r#"{"a":"ä"}"#);
    let plain = one(read(r#""datacontenttype":"text/plain","data":"x\ny""#));
    assert_eq!((text(&plain), &*plain.document.media_type), ("x\ny", "text/plain"));
    assert_eq!(one(read(r#""data_base64":"AQI=""#)).document.body, Body::Binary(b"\x01\x02".into()));
    assert_eq!(text(&one(read(r#""datacontenttype":"a/b+json","data_base64":"WzFd""#))), "[1]");
    assert_eq!(text(&one(read(r#""n":1,"b":true"#))), "null");
    for (rest, expected) in [
        (r#""data":1,"data_base64":"""#, "it has both `data` and `data_base64`"),
        (r#""data_base64":"?""#, "`data_base64` is no base64"),
        (r#""n":1.5"#, "`n` is no string, whole number or boolean"),
        (r#""N":1"#, "\"N\" is no name of an attribute: a to z and 0 to 9"),
        (r#""type":"""#, "it has no attribute `type`"),
        (r#""specversion":"0.3""#, "`specversion` is \"0.3\", and only 1.0 is read"),
    ] {
        let (status, code, message) = refusal(read(rest));
        assert_eq!((status, code), (400, "malformed-cloudevent"));
        assert!(message.ends_with(expected), "{message}");
    }
    let split = rules(json!({"split": true}));
    let batch = format!("[{}, {{}}]", event(r#""data":1"#));
    let message = refusal(send(&split, "application/cloudevents-batch+json", "", batch.as_bytes())).2;
    assert!(message.contains(" in record 2: it has no attribute"), "{message}");
    let missing =
        with_headers(&Rules::default(), "", "", b"1", &ce(&[("specversion", "1.0"), ("id", "%FF")]));
    assert!(refusal(missing).2.ends_with("what is escaped in `ce-id` is no UTF-8"));
}

#[test]
fn records_of_every_kind_are_split() {
    let whole = rules(json!({"split": true, "max_records": 2}));
    let at = rules(json!({"split": "/a/b"}));
    for (rules, media_type, body, expected) in [
        (&whole, "application/json", "[{\"n\":1.0}, 2]", &["{\"n\":1.0}", "2"][..]),
        (&whole, "application/json", "[]", &[]),
        (&at, "application/json", r#"{"a":{"b":[1,2,3]}}"#, &["1", "2", "3"]),
        (&whole, "application/x-ndjson", "1\n\n\"x\"\n", &["1", "\"x\""]),
        (
            &whole,
            "text/csv",
            "a,b\r\n1,2\r\n\r\n3,\"4\n\"\r\n",
            &[r#"{"a":"1","b":"2"}"#, r#"{"a":"3","b":"4\n"}"#],
        ),
        (&at, "text/xml", "<a><b>1</b><b>2</b></a>", &["\"1\"", "\"2\""]),
        (&at, "text/xml", "<a><b>1</b></a>", &["\"1\""]),
    ] {
        let records = batch(send(rules, media_type, "", body.as_bytes()));
        assert_eq!(records.iter().map(text).collect::<Vec<_>>(), expected, "{body}");
        assert!(records.iter().all(|record| record.document.media_type == JSON));
    }
    let rows = batch(send(&whole, "text/csv", "", b"a,b\r\n1,2\r\n\r\n3,\"4\n\"\r\n"));
    let raws: Vec<_> = rows.iter().map(|row| row.raw.as_ref().unwrap()).collect();
    assert_eq!((&*raws[0].bytes, &*raws[1].bytes), (&b"1,2"[..], &b"3,\"4\n\""[..]));
    for (rules, media_type, body, status, code) in [
        (&whole, "application/json", "{}", 422, "no-records"),
        (&at, "application/json", "[]", 422, "no-records"),
        (&at, "text/csv", "a\n", 422, "no-records"),
        (&whole, "application/json", "[1,2,3]", 413, "too-many-records"),
        (&whole, "application/x-ndjson", "1\n2\n3", 413, "too-many-records"),
        (&whole, "text/csv", "a\n1\n2\n3\n", 413, "too-many-records"),
        (&whole, "text/plain", "a", 415, "unsupported-media-type"),
        (&whole, "application/json", "[1,", 400, "malformed-json"),
    ] {
        let refused = refusal(send(rules, media_type, "", body.as_bytes()));
        assert_eq!((refused.0, refused.1), (status, code), "{body}");
    }
    // Parts of one event are told apart by their place.
    let required = ce(&[("specversion", "1.0"), ("id", "7"), ("source", "/s"), ("type", "t")]);
    let parts = batch(with_headers(&at, "application/json", "", br#"{"a":{"b":[1,2]}}"#, &required));
    assert_eq!(
        parts.iter().map(|part| part.key.as_deref().unwrap()).collect::<Vec<_>>(),
        ["/s 7 0", "/s 7 1"]
    );
}
