//! The plugin through its own door.

use serde_json::{Value, json};
use stepmill_sdk::{Failure, testing};

use super::Aggregate;

fn run(config: Value, input: &str) -> Result<String, Failure> {
    testing::transform::<Aggregate>(&config.to_string(), input)
        .map(|output| output.text().unwrap().to_owned())
}

fn field(field: Value, input: &str) -> Result<String, String> {
    let output =
        run(json!({"fields": {"x": field}}), input).map_err(|failure| failure.message().to_owned())?;
    Ok(output.strip_prefix("{\"x\":").and_then(|rest| rest.strip_suffix('}')).unwrap().to_owned())
}

#[test]
fn items_are_gathered_by_their_keys_in_order() {
    let input = r#"{"lines": [
        {"w": "B", "sku": "X", "amount": 10.10, "due": "2026-02-01"},
        {"w": "A", "sku": "Y", "amount": 5, "due": "2026-01-04"},
        {"w": "B", "sku": "Z", "amount": 20.00, "due": "2026-01-09"}]}"#;
    let config = json!({"items": "/lines", "by": {"warehouse": "/w"}, "fields": {
        "lines": {"count": ""}, "total": {"sum": "/amount"}, "due": {"min": "/due"},
        "skus": {"join": {"of": "/sku"}},
    }});
    let groups = r#"[{"warehouse":"B","due":"2026-01-09","lines":2,"skus":"X, Z","total":30.10},{"warehouse":"A","due":"2026-01-04","lines":1,"skus":"Y","total":5}]"#;
    assert_eq!(run(config, input).unwrap(), groups);
}

#[test]
fn keys_may_be_several_and_missing_but_no_array() {
    let config = json!({"by": {"a": "/a", "b": "/b"}, "fields": {"n": {"count": ""}}});
    let groups =
        run(config.clone(), r#"[{"a":1,"b":"x"},{"a":1},{"a":1,"b":"\u0078"},{"a":"1","b":null}]"#).unwrap();
    assert_eq!(groups, r#"[{"a":1,"b":"x","n":2},{"a":1,"b":null,"n":1},{"a":"1","b":null,"n":1}]"#);
    assert!(run(config, r#"[{"a":[]}]"#).unwrap_err().message().starts_with("item 0 has an array or object"));
}

#[test]
fn sums_are_exact_and_keep_places_and_kind() {
    let sum = |input: &str| field(json!({"sum": ""}), input);
    assert_eq!(sum("[0.1,0.2]").unwrap(), "0.3");
    assert_eq!(sum("[10.10,20.00]").unwrap(), "30.10");
    assert_eq!(sum("[9007199254740993,1]").unwrap(), "9007199254740994");
    assert_eq!(sum("[1,\"2.50\",null]").unwrap(), "\"3.50\"");
    assert_eq!(sum("[1.5e3,-0.5,2E-2]").unwrap(), "1499.52");
    assert_eq!(sum("[]").unwrap(), "0");
    for wrong in ["[1,\"x\"]", "[true]", "[[1]]", "[\"1_000\"]", "[\"\"]"] {
        assert!(sum(wrong).unwrap_err().contains("is no number"), "{wrong}");
    }
    let ten = "1".repeat(40);
    assert!(sum(&format!("[{ten}]")).unwrap_err().contains("more digits than"));
    assert!(sum("[79228162514264337593543950335, 0.1]").unwrap_err().contains("more digits than"));
    assert!(sum("[1e400]").unwrap_err().contains("more digits than"));
}

#[test]
fn extremes_compare_numbers_by_value_and_texts_by_letter() {
    assert_eq!(field(json!({"max": ""}), "[9, 10.0, 1e1]").unwrap(), "10.0");
    assert_eq!(field(json!({"min": ""}), "[\"b\", \"a\", null]").unwrap(), "\"a\"");
    assert_eq!(field(json!({"min": ""}), "[null]").unwrap(), "null");
    assert!(field(json!({"min": ""}), "[1, \"a\"]").unwrap_err().contains("do not compare"));
    assert!(field(json!({"max": ""}), "[true]").unwrap_err().contains("neither a number nor a text"));
}

#[test]
fn values_pass_through_as_they_came() {
    let input = r#"[{"v": 1.0}, {}, {"v": {"a":  2}}, {"v": 1.0}]"#;
    assert_eq!(field(json!({"first": "/v"}), input).unwrap(), "1.0");
    assert_eq!(field(json!({"last": "/v"}), input).unwrap(), "1.0");
    assert_eq!(field(json!({"list": "/v"}), input).unwrap(), "[1.0,{\"a\":  2},1.0]");
    assert_eq!(field(json!({"distinct": "/v"}), input).unwrap(), "[1.0,{\"a\":  2}]");
    assert_eq!(field(json!({"distinct": ""}), r#"["a","\u0061",1]"#).unwrap(), r#"["a",1]"#);
    assert_eq!(field(json!({"count": "/v"}), input).unwrap(), "3");
    assert_eq!(
        field(json!({"join": {"of": "", "separator": "|"}}), "[1,\"a\",true,null]").unwrap(),
        "\"1|a|true\""
    );
    assert!(field(json!({"join": {"of": "/v"}}), input).unwrap_err().contains("cannot be joined"));
}

#[test]
fn config_that_cannot_work_is_refused() {
    for config in [
        json!({"fields": {}}),
        json!({"by": {"x": "/a"}, "fields": {"x": {"count": ""}}}),
        json!({"fields": {"x": {"sum": "amount"}}}),
        json!({"fields": {"x": {"average": "/a"}}}),
        json!({"fields": {"x": {"sum": "/a", "min": "/a"}}}),
    ] {
        assert_eq!(run(config.clone(), "[]").unwrap_err().code(), Some("config"), "{config}");
    }
    assert!(run(json!({"fields": {"x": {"sum": ""}}}), "{}").unwrap_err().message().contains("no array"));
}
