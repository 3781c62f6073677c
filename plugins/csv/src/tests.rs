//! The plugin through its own door.

use serde_json::{Value, json};
use stepmill_sdk::{Body, Document, Failure, testing};

use super::Csv;

fn run(config: Value, input: impl Into<Document>) -> Result<String, Failure> {
    testing::transform::<Csv>(&config.to_string(), input).map(|output| output.text().unwrap().to_owned())
}

fn read(config: Value, csv: &str) -> Result<String, Failure> {
    let mut config = config;
    config["to"] = json!("json");
    run(config, Document { media_type: "text/csv".into(), body: Body::Text(csv.into()) })
}

fn write(config: Value, json: &str) -> Result<String, Failure> {
    let mut config = config;
    config["to"] = json!("csv");
    run(config, json)
}

fn code_and_message(failure: Failure) -> (String, String) {
    (failure.code().unwrap_or_default().to_owned(), failure.message().to_owned())
}

#[test]
fn rows_become_objects_of_text_in_the_order_of_the_columns() {
    let csv = "\u{feff}sku,price,note\r\n0042,19.90,\"a \"\"b\"\",\nc\"\r\n\r\n7,1e3, x \r\n";
    let json =
        r#"[{"sku":"0042","price":"19.90","note":"a \"b\",\nc"},{"sku":"7","price":"1e3","note":" x "}]"#;
    assert_eq!(read(json!({}), csv).unwrap(), json);
    assert_eq!(read(json!({}), "a,b\n").unwrap(), "[]");
    assert_eq!(read(json!({}), "").unwrap(), "[]");
}

