#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use super::compile::Compiler;
use super::environment::{FUNCTIONS, environment};
use super::guard::{PARSER_STACK_BYTES, SHALLOW_DEPTH};
use super::{MAX_DEPTH, MAX_NESTING, MAX_TOKENS, Scope, Template};
use crate::document::Document;
use crate::event::{Event, Trigger};
use crate::id::RunId;

fn event(body: Document) -> Event {
    let texts =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Event {
        trigger: Trigger::Webhook { path: "/orders".into() },
        headers: texts(&[("x-id", "7"), ("host", "example.com")]),
        query: texts(&[("page", "2")]),
        document: body,
        raw: None,
    }
}

fn order() -> Document {
    Document::json(&json!({
        "id": 9_007_199_254_740_993_i64, "big": u64::MAX, "total": 12.5, "whole": 3.0, "note": null, "paid": true,
        "items": [{ "sku": "a", "n": 2 }, { "sku": "b", "n": 1 }], "tags": { "z": 1, "a": 2, "m": 3 },
    }))
}

fn evaluate_on(body: Document, template: &Value) -> Result<Value, String> {
    let event = event(body);
    let input = Document::json(&json!({ "sku": "a", "quantity": 2 }));
    let stock = Arc::new(Document::json(&json!({ "available": 5 })));
    let outputs: BTreeMap<Arc<str>, Arc<Document>> =
        [("stock", &stock), ("my-step", &stock)].map(|(id, output)| (id.into(), Arc::clone(output))).into();
    let run = RunId::new(1_000, [0; 10]);
    let scope = Scope::new(&event, &event.document, &input, &outputs, run, "orders", 1_700_000_000_123);
    let scope = scope.with_links([("boss".into(), "https://a/b".into())].into());
    let template = Template::compile(template).map_err(|errors| errors[0].to_string())?;
    template.evaluate(&scope).map_err(|error| error.to_string())
}

fn evaluate(expression: &str) -> Result<Value, String> {
    evaluate_on(order(), &json!(format!("${{{{ {expression} }}}}")))
}

#[track_caller]
fn gives(expression: &str, expected: Value) {
    assert_eq!(evaluate(expression), Ok(expected), "{expression}");
}

#[track_caller]
fn fails(expression: &str, sentence: &str) {
    let error = evaluate(expression).expect_err(expression);
    assert!(error.contains(sentence), "{expression}: {error}");
}

#[test]
fn a_document_that_is_too_long_is_an_error_and_never_read() {
    let long = Document::json(&json!({ "id": 1, "rest": "x".repeat(1 << 20) }));
    let whole = evaluate_on(long.clone(), &json!("${{ body.id }}")).unwrap_err();
    assert!(whole.contains("too long for expressions"), "{whole}");
    let inside = evaluate_on(long.clone(), &json!("id ${{ has(body.id) ? 'a' : 'b' }}")).unwrap_err();
    assert!(inside.contains("too long for expressions"), "{inside}");
    assert_eq!(
        evaluate_on(long, &json!("${{ input.sku }}")),
        Ok(json!("a")),
        "what is not read does not matter"
    );
}

#[test]
fn a_whole_string_keeps_its_type_and_a_longer_one_is_interpolated() {
    let template = json!({
        "whole": "${{ body.total }}\n", "list": ["${{ body.paid }}", 1], "constant": { "a": "$ {{ }}" },
        "text": "n=${{ body.total }} id=${{ headers['x-id'] }} note=${{ body.note }}; ${{ body.items[0] }}",
        "literal": "${{ '${{' }} }}",
    });
    let expected = json!({
        "whole": 12.5, "list": [true, 1], "constant": { "a": "$ {{ }}" },
        "text": "n=12.5 id=7 note=; {\"n\":2,\"sku\":\"a\"}", "literal": "${{ }}",
    });
    assert_eq!(evaluate_on(order(), &template), Ok(expected));
}

