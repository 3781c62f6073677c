//! The plugin through its own door, with HTTP from a script.

use std::time::Duration;

use serde_json::{Value, json};
use stepmill_sdk::http::{Error, Request, Target};
use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
use stepmill_sdk::{Body, Document, Failure};

use super::Rest;

fn run(config: Value, http: &FakeHttp) -> Result<Document, Failure> {
    testing::connect::<Rest>(&config.to_string(), r#"{"sku":  "A"}"#, http, &MemoryStorage::new())
}

fn text(config: Value, http: &FakeHttp) -> String {
    run(config, http).unwrap().text().unwrap().to_owned()
}

fn header(request: &Request, name: &str) -> Option<String> {
    let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(String::from_utf8(found.value.clone()).unwrap())
}

fn body(request: &Request) -> Option<&str> {
    request.body.as_deref().map(|bytes| std::str::from_utf8(bytes).unwrap())
}

#[test]
fn a_get_has_query_and_headers_and_neither_body_nor_key() {
    let http = FakeHttp::new().reply_json("GET", "/stock?n=3&q=a%20b&tag=x&tag=y", 200, &json!({"ok": true}));
    let config = json!({
        "path": "/stock", "query": {"q": "a b", "n": 3, "tag": ["x", "y"], "none": null}, "headers": {"X-Tenant": 7},
    });
    assert_eq!(text(config, &http), r#"{"ok":true}"#);
    let request = &http.requests()[0];
    assert_eq!(request.target, Target::Path("/stock?n=3&q=a%20b&tag=x&tag=y".into()));
    assert_eq!(header(request, "x-tenant").as_deref(), Some("7"));
    assert_eq!(header(request, "accept").as_deref(), Some("application/json"));
    assert_eq!((body(request), header(request, "idempotency-key")), (None, None));
}

#[test]
fn what_is_sent_depends_on_method_and_body() {
    let input = r#"{"sku":  "A"}"#;
    for (config, method, sent) in [
        (json!({"method": "POST"}), "POST", Some(input)),
        (json!({"method": "patch"}), "PATCH", Some(input)),
        (json!({"method": "DELETE"}), "DELETE", None),
        (json!({"body": "input"}), "POST", Some(input)),
        (json!({"body": {"a": 1}}), "POST", Some(r#"{"a":1}"#)),
        (json!({"method": "PUT", "body": [1]}), "PUT", Some("[1]")),
        (json!({"method": "POST", "body": null}), "POST", None),
    ] {
        let mut config = config;
        config["path"] = json!("/x");
        let http = FakeHttp::new().reply(method, "/x", 204, "");
        assert_eq!(text(config.clone(), &http), "null");
        let request = &http.requests()[0];
        assert_eq!(body(request), sent, "{config}");
        let media_type = sent.map(|_| "application/json".to_owned());
        assert_eq!(header(request, "content-type"), media_type, "{config}");
        assert_eq!(header(request, "idempotency-key").as_deref(), Some("test-key"), "{config}");
    }
}

#[test]
fn the_idempotency_header_can_be_renamed_left_out_and_given() {
    for (config, name, value) in [
        (json!({"idempotency_header": "X-Request-Id"}), "x-request-id", Some("test-key")),
        (json!({"idempotency_header": null}), "idempotency-key", None),
        (json!({"headers": {"idempotency-key": "mine"}}), "idempotency-key", Some("mine")),
    ] {
        let mut config = config;
        config["path"] = json!("/x");
        config["method"] = json!("POST");
        let http = FakeHttp::new().reply("POST", "/x", 200, "");
        run(config, &http).unwrap();
        assert_eq!(header(&http.requests()[0], name).as_deref(), value);
    }
}

#[test]
fn a_status_is_a_success_a_retry_or_a_rejection() {
    let outcome = |config: Value, status: u16| {
        let mut config = config;
        config["path"] = json!("/x");
        match run(config, &FakeHttp::new().reply("GET", "/x", status, "why")) {
            Ok(_) => "ok".to_owned(),
            Err(Failure::Retry(_)) => "retry".to_owned(),
            Err(Failure::Reject(rejection)) => rejection.code,
        }
    };
    for status in [408, 425, 429, 500, 502, 503, 504] {
        assert_eq!(outcome(json!({}), status), "retry", "{status}");
    }
    assert_eq!(outcome(json!({}), 299), "ok");
    assert_eq!(outcome(json!({}), 301), "http-301");
    assert_eq!(outcome(json!({}), 404), "http-404");
    assert_eq!(outcome(json!({}), 501), "http-501");
    assert_eq!(outcome(json!({"expect": [404, "5xx"]}), 503), "ok");
    assert_eq!(outcome(json!({"expect": [201]}), 200), "http-200");
    assert_eq!(outcome(json!({"retry_on": ["400-409"]}), 404), "retry");
    assert_eq!(outcome(json!({"retry_on": [202]}), 202), "retry");
    assert_eq!(outcome(json!({"retry_on": []}), 503), "http-503");
    assert_eq!(outcome(json!({"not_found": null}), 404), "ok");
    assert_eq!(outcome(json!({"not_found": "null"}), 404), "ok");
    assert_eq!(outcome(json!({"not_found": null}), 410), "http-410");
    assert_eq!(outcome(json!({"expect": [42]}), 200), "config");
}

#[test]
fn retry_after_and_the_beginning_of_the_body_are_passed_on() {
    let busy = FakeHttp::new().reply_with("GET", "/x", 429, &[("Retry-After", "17")], "slow down");
    let failure = run(json!({"path": "/x"}), &busy).unwrap_err();
    assert_eq!(failure.delay(), Some(Duration::from_secs(17)));
    let bad = FakeHttp::new().reply("GET", "/x", 400, "x".repeat(1000));
    let failure = run(json!({"path": "/x"}), &bad).unwrap_err();
    assert_eq!(failure.message(), format!("the system answered 400: {}…", "x".repeat(300)));
}

#[test]
fn no_response_is_a_retry_or_a_rejection() {
    let lost = FakeHttp::new().fail("GET", "/x", Error::Interrupted("reset".into()));
    assert!(run(json!({"path": "/x"}), &lost).unwrap_err().is_retry());
    let denied = FakeHttp::new().fail("GET", "https://x.test/", Error::Denied("x.test".into()));
    assert_eq!(run(json!({"path": "https://x.test/"}), &denied).unwrap_err().code(), Some("http-denied"));
}

#[test]
fn bodies_keep_their_text_and_kind() {
    let get = |kind: &str, body: &[u8]| {
        let http = FakeHttp::new().reply_with("GET", "/x", 200, &[("Content-Type", kind)], body);
        run(json!({"path": "/x"}), &http)
    };
    let json = get("application/hal+json; charset=utf-8", b"{ \"n\": 12345678901234567890.10 }").unwrap();
    assert_eq!(json, Document::from_json("{ \"n\": 12345678901234567890.10 }"));
    let csv = get("text/csv", b"a;b").unwrap();
    assert_eq!((csv.media_type.as_str(), csv.body), ("text/csv", Body::Text("a;b".into())));
    assert_eq!(get("application/pdf", b"%PDF\xff").unwrap().body, Body::Binary(b"%PDF\xff".to_vec()));
    assert_eq!(get("application/json", b"{oops").unwrap_err().code(), Some("response"));
}

#[test]
fn the_full_output_has_status_headers_and_body() {
    let full = |kind: &str, body: &[u8]| {
        let headers = [("Content-Type", kind), ("Set-Cookie", "a"), ("set-cookie", "b")];
        let http = FakeHttp::new().reply_with("GET", "/x", 201, &headers, body);
        text(json!({"path": "/x", "output": "full"}), &http)
    };
    assert_eq!(
        full("application/json", b"{\"n\": 1.0}"),
        r#"{"status":201,"headers":{"content-type":"application/json","set-cookie":"a, b"},"body":{"n": 1.0}}"#
    );
    assert!(full("text/plain", b"hi").ends_with(r#""body":"hi"}"#));
    assert!(full("image/png", b"\xff\x00").ends_with(r#""body_base64":"/wA="}"#));
    assert!(full("text/plain", b"").ends_with(r#""body":null}"#));
}

mod pages {
    use super::*;

    #[test]
    fn links_are_followed() {
        let link = |url: &str| {
            format!("<https://erp.test/a,b?x=1>; rel=\"first\", <{url}>; title=\"a\"; rel=\"last next\"")
        };
        let second = "https://erp.test/items?page=2&q=1";
        let http = FakeHttp::new()
            .reply_with("GET", "/items?q=1", 200, &[("Link", &link(second))], "[1, 2.50]")
            .reply_with("GET", second, 200, &[("Link", "<https://erp.test/items>; rel=prev")], "[3]");
        let config = json!({"path": "/items", "query": {"q": 1}, "pagination": {"kind": "link"}});
        assert_eq!(text(config, &http), "[1,2.50,3]");
        assert_eq!(http.requests()[1].target, Target::Url(second.into()));
    }

    #[test]
    fn cursors_are_parameters_or_urls() {
        let http = FakeHttp::new()
            .reply("GET", "/i?q=1", 200, r#"{"data": {"a/b": [1]}, "next": "c&1"}"#)
            .reply("GET", "/i?q=1&after=c%261", 200, r#"{"data": {"a/b": []}, "next": 7}"#)
            .reply("GET", "/i?q=1&after=7", 200, r#"{"data": {"a/b": [2]}, "next": null}"#);
        let by_parameter =
            json!({"kind": "cursor", "items": "/data/a~1b", "cursor": "/next", "param": "after"});
        assert_eq!(
            text(json!({"path": "/i", "query": {"q": 1}, "pagination": by_parameter}), &http),
            "[1,2]"
        );

        let http = FakeHttp::new()
            .reply("GET", "/i", 200, r#"{"value": [1], "@odata.nextLink": "https://erp.test/i?$skip=1"}"#)
            .reply("GET", "https://erp.test/i?$skip=1", 200, r#"{"value": [2]}"#);
        let by_url = json!({"kind": "cursor", "items": "/value", "cursor": "/@odata.nextLink"});
        assert_eq!(text(json!({"path": "/i", "pagination": by_url}), &http), "[1,2]");
    }

    #[test]
    fn pages_and_offsets_end_with_a_short_page() {
        let http = FakeHttp::new()
            .reply("GET", "/i?page=1", 200, "[1,2]")
            .reply("GET", "/i?page=2", 200, "[3]")
            .reply("GET", "/i?page=3", 200, "[]");
        let pages = |pagination: Value| text(json!({"path": "/i", "pagination": pagination}), &http);
        assert_eq!(pages(json!({"kind": "page"})), "[1,2,3]");
        assert_eq!(http.requests().len(), 3);
        assert_eq!(pages(json!({"kind": "page", "size": 2})), "[1,2,3]");
        assert_eq!(http.requests().len(), 5);

        let http = FakeHttp::new().reply("GET", "/i?skip=0&limit=2", 200, "[1,2]").reply(
            "GET",
            "/i?skip=2&limit=2",
            200,
            "[]",
        );
        let offset = json!({"kind": "offset", "param": "skip", "limit": 2});
        let full = text(json!({"path": "/i", "pagination": offset, "output": "full"}), &http);
        assert_eq!(full, r#"{"status":200,"headers":{},"body":[1,2]}"#);
    }

    #[test]
    fn too_many_pages_and_circles_are_rejections() {
        let http =
            FakeHttp::new().reply("GET", "/i?page=1", 200, "[1]").reply("GET", "/i?page=2", 200, "[1]");
        let failure =
            run(json!({"path": "/i", "pagination": {"kind": "page", "max_pages": 2}}), &http).unwrap_err();
        assert_eq!(failure, Failure::reject("pages", "there are more than 2 pages; raise `max_pages`"));

        let circle = FakeHttp::new().reply("GET", "/i", 200, r#"{"v": [1], "next": "/i"}"#);
        let config =
            json!({"path": "/i", "pagination": {"kind": "cursor", "items": "/v", "cursor": "/next"}});
        let failure = run(config, &circle).unwrap_err();
        assert!(failure.message().contains("was read before"), "{}", failure.message());
        assert_eq!(circle.requests().len(), 2);
    }

    #[test]
    fn what_is_no_list_is_a_rejection_and_a_failing_page_fails_the_step() {
        let http = FakeHttp::new().reply("GET", "/i", 200, r#"{"data": 1}"#);
        let failure =
            run(json!({"path": "/i", "pagination": {"kind": "link", "items": "/data"}}), &http).unwrap_err();
        assert_eq!(failure.code(), Some("response"));
        let http = FakeHttp::new().reply("GET", "/i?page=1", 200, "[1]").reply("GET", "/i?page=2", 503, "");
        assert!(run(json!({"path": "/i", "pagination": {"kind": "page"}}), &http).unwrap_err().is_retry());
    }
}

#[test]
fn the_config_schema_takes_what_serde_takes() {
    let schema = serde_json::to_value(schemars::schema_for!(super::Config)).unwrap();
    assert_eq!(schema["required"], json!(["path"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    let typo = run(json!({"path": "/x", "pagination": {"kind": "link", "item": "/"}}), &FakeHttp::new());
    assert_eq!(typo.unwrap_err().code(), Some("config"));
}
