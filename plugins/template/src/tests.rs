//! The plugin through its own door.

use serde_json::{Value, json};
use stepmill_sdk::{Document, Failure, testing};

use super::Template;

fn render(template: &str, media_type: &str, input: Value) -> Result<Document, Failure> {
    let config = json!({"template": template, "media_type": media_type}).to_string();
    testing::transform::<Template>(&config, input)
}

fn text(template: &str, input: Value) -> Result<String, Failure> {
    render(template, "text/plain", input).map(|output| output.text().unwrap().to_owned())
}

#[test]
fn members_are_variables_and_the_whole_is_input() {
    let order = json!({"id": "A1", "lines": [{"sku": "X", "n": 2}, {"sku": "Y", "n": 1}]});
    let template = "Order {{ id }}:{% for line in lines %}\n- {{ line.n }} x {{ line.sku }}{% endfor %}\n";
    assert_eq!(text(template, order).unwrap(), "Order A1:\n- 2 x X\n- 1 x Y\n");
    assert_eq!(text("{{ input | length }} {{ input[0] }}", json!(["a", "b"])).unwrap(), "2 a");
    assert_eq!(text("{{ input.id }}", json!({"id": 7})).unwrap(), "7");
    assert_eq!(text("{{ \"%.2f\" | format(price) }}", json!({"price": 19.9})).unwrap(), "19.90");
}

#[test]
fn values_are_escaped_as_the_media_type_asks() {
    let input = json!({"a": "<b>\"'&", "n": [1, "x"]});
    let rendered = |template: &str, media_type: &str| {
        let output = render(template, media_type, input.clone()).unwrap();
        assert_eq!(output.media_type, media_type);
        output.text().unwrap().to_owned()
    };
    for media_type in
        ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "text/xml", "image/svg+xml"]
    {
        assert!(!rendered("{{ a }}", media_type).contains(['<', '"', '\'']), "{media_type}");
    }
    assert_eq!(rendered("<i>{{ a | safe }}</i>", "text/html"), "<i><b>\"'&</i>");
    assert_eq!(rendered("{{ a }}", "text/plain"), "<b>\"'&");
    let json: Value =
        serde_json::from_str(&rendered(r#"{"a": {{ a }}, "n": {{ n }}}"#, "application/json")).unwrap();
    assert_eq!(json, input);
}

#[test]
fn what_is_not_there_is_named_with_its_line() {
    let missing = text("Dear {{ name }},\ncall {{ customer.phone }}", json!({"name": "Ada", "customer": {}}))
        .unwrap_err();
    assert_eq!(missing.code(), Some("template-undefined"));
    assert_eq!(missing.message(), "line 2: `customer.phone` is not there");
    let within = text("{{ a.b.c }}", json!({})).unwrap_err();
    assert_eq!(within.code(), Some("template-undefined"));
    assert_eq!(text("{{ phone | default('none') }}", json!({})).unwrap(), "none");
    assert_eq!(text("{% if phone is defined %}x{% endif %}", json!({})).unwrap(), "");
}

#[test]
fn mistakes_in_a_template_are_told_with_their_line() {
    for (template, expected) in [
        ("a\n{% if x %}", "line 2: "),
        ("{{ x | no_such_filter }}", "line 1: "),
        ("a\n\n{{ x + }}", "line 3: "),
        ("{% include \"other\" %}", "line 1: "),
    ] {
        let failure = text(template, json!({"x": 1})).unwrap_err();
        assert!(failure.message().starts_with(expected), "{template}: {}", failure.message());
    }
    assert_eq!(text("{% if x %}", json!({})).unwrap_err().code(), Some("template"));
    assert_eq!(text("{{ 1 / 0 }}", json!({})).unwrap_err().code(), Some("template-error"));
}

#[test]
fn one_template_is_given_as_text_or_as_a_file() {
    let run = |config: Value| testing::transform::<Template>(&config.to_string(), json!({"a": 1}));
    // The host puts the file's text in place of its path.
    assert_eq!(run(json!({"file": "a={{ a }}\n"})).unwrap().text().unwrap(), "a=1\n");
    assert_eq!(run(json!({})).unwrap_err().code(), Some("config"));
    assert_eq!(run(json!({"file": "a", "template": "b"})).unwrap_err().code(), Some("config"));
    let schema = serde_json::to_value(schemars::schema_for!(super::Config)).unwrap();
    assert_eq!(schema["properties"]["file"]["x-stepmill-file"], json!(true));
    assert_eq!(schema["additionalProperties"], json!(false));
}

#[test]
fn blocks_can_leave_no_lines_behind() {
    let template = "{% for x in input %}\n  {% if x %}\n{{ x }}\n  {% endif %}\n{% endfor %}\n";
    let config = json!({"template": template, "trim_blocks": true}).to_string();
    let output = testing::transform::<Template>(&config, json!([1, 2])).unwrap();
    assert_eq!(output.text().unwrap(), "1\n2\n");
}
