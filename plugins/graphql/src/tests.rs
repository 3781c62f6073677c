//! The plugin through its own door, with HTTP from a script.

use std::time::Duration;

use serde_json::{Value, json};
use stepmill_sdk::http::Error;
use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
use stepmill_sdk::{Document, Failure};

use super::GraphQl;

fn run(config: Value, http: &FakeHttp) -> Result<Document, Failure> {
    testing::connect::<GraphQl>(&config.to_string(), "null", http, &MemoryStorage::new())
}

fn answered(config: Value, status: u16, body: Value) -> Result<String, Failure> {
    let http = FakeHttp::new().reply_json("POST", "/graphql", status, &body);
    run(config, &http).map(|output| output.text().unwrap().to_owned())
}

fn sent(http: &FakeHttp, at: usize) -> Value {
    serde_json::from_slice(http.requests()[at].body.as_deref().unwrap()).unwrap()
}

fn header(http: &FakeHttp, name: &str) -> Option<String> {
    let request = &http.requests()[0];
    let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(String::from_utf8(found.value.clone()).unwrap())
}

#[test]
fn a_query_is_sent_with_its_variables_and_its_data_is_the_output() {
    let http = FakeHttp::new().reply("POST", "/api", 200, r#"{"data": {"n": 12345678901234567890}}"#);
    let config = json!({
        "path": "/api", "query": "query A($x: Int) { n(x: $x) } query B { n }", "operation_name": "A",
        "variables": {"x": 1}, "headers": {"X-Tenant": 7},
    });
    assert_eq!(run(config, &http).unwrap().text().unwrap(), r#"{"n": 12345678901234567890}"#);
    let query = "query A($x: Int) { n(x: $x) } query B { n }";
    assert_eq!(sent(&http, 0), json!({"query": query, "operationName": "A", "variables": {"x": 1}}));
    assert_eq!(header(&http, "x-tenant").as_deref(), Some("7"));
    assert_eq!(header(&http, "idempotency-key"), None);
    assert_eq!(header(&http, "content-type").as_deref(), Some("application/json"));
}

#[test]
fn a_mutation_carries_the_idempotency_key() {
    for (config, name, value) in [
        (json!({}), "idempotency-key", Some("test-key")),
        (json!({"idempotency_header": "X-Key"}), "x-key", Some("test-key")),
        (json!({"idempotency_header": null}), "idempotency-key", None),
    ] {
        let mut config = config;
        config["query"] = json!("mutation { pay }");
        let http = FakeHttp::new().reply("POST", "/graphql", 200, r#"{"data": {"pay": true}}"#);
        run(config, &http).unwrap();
        assert_eq!(header(&http, name).as_deref(), value);
    }
}

#[test]
fn errors_in_a_200_are_a_failure() {
    let query = || json!({"query": "{ a }"});
    let errors = json!({"data": null, "errors": [{"message": "no such field"}, {"message": "x"}]});
    assert_eq!(answered(query(), 200, errors), Err(Failure::reject("graphql", "no such field; x")));
    let coded = json!({"errors": [{"message": "who?", "extensions": {"code": "UNAUTHENTICATED"}}]});
    assert_eq!(answered(query(), 200, coded.clone()).unwrap_err().code(), Some("graphql-unauthenticated"));
    assert_eq!(answered(query(), 400, coded).unwrap_err().code(), Some("graphql-unauthenticated"));
    let throttled = json!({"errors": [{"message": "slow", "extensions": {"code": "THROTTLED"}}]});
    assert_eq!(answered(query(), 200, throttled.clone()), Err(Failure::retry("slow (THROTTLED)")));
    let never = json!({"query": "{ a }", "retry_codes": []});
    assert_eq!(answered(never, 200, throttled).unwrap_err().code(), Some("graphql-throttled"));
    let odd = json!({"errors": [{"message": "x", "extensions": {"code": 7}}]});
    assert_eq!(answered(query(), 200, odd).unwrap_err().code(), Some("graphql"));
}

#[test]
fn partial_data_is_a_failure_unless_it_is_accepted() {
    let partial = json!({"data": {"a": 1, "b": null}, "errors": [{"message": "no b"}]});
    assert_eq!(
        answered(json!({"query": "{ a }"}), 200, partial.clone()).unwrap_err().code(),
        Some("graphql")
    );
    let accept = json!({"query": "{ a }", "partial": "accept"});
    assert_eq!(answered(accept.clone(), 200, partial.clone()).unwrap(), r#"{"a":1,"b":null}"#);
    let full = json!({"query": "{ a }", "partial": "accept", "output": "full"});
    assert_eq!(answered(full, 200, partial.clone()).unwrap(), partial.to_string());
    let nothing = json!({"data": null, "errors": [{"message": "no b"}]});
    assert!(answered(accept, 200, nothing).is_err());
}

#[test]
fn what_is_no_graphql_is_judged_by_its_status() {
    let outcome = |status: u16, body: &str| {
        let http = FakeHttp::new().reply_with("POST", "/graphql", status, &[("Retry-After", "9")], body);
        run(json!({"query": "{ a }"}), &http).unwrap_err()
    };
    assert_eq!(outcome(503, "<html>").delay(), Some(Duration::from_secs(9)));
    assert!(outcome(429, r#"{"errors": [{"message": "slow"}]}"#).is_retry());
    assert_eq!(outcome(404, "nope").code(), Some("http-404"));
    assert_eq!(outcome(200, "<html>").code(), Some("response"));
    assert_eq!(outcome(200, r#"{"ok": true}"#).code(), Some("response"));
    let lost = FakeHttp::new().fail("POST", "/graphql", Error::Interrupted("reset".into()));
    assert!(run(json!({"query": "{ a }"}), &lost).unwrap_err().is_retry());
}

#[test]
fn pages_become_one_list() {
    let page = |items: Value, next: Option<&str>| json!({"data": {"shop": {"orders": {"nodes": items, "pageInfo": {"hasNextPage": next.is_some(), "endCursor": next}}}}});
    let http = FakeHttp::new()
        .reply_json("POST", "/graphql", 200, &page(json!([1, 2]), Some("c1")))
        .reply_json("POST", "/graphql", 200, &page(json!([]), Some("c2")))
        .reply_json("POST", "/graphql", 200, &page(json!([3]), None));
    let config = json!({
        "query": "query ($after: String) { … }", "variables": {"n": 2}, "pagination": {"connection": "/shop/orders"},
    });
    assert_eq!(run(config.clone(), &http).unwrap().text().unwrap(), "[1,2,3]");
    assert_eq!(sent(&http, 0)["variables"], json!({"n": 2}));
    assert_eq!(sent(&http, 2)["variables"], json!({"n": 2, "after": "c2"}));

    let edges = json!({"data": {"x": {"edges": [{"node": {"a": 1}}], "pageInfo": {"hasNextPage": false, "endCursor": null}}}});
    let by_edges =
        json!({"query": "query ($c: ID) { … }", "pagination": {"connection": "/x", "variable": "c"}});
    assert_eq!(answered(by_edges.clone(), 200, edges).unwrap(), r#"[{"a":1}]"#);
    assert_eq!(answered(by_edges, 200, json!({"data": {"x": {}}})).unwrap_err().code(), Some("response"));

    let circle = FakeHttp::new().reply_json("POST", "/graphql", 200, &page(json!([1]), Some("c1")));
    assert_eq!(run(config.clone(), &circle).unwrap_err().code(), Some("pages"));
    let mut few = config;
    few["pagination"]["max_pages"] = json!(1);
    assert_eq!(run(few, &circle).unwrap_err().message(), "there are more than 1 pages; raise `max_pages`");
}

#[test]
fn config_that_cannot_work_is_refused() {
    for config in [
        json!({}),
        json!({"query": "{ a }", "file": "{ a }"}),
        json!({"query": "{ a }", "pagination": {"connection": "/a"}}),
        json!({"query": "{ a }", "variables": []}),
    ] {
        assert_eq!(run(config.clone(), &FakeHttp::new()).unwrap_err().code(), Some("config"), "{config}");
    }
}
