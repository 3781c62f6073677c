//! The plugin through its own door, with HTTP from a script.

use std::time::Duration;

use serde_json::{Value, json};
use stepmill_sdk::http::Error;
use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
use stepmill_sdk::{Body, Document, Failure};

use super::Slack;

const POST: &str = "/chat.postMessage";

fn run(config: Value, http: &FakeHttp) -> Result<Document, Failure> {
    testing::connect::<Slack>(&config.to_string(), "null", http, &MemoryStorage::new())
}

fn ok() -> FakeHttp {
    FakeHttp::new().reply_json(
        "POST",
        POST,
        200,
        &json!({"ok": true, "channel": "C1", "ts": "1.2", "message": {}}),
    )
}

fn sent(http: &FakeHttp) -> Value {
    serde_json::from_slice(http.requests()[0].body.as_deref().unwrap()).unwrap()
}

#[test]
fn a_message_has_text_blocks_and_an_id_that_stays() {
    let blocks = json!([{"type": "divider"}]);
    let config =
        json!({"channel": "#a", "text": "hi", "blocks": blocks, "thread_ts": "1.1", "unfurl_links": false});
    let http = ok();
    assert_eq!(run(config.clone(), &http).unwrap().text().unwrap(), r#"{"channel":"C1","ts":"1.2"}"#);
    let first = sent(&http);
    let id = first["client_msg_id"].as_str().unwrap().to_owned();
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!((parts.as_slice(), id.as_bytes()[14]), ([8, 4, 4, 4, 12].as_slice(), b'8'));
    let wanted = json!({
        "channel": "#a", "text": "hi", "blocks": blocks, "thread_ts": "1.1", "unfurl_links": false, "client_msg_id": id,
    });
    assert_eq!(first, wanted);
    let again = ok();
    run(config, &again).unwrap();
    assert_eq!(sent(&again), wanted);
    let without = ok();
    run(json!({"channel": "C1", "text": "hi", "client_msg_id": false}), &without).unwrap();
    assert_eq!(sent(&without), json!({"channel": "C1", "text": "hi"}));
}

#[test]
fn the_input_is_posted_without_mentions_where_nothing_else_is_given() {
    let http = ok();
    let input = Document { media_type: "text/plain".into(), body: Body::Text("<!channel> a & b".into()) };
    testing::connect::<Slack>(r#"{"channel": "C1"}"#, input, &http, &MemoryStorage::new()).unwrap();
    assert_eq!(sent(&http)["text"], json!("&lt;!channel&gt; a &amp; b"));
}

#[test]
fn an_error_is_a_retry_or_a_rejection_with_slacks_own_code() {
    let outcome = |status: u16, body: Value| {
        let http =
            FakeHttp::new().reply_with("POST", POST, status, &[("Retry-After", "30")], body.to_string());
        run(json!({"channel": "C1", "text": "hi"}), &http).unwrap_err()
    };
    let failure = outcome(200, json!({"ok": false, "error": "channel_not_found"}));
    assert_eq!(failure, Failure::reject("slack-channel-not-found", "Slack answered channel_not_found"));
    let blocks = outcome(
        200,
        json!({"ok": false, "error": "invalid_blocks", "response_metadata": {"messages": ["[ERROR] x"]}}),
    );
    assert_eq!(blocks.message(), "Slack answered invalid_blocks: [ERROR] x");
    assert_eq!(
        outcome(200, json!({"ok": false, "error": "ratelimited"})).delay(),
        Some(Duration::from_secs(30))
    );
    assert_eq!(
        outcome(429, json!({"ok": false, "error": "ratelimited"})).delay(),
        Some(Duration::from_secs(30))
    );
    assert!(outcome(200, json!({"ok": false, "error": "internal_error"})).is_retry());
    assert!(outcome(503, json!(null)).is_retry());
    assert_eq!(outcome(403, json!(null)).code(), Some("http-403"));
}

#[test]
fn a_lost_answer_is_a_retry_unless_once_too_few_is_better_than_twice() {
    let lost = || FakeHttp::new().fail("POST", POST, Error::Timeout("10s".into()));
    assert!(run(json!({"channel": "C1", "text": "hi"}), &lost()).unwrap_err().is_retry());
    let config = json!({"channel": "C1", "text": "hi", "unsure": "reject"});
    assert_eq!(run(config.clone(), &lost()).unwrap_err().code(), Some("slack-unsure"));
    let unreached = FakeHttp::new().fail("POST", POST, Error::Connect("refused".into()));
    assert!(run(config, &unreached).unwrap_err().is_retry());
}

#[test]
fn an_incoming_webhook_has_no_channel_and_answers_by_a_word() {
    let config = json!({"mode": "webhook", "text": "hi"});
    let http = FakeHttp::new().reply("POST", "", 200, "ok");
    assert_eq!(run(config.clone(), &http).unwrap().text().unwrap(), "null");
    assert_eq!(sent(&http), json!({"text": "hi"}));
    let gone = FakeHttp::new().reply("POST", "", 404, "no_service");
    assert_eq!(run(config.clone(), &gone).unwrap_err().code(), Some("slack-no-service"));
    let busy = FakeHttp::new().reply("POST", "", 500, "rollup_error");
    assert!(run(config, &busy).unwrap_err().is_retry());
}

#[test]
fn config_that_cannot_work_is_refused() {
    for config in [
        json!({"text": "hi"}),
        json!({"mode": "webhook", "channel": "C1", "text": "hi"}),
        json!({"channel": "C1", "blocks": [{}]}),
        json!({"channel": "C1", "blocks": vec![json!({"type": "divider"}); 51]}),
    ] {
        assert_eq!(run(config.clone(), &ok()).unwrap_err().code(), Some("config"), "{config}");
    }
    let long = json!({"channel": "C1", "text": "x".repeat(40_001)});
    assert_eq!(run(long, &ok()).unwrap_err().code(), Some("slack-msg-too-long"));
}
