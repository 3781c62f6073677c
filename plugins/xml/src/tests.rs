//! The plugin through its own door.

use proptest::prelude::*;
use serde_json::{Value, json};
use stepmill_sdk::{Body, Document, Failure, testing};

use super::Xml;

fn run(config: &Value, input: impl Into<Document>) -> Result<String, Failure> {
    testing::transform::<Xml>(&config.to_string(), input).map(|output| output.text().unwrap().to_owned())
}

fn document(xml: &str) -> Document {
    Document { media_type: "application/xml".into(), body: Body::Text(xml.into()) }
}

fn read(xml: &str) -> Result<String, Failure> {
    run(&json!({"to": "json"}), document(xml))
}

fn write(json: &str) -> Result<String, Failure> {
    run(&json!({"to": "xml", "declaration": false}), json)
}

#[test]
fn elements_attributes_and_text_have_their_places() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
        <!-- an order -->
        <o:order xmlns:o="urn:x" id='7 &amp; "8"'>
            <sku unit="kg"> X&lt;1&#x3e; </sku>
            <line>1</line><note/><line><![CDATA[<2>]]></line>
            <empty a=""></empty>
        </o:order>"#;
    let json = r##"{"o:order":{"@xmlns:o":"urn:x","@id":"7 & \"8\"","sku":{"@unit":"kg","#text":"X<1>"},"line":["1","<2>"],"note":"","empty":{"@a":""}}}"##;
    assert_eq!(read(xml).unwrap(), json);
}

#[test]
fn lists_are_lists_even_of_one_and_text_keeps_its_spaces_if_asked_to() {
    let config = json!({"to": "json", "lists": ["line"], "trim": false});
    let json = r#"{"o":{"line":[" 1 "],"x":" "}}"#;
    assert_eq!(run(&config, document("<o>\n <line> 1 </line>\n <x> </x>\n</o>")).unwrap(), json);
    let mixed = r##"{"p":{"#text":"a  c","b":"b"}}"##;
    assert_eq!(read("<p>a <b>b</b> c</p>").unwrap(), mixed);
}

#[test]
fn what_is_not_well_formed_is_told_with_its_place() {
    for (xml, expected) in [
        ("<a>\n<b></a>", "line 2, column "),
        ("<a>", "line 1, column 4: `<a>` is not closed"),
        ("<a/><b/>", "line 1, column 9: there is a second element"),
        ("<a/>x", "line 1, column 6: there is text outside"),
        ("", "line 1, column 1: there is no element"),
        ("<a b='1' b='2'/>", "line 1, "),
        ("<a b=1/>", "line 1, "),
        ("<a>&nbsp;</a>", "the entity `&nbsp;` is not one of XML's own"),
        ("<a>&</a>", "line 1, "),
        ("<a b='&x;'/>", "line 1, "),
        ("<a>&#0;</a>", "line 1, "),
    ] {
        let failure = read(xml).unwrap_err();
        assert_eq!(failure.code(), Some("xml"), "{xml}");
        assert!(failure.message().contains(expected), "{xml}: {}", failure.message());
    }
}

#[test]
fn nothing_is_fetched_and_nothing_grows() {
    let bomb = r#"<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>"#;
    assert_eq!(read(bomb).unwrap_err().code(), Some("xml-doctype"));
    let file = r#"<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"#;
    assert_eq!(read(file).unwrap_err().code(), Some("xml-doctype"));
    let deep = format!("{}{}", "<a>".repeat(64), "</a>".repeat(64));
    assert_eq!(read(&deep).unwrap_err().code(), Some("xml-limit"));
    let many = format!("<a>{}</a>", "<b/>".repeat(9));
    assert_eq!(
        run(&json!({"to": "json", "max_elements": 9}), document(&many)).unwrap_err().code(),
        Some("xml-limit")
    );
    assert!(run(&json!({"to": "json", "max_elements": 10}), document(&many)).is_ok());
}