#[test]
fn every_variable_is_there() {
    gives("body.items[1].sku", json!("b"));
    gives("event.body.paid && body.paid", json!(true));
    gives("event.headers['x-id'] + headers.host", json!("7example.com"));
    gives("event.trigger", json!({ "kind": "webhook", "path": "/orders" }));
    gives("query", json!({ "page": "2" }));
    gives("input.quantity", json!(2));
    gives("steps.stock.output.available >= input.quantity", json!(true));
    gives("steps['my-step'].output", json!({ "available": 5 }));
    gives("links.boss + links['boss']", json!("https://a/bhttps://a/b"));
    gives("has(steps.stock.output) && !has(steps.skipped.output)", json!(true));
    gives(
        "run",
        json!({ "id": RunId::new(1_000, [0; 10]).to_string(), "workflow": "orders",
                "accepted_at": "2023-11-14T22:13:20.123Z", "accepted_ms": 1_700_000_000_123_u64 }),
    );
    gives("timestamp(run.accepted_at) < timestamp('2024-01-01T00:00:00Z')", json!(true));
    gives("event.headers.size() + size(event)", json!(6));
}

#[test]
fn numbers_survive_and_compare_across_types() {
    gives("body.id", json!(9_007_199_254_740_993_i64));
    gives("[body.id + 0, body.big]", json!([9_007_199_254_740_993_i64, u64::MAX]));
    gives("[body.whole]", json!([3.0]));
    gives("body.whole == 3 && body.total > 12 && body.total < 13 && 12 < body.total", json!(true));
    gives("body.big > 1 && 1 < body.big && body.whole in [1, 2, 3]", json!(true));
    gives("double(body.items[0].n) * body.total", json!(25.0));
    fails(
        "body.items[0].n * body.total",
        "there is no mul of int and double; convert one, with int(), double()",
    );
    fails("1.0 / 0.0", "JSON has no number inf");
    fails("body.id * body.id", "Overflow");
}