#[test]
fn columns_name_pick_and_order() {
    let given = json!({"header": false, "columns": ["a", "b"]});
    assert_eq!(read(given, "1,2\n3,4\n").unwrap(), r#"[{"a":"1","b":"2"},{"a":"3","b":"4"}]"#);
    assert_eq!(read(json!({"header": false}), "1,2\n").unwrap(), r#"[["1","2"]]"#);
    assert_eq!(read(json!({"columns": ["c", "a"]}), "a,b,c\n1,2,3\n").unwrap(), r#"[{"c":"3","a":"1"}]"#);
    let missing = read(json!({"columns": ["d"]}), "a,b\n1,2\n").unwrap_err();
    assert_eq!(missing.message(), "the header has no column `d`; it has a, b");
    assert_eq!(read(json!({}), "a,a\n1,2\n").unwrap_err().message(), "the header has the column `a` twice");
}

#[test]
fn numbers_are_asked_for_and_keep_their_digits() {
    let types = json!({"types": {"n": "number", "b": "boolean"}});
    let json = r#"[{"n":12345678901234567890.10,"b":true},{"n":null,"b":null}]"#;
    assert_eq!(read(types.clone(), "n,b\n12345678901234567890.10,TRUE\n,\n").unwrap(), json);
    assert_eq!(
        code_and_message(read(types.clone(), "n,b\n1,true\n0042,true\n").unwrap_err()),
        ("csv-type".into(), "line 3, column \"n\": \"0042\" is no number".into())
    );
    assert_eq!(read(types, "b\ntrue\n").unwrap_err().code(), Some("csv"));
}

#[test]
fn dialects_are_config() {
    let excel = json!({"delimiter": ";", "trim": true, "empty_is_null": true});
    assert_eq!(read(excel, "a; b \n 1 ;\n").unwrap(), r#"[{"a":"1","b":null}]"#);
    assert_eq!(
        read(json!({"delimiter": "\t", "quote": null}), "a\tb\n5\"\tx\n").unwrap(),
        r#"[{"a":"5\"","b":"x"}]"#
    );
    assert_eq!(read(json!({"quote": "'"}), "a,b\n'1,2',3\n").unwrap(), r#"[{"a":"1,2","b":"3"}]"#);
}

#[test]
fn ragged_rows_and_open_quotes_are_rejected_with_their_line() {
    let ragged = read(json!({}), "a,b\n1,2\n3\n").unwrap_err();
    assert_eq!(code_and_message(ragged), ("csv".into(), "line 3 has 1 cells, the first one 2".into()));
    let given = read(json!({"header": false, "columns": ["a"]}), "1,2\n").unwrap_err();
    assert_eq!(given.message(), "line 1 has 2 cells, `columns` 1");
    let open = read(json!({}), "a,b\n1,\"2\n").unwrap_err();
    assert!(open.message().starts_with("a quote \" is not closed"), "{}", open.message());
}

#[test]
fn another_charset_is_refused() {
    let latin = Document {
        media_type: "text/csv; charset=ISO-8859-1".into(),
        body: Body::Binary(b"a\n\xe4\n".into()),
    };
    assert_eq!(run(json!({"to": "json"}), latin).unwrap_err().code(), Some("charset"));
    let bytes = Document { media_type: "text/csv".into(), body: Body::Binary(b"a\n\xe4\n".into()) };
    assert_eq!(run(json!({"to": "json"}), bytes).unwrap_err().code(), Some("input"));
    let utf8 =
        Document { media_type: "text/csv; charset=\"UTF-8\"".into(), body: Body::Binary("a\nä\n".into()) };
    assert_eq!(run(json!({"to": "json"}), utf8).unwrap(), r#"[{"a":"ä"}]"#);
}

#[test]
fn objects_become_rows_with_all_columns_that_occur() {
    let json = r#"[{"b": 1.10, "a": "x,\"y\""}, {"c": true, "a": null}]"#;
    assert_eq!(write(json!({}), json).unwrap(), "b,a,c\r\n1.10,\"x,\"\"y\"\"\",\r\n,,true\r\n");
    let chosen = json!({"columns": ["a", "z"], "line_end": "lf", "header": false, "delimiter": ";"});
    assert_eq!(write(chosen, json).unwrap(), "\"x,\"\"y\"\"\";\n;\n");
    assert_eq!(
        write(json!({"rows": "/data", "line_end": "lf"}), r#"{"data": [{"a": 1}]}"#).unwrap(),
        "a\n1\n"
    );
    assert_eq!(write(json!({"byte_order_mark": true}), "[{\"a\":1}]").unwrap(), "\u{feff}a\r\n1\r\n");
}

#[test]
fn arrays_need_names_for_a_header() {
    assert_eq!(write(json!({"header": false}), "[[1,\"a\"],[2,null]]").unwrap(), "1,a\r\n2,\r\n");
    assert_eq!(write(json!({"columns": ["n", "s"]}), "[[1,\"a\"]]").unwrap(), "n,s\r\n1,a\r\n");
    assert!(write(json!({}), "[[1]]").unwrap_err().message().contains("give the names"));
    assert_eq!(write(json!({"columns": ["n"]}), "[[1,2]]").unwrap_err().code(), Some("csv"));
    assert_eq!(write(json!({"header": false}), "[[1,2],[3]]").unwrap_err().code(), Some("csv"));
}

#[test]
fn what_has_no_place_in_a_cell_is_told_with_its_place() {
    let nested = write(json!({}), r#"[{"a": 1}, {"a": [1]}]"#).unwrap_err();
    assert!(nested.message().starts_with("row 1, column `a`: a cell holds no array"), "{}", nested.message());
    assert_eq!(
        write(json!({}), r#"{"a": 1}"#).unwrap_err().message(),
        "the input has no array at `` (`rows`)"
    );
    assert_eq!(write(json!({}), "[7]").unwrap_err().message(), "row 0 is neither an object nor an array");
}

#[test]
fn formulas_are_neutralized_if_asked_for_and_numbers_are_not_formulas() {
    let json = r#"[{"a": "=1+1", "b": "@x", "c": -5, "d": "-5", "e": "ok"}]"#;
    let safe = write(json!({"neutralize_formulas": true, "header": false}), json).unwrap();
    assert_eq!(safe, "'=1+1,'@x,-5,'-5,ok\r\n");
    assert_eq!(write(json!({"header": false}), json).unwrap(), "=1+1,@x,-5,-5,ok\r\n");
}

#[test]
fn what_was_written_reads_as_it_was() {
    let rows = r#"[{"a":"x\ny","b":"\"q\""},{"a":"","b":" 1;2, "}]"#;
    for config in [json!({}), json!({"delimiter": ";"}), json!({"quote": "'"}), json!({"line_end": "lf"})] {
        let csv = write(config.clone(), rows).unwrap();
        assert_eq!(read(config, &csv).unwrap(), rows);
    }
}

#[test]
fn config_that_cannot_work_is_refused_before_a_document_comes() {
    for (config, message) in [
        (json!({"delimiter": "ab"}), "`delimiter` is \"ab\": give one ASCII character"),
        (json!({"quote": ","}), "`delimiter` and `quote` are the same"),
        (json!({"columns": []}), "`columns` is empty"),
        (json!({"columns": ["a", "a"]}), "`columns` names `a` twice"),
        (json!({"columns": ["a"], "types": {"b": "number"}}), "`types` names the column `b`"),
        (json!({"header": false, "types": {"b": "number"}}), "`types` needs names"),
    ] {
        let failure = read(config, "a\n1\n").unwrap_err();
        assert_eq!(failure.code(), Some("config"));
        assert!(failure.message().starts_with(message), "{}", failure.message());
    }
    assert_eq!(run(json!({"to": "xml"}), "[]").unwrap_err().code(), Some("config"));
}