#[test]
fn another_charset_is_refused() {
    let declared = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>ä</a>";
    let bytes = Document { media_type: "text/xml".into(), body: Body::Binary(declared.into()) };
    assert_eq!(run(&json!({"to": "json"}), bytes).unwrap_err().code(), Some("charset"));
    // Text has been decoded by whoever made it text.
    assert_eq!(read(declared).unwrap(), r#"{"a":"ä"}"#);
}

#[test]
fn json_becomes_xml_with_its_digits_and_its_order() {
    let json =
        r##"{"o": {"b": [1.10, null, true], "@id": "a\"<\n", "#text": "x & y", "c": {"@n": 1}, "d": []}}"##;
    assert_eq!(
        write(json).unwrap(),
        "<o id=\"a&quot;&lt;&#10;\">x &amp; y<b>1.10</b><b/><b>true</b><c n=\"1\"/></o>"
    );
    let indented = run(&json!({"to": "xml", "indent": 2}), r#"{"a": {"b": "1", "c": ""}}"#).unwrap();
    assert_eq!(indented, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>\n  <b>1</b>\n  <c/>\n</a>");
}

#[test]
fn json_that_is_no_xml_is_told_with_its_path() {
    for (json, expected) in [
        ("[]", "the input must be an object with one member"),
        (r#"{"a": 1, "b": 2}"#, "the input must be an object with one member"),
        (r#"{"a": [1]}"#, "at `/a`: a list within a list, or as the root"),
        (r#"{"a": {"b": [[1]]}}"#, "at `/a/b`: a list within a list"),
        (r#"{"a": {"b c": 1}}"#, "at `/a`: \"b c\" is no name"),
        (r#"{"a": {"@1": 1}}"#, "at `/a`: \"1\" is no name"),
        (r#"{"a": {"@b": {}}}"#, "at `/a`: `@b` is no text"),
        (r#"{"a": {"@b": 1, "@b": 2}}"#, "at `/a`: `@b` is there twice"),
        (r#"{"a": {"b": "\u0007"}}"#, "at `/a/b`: XML has no character U+0007"),
    ] {
        let failure = write(json).unwrap_err();
        assert_eq!(failure.code(), Some("xml-write"), "{json}");
        assert!(failure.message().contains(expected), "{json}: {}", failure.message());
    }
    let deep = format!("{}1{}", r#"{"a":"#.repeat(64), "}".repeat(64));
    assert_eq!(write(&deep).unwrap_err().code(), Some("xml-limit"));
}

#[test]
fn config_that_cannot_work_is_refused() {
    for config in
        [json!({"to": "json", "max_depth": 64}), json!({"to": "xml", "indent": 17}), json!({"to": "csv"})]
    {
        assert_eq!(run(&config, "{}").unwrap_err().code(), Some("config"), "{config}");
    }
}

/// JSON that corresponds to XML: as reading makes it, with every list named as one.
fn value() -> impl Strategy<Value = Value> {
    let text = "[ -~äß€\t\n\r]{0,12}";
    let leaf = text.prop_map(Value::from);
    leaf.prop_recursive(4, 40, 4, move |inner| {
        let attributes = prop::collection::vec(("@[a-d]", text.prop_map(Value::from)), 0..3);
        let children = prop::collection::vec(("[a-f:]?[a-f]", inner.clone()), 0..3);
        let lists =
            prop::collection::vec(("l[a-c]", prop::collection::vec(inner, 1..3).prop_map(Value::from)), 0..2);
        (attributes, children, lists).prop_map(|(attributes, children, lists)| {
            let members: serde_json::Map<_, _> =
                attributes.into_iter().chain(children).chain(lists).collect();
            // An element with nothing in it reads as empty text.
            if members.is_empty() { Value::from("") } else { Value::Object(members) }
        })
    })
}

proptest! {
    #[test]
    fn what_was_written_reads_as_it_was(value in value()) {
        let wanted = json!({"root": value});
        let xml = run(&json!({"to": "xml"}), wanted.clone()).unwrap();
        let config = json!({"to": "json", "trim": false, "lists": ["la", "lb", "lc"]});
        let json = run(&config, document(&xml)).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), wanted, "{}", xml);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[<>/a!?&;\"'= \\[\\]\u{0}-\u{10}ä-]{0,40}") {
        if let Ok(json) = read(&text) {
            prop_assert!(serde_json::from_str::<Value>(&json).is_ok(), "{}", json);
        }
    }
}