#[test]
fn maps_come_out_in_key_order() {
    for _ in 0..8 {
        gives("body.tags.map(k, k)", json!(["a", "m", "z"]));
        let text = evaluate_on(order(), &json!("=${{ {'z': 1, 'a': {'y': 1, 'b': 2}} }}"));
        assert_eq!(text, Ok(json!(r#"={"a":{"b":2,"y":1},"z":1}"#)));
    }
    gives("body.items.filter(i, i.n > 1).map(i, i.sku)", json!(["a"]));
    gives("body.items.exists(i, i.sku == input.sku) && body.tags.all(k, body.tags[k] > 0)", json!(true));
}

#[test]
fn what_is_not_there_is_an_error_unless_asked_for() {
    fails("body.nothing", "there is no body.nothing");
    fails("body.items[7].sku", "there is no body.items[7]");
    fails("body.nothing.at.all == 1", "nothing");
    fails("body.items[0].nothing == 1", "\"nothing\"");
    fails("has(body.nothing.there)", "there is no body.nothing.there");
    fails("headers['x-none']", "there is no headers.x-none");
    gives("has(body.nothing)", json!(false));
    gives("has(body.note) && has(headers.host) && has(body.tags.z)", json!(true));
    gives("body.?nothing.orValue('none')", json!("none"));
    gives("body.?nothing.at.all", json!(null));
    gives("steps.skipped.?output.orValue(7)", json!(7));
    gives("body.tags[?'z'].orValue(0)", json!(1));
}

#[test]
fn a_body_that_is_not_json_is_a_string() {
    let body = |document| evaluate_on(document, &json!("${{ body }}"));
    assert_eq!(body(Document::from_bytes("text/plain", b"7".to_vec())), Ok(json!("7")));
    assert_eq!(body(Document::from_bytes("application/json", b"{".to_vec())), Ok(json!("{")));
    assert_eq!(body(Document::from_bytes("image/png", vec![0, 255])), Ok(json!("AP8=")));
    assert_eq!(body(Document::from_bytes("application/cloudevents+json", b"[1]".to_vec())), Ok(json!([1])));
}

#[test]
fn what_can_be_known_at_compile_time_is_an_error_then() {
    let table = [
        ("bdy.id", "there is no variable \"bdy\""),
        ("[1].map(x, y)", "there is no variable \"y\""),
        ("steps.my-step.output", "a name with a dash is written"),
        ("steps.?third", "a step is named outright"),
        ("_siz(1)", "there is no function"),
        ("steps", "a step is named outright"),
        ("links", "a link is named outright"),
        ("links[input.sku]", "a link is named outright"),
        ("steps[input.sku].output", "a step is named outright"),
        ("steps.map(s, s)", "a step is named outright"),
        ("[1].map(steps, steps).size() + steps.size()", "a step is named outright"),
        ("siz(body.items)", "there is no function \"siz\"; did you mean \"size\"?"),
        ("body.id.frobnicate()", "there is no function \"frobnicate\""),
        ("headers['X-Id']", "write headers['x-id']"),
        ("Order{id: 1}", "there is no message type"),
        ("", "there is nothing between the braces"),
        ("1 +", "line 1, column"),
        ("'open", "is not closed"),
        ("(1", "is not closed"),
    ];
    for (expression, sentence) in table {
        fails(expression, sentence);
    }
    let errors = Template::compile(&json!({ "a/b": ["${{ x }}", "${{ y }}"], "${{ k }}": 1 })).unwrap_err();
    let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["/${{ k }}", "/a~1b/0", "/a~1b/1"]);
}

#[test]
fn a_template_says_what_it_refers_to_and_where() {
    let template = Template::compile(&json!({
        "a": "${{ steps['my-step'].output.x + body.y }}", "b": [1, "x ${{ has(steps.other.output) }}"], "c": "z",
        "d": "${{ body.items.map(input, input.sku) }}", "e": "${{ steps.third.?output }}", "f": "${{ links.boss }}", "g": "${{ links['two-eyes'] }}",
    }))
    .unwrap();
    let references = template.references();
    assert_eq!(references.steps.iter().collect::<Vec<_>>(), ["my-step", "other", "third"]);
    assert_eq!(references.links.iter().collect::<Vec<_>>(), ["boss", "two-eyes"]);
    assert_eq!(references.variables.iter().collect::<Vec<_>>(), ["body", "links", "steps"]);
    assert_eq!(template.dynamic_pointers(), ["/a", "/b/1", "/d", "/e", "/f", "/g"]);
    assert!(template.as_constant().is_none());
    let constant = Template::compile(&json!({ "c": ["z", 1] })).unwrap();
    assert_eq!(constant.as_constant(), Some(&json!({ "c": ["z", 1] })));
}

#[test]
fn every_listed_function_is_one_of_cel() {
    let context = cel::Context::with_env(environment());
    for name in FUNCTIONS.iter().filter(|name| !name.contains('@')) {
        for call in [format!("{name}()"), format!("dyn(1).{name}()")] {
            // A macro with other arguments is not a call, and a global function no member one.
            let Ok(expr) = environment().parser().parse(&call) else { continue };
            let known = !matches!(
                cel::Value::resolve(&expr, &context),
                Err(cel::ExecutionError::UndeclaredReference(_))
            );
            if known || is_macro(name) {
                break;
            }
            assert!(!call.starts_with("dyn(1)"), "{name} is no function of CEL");
        }
    }
    gives("math.greatest(1, 2) + math.abs(-1)", json!(3));
    gives("'A,b'.lowerAscii().split(',')", json!(["a", "b"]));
    gives("optional.of(1).hasValue() && type(1) == int", json!(true));
    gives("duration('90s')", json!("90s"));
    gives("b'a'", json!("YQ=="));
}

fn is_macro(name: &str) -> bool {
    matches!(
        name,
        "all" | "exists" | "exists_one" | "filter" | "has" | "map" | "math.greatest" | "math.least"
    )
}

/// Runs on as little stack as a worker thread of the service has left at worst.
fn on_a_small_stack(test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        thread::Builder::new().stack_size(1 << 20).spawn_scoped(scope, test).unwrap().join().unwrap();
    });
}

