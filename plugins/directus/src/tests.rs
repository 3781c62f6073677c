//! The plugin through its own door, with a server from a script. tests/apps/directus has the real one.

use serde_json::{Value, json};
use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
use stepmill_sdk::{Document, Failure};

use super::Directus;

fn run(config: Value, http: &FakeHttp) -> Result<Value, Failure> {
    let output: Document =
        testing::connect::<Directus>(&config.to_string(), "null", http, &MemoryStorage::new())?;
    Ok(serde_json::from_str(output.text()?)?)
}

fn sent(http: &FakeHttp, at: usize) -> Value {
    serde_json::from_slice(http.requests()[at].body.as_deref().unwrap()).unwrap()
}

fn upsert() -> Value {
    json!({"upsert": {"collection": "contacts", "key": {"ext": "a b"}, "data": {"name": "Ada"}}})
}

const BY_KEY: &str = "/items/contacts?filter%5Bext%5D%5B_eq%5D=a%20b&fields=id&limit=2";

#[test]
fn a_record_is_created_with_its_key_or_changed() {
    let http = FakeHttp::new().reply_json("GET", BY_KEY, 200, &json!({"data": []})).reply_json(
        "POST",
        "/items/contacts?fields=id",
        200,
        &json!({"data": {"id": 4}}),
    );
    assert_eq!(run(upsert(), &http).unwrap(), json!({"id": 4, "created": true}));
    assert_eq!(sent(&http, 1), json!({"name": "Ada", "ext": "a b"}));

    let id = "0b2c-uuid";
    let http = FakeHttp::new().reply_json("GET", BY_KEY, 200, &json!({"data": [{"id": id}]})).reply_json(
        "PATCH",
        "/items/contacts/0b2c-uuid?fields=id",
        200,
        &json!({"data": {"id": id}}),
    );
    assert_eq!(run(upsert(), &http).unwrap(), json!({"id": id, "created": false}));
    assert_eq!(sent(&http, 1), json!({"name": "Ada"}));

    let two = FakeHttp::new().reply_json("GET", BY_KEY, 200, &json!({"data": [{"id": 1}, {"id": 2}]}));
    assert_eq!(run(upsert(), &two).unwrap_err().code(), Some("directus-ambiguous"));
}

#[test]
fn a_note_is_added_once_for_each_key() {
    let by_key = "/items/notes?filter%5Bkey%5D%5B_eq%5D=test-key&fields=id&limit=2";
    let config = json!({"add": {"collection": "notes", "data": {"text": "hi"}, "key_field": "key"}});
    let http = FakeHttp::new().reply_json("GET", by_key, 200, &json!({"data": []})).reply_json(
        "POST",
        "/items/notes?fields=id",
        200,
        &json!({"data": {"id": 9}}),
    );
    assert_eq!(run(config.clone(), &http).unwrap(), json!({"id": 9, "created": true}));
    assert_eq!(sent(&http, 1), json!({"text": "hi", "key": "test-key"}));
    let there = FakeHttp::new().reply_json("GET", by_key, 200, &json!({"data": [{"id": 9}]}));
    assert_eq!(run(config, &there).unwrap(), json!({"id": 9, "created": false}));
}

#[test]
fn records_are_found_by_their_values() {
    let url = "/items/contacts?filter%5Bcity%5D%5B_eq%5D=Ulm&fields=id%2Cname&limit=3";
    let http = FakeHttp::new().reply_json("GET", url, 200, &json!({"data": [{"id": 1, "name": "Ada"}]}));
    let config = json!({"find": {"collection": "contacts", "where": {"city": "Ulm"}, "fields": ["id", "name"], "limit": 3}});
    assert_eq!(run(config, &http).unwrap(), json!([{"id": 1, "name": "Ada"}]));
}

#[test]
fn errors_have_their_codes_and_a_lost_race_is_tried_again() {
    let outcome = |status: u16, code: &str| {
        let errors = json!({"errors": [{"message": "why", "extensions": {"code": code}}]});
        run(upsert(), &FakeHttp::new().reply_json("GET", BY_KEY, status, &errors)).unwrap_err()
    };
    assert_eq!(outcome(403, "FORBIDDEN"), Failure::reject("directus-forbidden", "why"));
    assert!(outcome(400, "RECORD_NOT_UNIQUE").is_retry());
    assert!(outcome(429, "REQUESTS_EXCEEDED").is_retry());
    assert!(outcome(503, "SERVICE_UNAVAILABLE").is_retry());
    assert_eq!(
        run(upsert(), &FakeHttp::new().reply("GET", BY_KEY, 404, "x")).unwrap_err().code(),
        Some("http-404")
    );
}

#[test]
fn config_that_cannot_work_is_refused() {
    for config in [
        json!({}),
        json!({"upsert": {"collection": "a", "key": {}, "data": {}}}),
        json!({"find": {"collection": "a/../b"}}),
        json!({"find": {"collection": "a"}, "add": {"collection": "a", "data": {}}}),
        json!({"upsert": {"collection": "a", "key": {"b": {}}, "data": {}}}),
    ] {
        assert_eq!(run(config.clone(), &FakeHttp::new()).unwrap_err().code(), Some("config"), "{config}");
    }
}
