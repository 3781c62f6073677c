//! The plugin through its own door: config text and a document in, a document out.

use serde_json::{Value, json};
use stepmill_sdk::{Body, Document, Failure, testing};

use super::Map;

fn run(config: Value, input: Value) -> Result<String, Failure> {
    testing::transform::<Map>(&config.to_string(), input).map(|output| output.text().unwrap().to_owned())
}

fn map(program: &str, input: Value) -> Result<String, Failure> {
    run(json!({ "jq": program }), input)
}

#[test]
fn a_document_is_reshaped() {
    let order = json!({"id": "A1", "customer": {"name": "Ada"}, "lines": [{"sku": "X", "quantity": 2, "price": 1.5}]});
    let program = r#"
        # comments are fine
        { id, customer: .customer.name, lines: [.lines[] | { sku, total: (.quantity * .price) }],
          total: ([.lines[] | .quantity * .price] | add) }"#;
    let shaped = r#"{"id":"A1","customer":"Ada","lines":[{"sku":"X","total":3.0}],"total":3.0}"#;
    assert_eq!(map(program, order).unwrap(), shaped);
}

#[test]
fn the_whole_standard_library_is_there() {
    for (program, input, output) in [
        ("to_entries", json!({"a": 1}), r#"[{"key":"a","value":1}]"#),
        ("with_entries(.value += 1)", json!({"a": 1}), r#"{"a":2}"#),
        ("group_by(.k) | map(length)", json!([{"k": 1}, {"k": 2}, {"k": 1}]), "[2,1]"),
        (r#"sub("(?<x>b+)"; "<\(.x)>")"#, json!("abba"), r#""a<bb>a""#),
        (r#"test("^[A-Z]+$")"#, json!("ABC"), "true"),
        (r#""2015-03-05T23:51:47Z" | fromdate | todate"#, json!(null), r#""2015-03-05T23:51:47Z""#),
        (r#"@base64 "x\(.)", (@csv "\([1, "a"])")"#, json!("y"), ""),
        ("[limit(3; range(10))]", json!(null), "[0,1,2]"),
        ("walk(if type == \"number\" then . + 1 else . end)", json!([1, [2]]), "[2,[3]]"),
        ("[paths]", json!({"a": [1]}), r#"[["a"],["a",0]]"#),
        ("[.[] | tonumber? // 0]", json!(["1", "x"]), "[1,0]"),
        ("reduce .[] as [$a, $b] (0; . + $a * $b)", json!([[1, 2], [3, 4]]), "14"),
        ("def f(g): g | g; f(. * 2)", json!(3), "12"),
        ("env", json!(null), ""),
        ("ascii_downcase | ltrimstr(\"ab\") | @json", json!("ABc"), r#""\"c\"""#),
        ("map(.) | first, last | tostring", json!([1, 2]), ""),
        ("input_line_number? // .", json!(1), ""),
    ] {
        let result = map(program, input);
        if output.is_empty() {
            // Several outputs, or not in jaq; what counts is that nothing panics.
            drop(result);
        } else {
            assert_eq!(result.as_deref(), Ok(output), "{program}");
        }
    }
}

#[test]
fn one_output_is_expected_unless_an_array_is_asked_for() {
    let none = map(".[] | select(. > 5)", json!([1, 2])).unwrap_err();
    assert_eq!(none.code(), Some("jq-outputs"));
    assert!(none.message().contains("no output"), "{}", none.message());
    let several = map(".[]", json!([1, 2])).unwrap_err();
    assert!(several.message().contains("several outputs"), "{}", several.message());
    assert_eq!(run(json!({"jq": ".[]", "outputs": "array"}), json!([1, 2])).unwrap(), "[1,2]");
    assert_eq!(run(json!({"jq": "empty", "outputs": "array"}), json!([1, 2])).unwrap(), "[]");
}

#[test]
fn a_bad_program_is_told_with_its_place() {
    for (program, expected) in [
        ("{a: 1,\n b: foo(.x)}", "line 2, column 5: there is no filter `foo/1`, at `foo`"),
        ("$x", "line 1, column 1: there is no variable `$x`"),
        (".a |", "line 1, column 5: expected term, at the end"),
        ("[1, 2", "line 1, column 6: expected closing bracket, at the end"),
        ("map(.)) | .a", "column 7: expected token, at `) | .a`"),
        ("import \"x\" as x; .", "module loading not supported"),
    ] {
        let failure = map(program, json!(null)).unwrap_err();
        assert_eq!(failure.code(), Some("jq-program"), "{program}");
        assert!(failure.message().contains(expected), "{program}: {}", failure.message());
    }
}

#[test]
fn an_error_of_the_program_is_a_rejection_in_its_own_words() {
    assert_eq!(map(r#"error("no customer")"#, json!(1)), Err(Failure::reject("jq-error", "no customer")));
    let index = map(".a", json!("text")).unwrap_err();
    assert!(index.message().starts_with("cannot index"), "{}", index.message());
    assert_eq!(map("halt", json!(1)).unwrap_err().message(), "the program halted with 0");
    assert_eq!(map("1, error(\"late\")", json!(1)).unwrap_err().message(), "late");
}

#[test]
fn numbers_keep_their_digits_and_the_output_is_always_json() {
    let digits = r#"[12345678901234567890,1.10,1e2,-0.5]"#;
    let output = testing::transform::<Map>(r#"{"jq": "."}"#, digits).unwrap();
    assert_eq!(output.text().unwrap(), digits);
    assert_eq!(map("[nan, infinite]", json!(1)).unwrap(), "[null,1.7976931348623157e308]");
    assert_eq!(map("\"a\\u0000\\n\\\"\\\\ä\"", json!(1)).unwrap(), "\"a\\u0000\\n\\\"\\\\ä\"");
    assert_eq!(map("{(1): 2}", json!(1)).unwrap_err().code(), Some("jq-output"));
    assert_eq!(map("reduce range(200) as $i (0; [.])", json!(1)).unwrap_err().code(), Some("jq-output"));
}

#[test]
fn text_is_one_string_if_asked_for() {
    let csv = Document { media_type: "text/csv".into(), body: Body::Binary(b"a;1\nb;2\n".to_vec()) };
    let program = r#"{"jq": "rtrimstr(\"\\n\") / \"\\n\" | map(. / \";\")", "input": "text"}"#;
    let output = testing::transform::<Map>(program, csv.clone()).unwrap();
    assert_eq!(output.text().unwrap(), r#"[["a","1"],["b","2"]]"#);
    let refused = testing::transform::<Map>(r#"{"jq": "."}"#, csv).unwrap_err();
    assert_eq!(refused.code(), Some("input"));
}

#[test]
fn debug_goes_to_the_log() {
    testing::logs();
    assert_eq!(map("debug | . + 1", json!(1)).unwrap(), "2");
    assert_eq!(testing::logs(), ["debug: 1"]);
}

#[test]
fn config_is_checked_and_described() {
    let typo = run(json!({"jp": "."}), json!(1)).unwrap_err();
    assert_eq!(typo.code(), Some("config"));
    let schema = serde_json::to_value(schemars::schema_for!(super::Config)).unwrap();
    assert_eq!(schema["required"], json!(["jq"]));
    assert_eq!(schema["additionalProperties"], json!(false));
}