#[test]
fn a_hostile_expression_is_an_error_and_no_stack_overflow() {
    let chain = |part: &str, n: usize| format!("1{}", part.repeat(n));
    let nested = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    let hostile = [
        nested("(", ")", 2_000),
        nested("[", "]", 48),
        nested("{1:", "}", 2_000),
        nested("f(", ")", 1_000),
        "(".repeat(4_000),
        "[".repeat(200_000),
        "-".repeat(4_000),
        "!".repeat(3_000) + "true",
        "true?".repeat(700),
        "true?1:".repeat(500) + "1",
        "a ? b : ".repeat(33) + "1",
        chain("+1", 2_000),
        chain("+1", 480),
        chain(".a", 2_000),
        chain("[0]", 1_300),
        chain(" in [1]", 500),
        chain(".size()", 300),
        "body".to_owned() + &".a".repeat(490),
        "body".to_owned() + &".?a".repeat(300),
        "body".to_owned() + &"[0]".repeat(249),
        "[1].map(x,".repeat(33) + "1" + &")".repeat(33),
    ];
    on_a_small_stack(|| {
        for expression in hostile {
            let start: String = expression.chars().take(20).collect();
            assert!(evaluate(&expression).is_err(), "{start}");
        }
    });
}

#[test]
fn the_worst_that_reaches_the_parser_takes_a_quarter_of_its_stack() {
    let worst = [
        format!("{}1{}", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING)),
        format!("{}1{}", "{1:".repeat(MAX_NESTING), "}".repeat(MAX_NESTING)),
        format!("{}1{}", "[1].map(x,".repeat(16), ")".repeat(16)),
        "true?1:".repeat(MAX_NESTING) + "1",
        "1".to_owned() + &"+1".repeat(MAX_TOKENS / 2 - 1),
        "a".to_owned() + &".a".repeat(MAX_TOKENS / 2 - 1),
        "a".to_owned() + &"[0]".repeat(MAX_TOKENS / 2 - 1),
        "a".to_owned() + &" in a".repeat(MAX_TOKENS / 2 - 1),
        "a".to_owned() + &".a()".repeat(MAX_TOKENS / 3 - 1),
        "a".to_owned() + &"&&a".repeat(MAX_TOKENS / 3 - 1),
        "-".repeat(MAX_TOKENS - 1) + "1",
    ];
    for expression in worst {
        let value = json!(format!("${{{{{expression}}}}}"));
        let compile = || {
            let opaque = BTreeSet::new();
            let mut compiler = Compiler::new(&opaque);
            compiler.node(&value, &mut String::new());
            compiler.errors.iter().all(|error| !error.message.contains("too many"))
        };
        thread::scope(|scope| {
            let builder = thread::Builder::new().stack_size(PARSER_STACK_BYTES / 4);
            assert!(
                builder.spawn_scoped(scope, compile).unwrap().join().unwrap(),
                "did not reach the parser"
            );
        });
    }
}

#[test]
fn the_deepest_expression_that_is_allowed_is_evaluated_on_a_small_stack() {
    let sum = "0".to_owned() + &"+1".repeat(MAX_DEPTH - 1);
    let shallow = "0".to_owned() + &"+1".repeat(SHALLOW_DEPTH - 1);
    let nested = format!("{}1{}", "[".repeat(MAX_NESTING - 1), "]".repeat(MAX_NESTING - 1));
    let maps = format!("{}1{}", "[1].map(x, ".repeat(12), ")".repeat(12));
    on_a_small_stack(|| {
        gives(&sum, json!(MAX_DEPTH - 1));
        gives(&shallow, json!(SHALLOW_DEPTH - 1));
        fails(&format!("{sum}+1"), "nest 65 deep: at most 64");
        assert!(evaluate(&nested).is_ok(), "{:?}", evaluate(&nested));
        assert!(evaluate(&maps).is_ok(), "{:?}", evaluate(&maps));
        let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
        let deep = || Document::from_bytes("application/json", deep.clone().into_bytes());
        assert!(evaluate_on(deep(), &json!("${{ [body] == [body, body] || [body].size() == 1 }}")).is_ok());
        assert!(evaluate_on(deep(), &json!("x${{ [body, input] }}")).is_ok());
    });
}
