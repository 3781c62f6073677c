//! The plugin through its own door, and its config schema as the host uses it.

use serde_json::{Value, json};
use stepmill_sdk::{Failure, Violation, testing};

use super::{Config, JsonSchema};

fn check(schema: Value, input: Value) -> Result<Vec<Violation>, Failure> {
    testing::validate::<JsonSchema>(&json!({ "schema": schema }).to_string(), input)
}

fn order() -> Value {
    json!({
        "type": "object",
        "required": ["id", "lines"],
        "properties": {
            "id": { "type": "string", "minLength": 1 },
            "email": { "format": "email" },
            "lines": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/line" } },
        },
        "$defs": {
            "line": { "required": ["sku"], "properties": {
                "sku": { "pattern": "^[A-Z]+-[0-9]+$" }, "quantity": { "type": "integer", "minimum": 1 },
            } },
        },
    })
}

#[test]
fn a_valid_document_has_no_violations() {
    assert_eq!(check(order(), json!({"id": "A", "lines": [{"sku": "X-1", "quantity": 2}]})), Ok(vec![]));
    assert_eq!(check(json!(true), json!(1)), Ok(vec![]));
}

#[test]
fn every_violation_is_listed_with_place_rule_and_message() {
    let input = json!({"email": "nobody", "lines": [{"sku": "x", "quantity": 0}, {"a/b": 1}]});
    let mut violations = check(order(), input).unwrap();
    violations.sort_by(|a, b| (&a.pointer, &a.rule).cmp(&(&b.pointer, &b.rule)));
    let found: Vec<_> =
        violations.iter().map(|v| (v.pointer.as_str(), v.rule.as_str(), v.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("", "required", "\"id\" is a required property"),
            ("/email", "format", "\"nobody\" is not a \"email\""),
            ("/lines/0/quantity", "minimum", "0 is less than the minimum of 1"),
            ("/lines/0/sku", "pattern", "\"x\" does not match \"^[A-Z]+-[0-9]+$\""),
            ("/lines/1", "required", "\"sku\" is a required property"),
        ]
    );
}

#[test]
fn pointers_are_escaped_and_messages_are_cut() {
    let violations =
        check(json!({"properties": {"a/b~c": {"type": "null"}}}), json!({"a/b~c": "x".repeat(1000)}))
            .unwrap();
    assert_eq!(violations[0].pointer, "/a~1b~0c");
    assert_eq!(violations[0].message.chars().count(), 301);
}

#[test]
fn formats_can_be_left_out() {
    let config = json!({"schema": {"format": "email"}, "formats": false}).to_string();
    assert_eq!(testing::validate::<JsonSchema>(&config, r#""nobody""#), Ok(vec![]));
}

#[test]
fn references_outwards_are_refused() {
    let failure = check(json!({"$ref": "https://example.com/order.json"}), json!(1)).unwrap_err();
    assert_eq!(failure.code(), Some("schema"));
    assert!(failure.message().contains("https://example.com/order.json"), "{}", failure.message());
    let local = check(json!({"$ref": "#/$defs/missing"}), json!(1)).unwrap_err();
    assert_eq!(local.code(), Some("schema"));
}

#[test]
fn older_drafts_are_known_by_their_schema_keyword() {
    let tuple = json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]});
    assert_eq!(check(tuple, json!([1])).unwrap()[0].pointer, "/0");
}

#[test]
fn each_draft_keeps_its_own_rules() {
    // `dependentRequired` and `prefixItems` are of 2020-12 only; draft 4 has boolean `exclusiveMinimum`.
    let new = json!({"dependentRequired": {"a": ["b"]}, "properties": {"a": {"prefixItems": [{"type": "string"}]}}});
    let rules = |violations: Vec<Violation>| violations.into_iter().map(|v| v.rule).collect::<Vec<_>>();
    let mut found = rules(check(new, json!({"a": [1]})).unwrap());
    found.sort();
    assert_eq!(found, ["required", "type"]);
    let old =
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": true});
    assert_eq!(check(old, json!(1)).unwrap().len(), 1);
    let other = json!({"$schema": "https://example.com/dialect"});
    assert_eq!(check(other, json!(1)).unwrap_err().code(), Some("schema"));
    let beside = json!({"$ref": "#/$defs/any", "type": "string", "$defs": {"any": true}});
    assert_eq!(rules(check(beside, json!(1)).unwrap()), ["type"]);
}

#[test]
fn a_schema_may_have_an_id_and_refer_to_itself() {
    let tree = json!({
        "$id": "https://example.com/tree", "type": "object",
        "properties": { "children": { "type": "array", "items": { "$ref": "tree" } }, "name": { "$ref": "#name" } },
        "$defs": { "n": { "$anchor": "name", "type": "string" } },
    });
    let violations = check(tree, json!({"children": [{"children": [{"name": 1}]}]})).unwrap();
    assert_eq!(violations[0].pointer, "/children/0/children/0/name");
}

#[test]
fn a_malformed_schema_is_a_rejection_even_if_no_host_checked_it() {
    for schema in [json!({"type": "strin"}), json!({"minimum": "1"}), json!({"pattern": "("}), json!(7)] {
        let failure = check(schema.clone(), json!("a")).unwrap_err();
        assert_eq!(failure.code(), Some("schema"), "{schema}");
    }
}

#[test]
fn a_schema_that_is_none_is_refused_by_the_config_schema() {
    let config_schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    assert_eq!(config_schema["properties"]["schema"]["x-stepmill-file"], true);
    let validator = jsonschema::validator_for(&config_schema).unwrap();
    for good in [
        json!({"schema": order()}),
        json!({"schema": true}),
        json!({"schema": {"$schema": "http://json-schema.org/draft-07/schema#", "items": [true]}, "formats": false}),
    ] {
        assert!(validator.is_valid(&good), "{good}");
    }
    for bad in [
        json!({}),
        json!({"schema": 1}),
        json!({"schema": {"type": "strin"}}),
        json!({"schema": {"properties": {"a": {"minimum": "1"}}}}),
        json!({"schema": {"items": [true]}}),
        json!({"schema": true, "format": true}),
    ] {
        assert!(!validator.is_valid(&bad), "{bad}");
    }
}
