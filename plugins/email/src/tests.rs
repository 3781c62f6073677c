//! The plugin through its own door, with HTTP from a script.

use serde_json::{Value, json};
use stepmill_sdk::http::Error;
use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
use stepmill_sdk::{Body, Document, Failure};

use super::Email;

fn config(provider: &str, more: Value) -> Value {
    let mut config = json!({
        "provider": provider, "from": "Shop <shop@s.example>", "to": ["Ada, L. <a@x.example>", "b@x.example"],
        "cc": "c@x.example", "reply_to": "r@s.example", "subject": "Hi", "text": "t", "html": "<p>h",
        "headers": {"X-Order": "7"},
        "attachments": [{"filename": "a.txt", "text": "hi", "content_type": "text/plain", "content_id": "f1"}],
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn send(config: &Value, input: impl Into<Document>, http: &FakeHttp) -> Result<String, Failure> {
    let output = testing::connect::<Email>(&config.to_string(), input, http, &MemoryStorage::new())?;
    Ok(output.text().unwrap().to_owned())
}

fn sent(http: &FakeHttp) -> Value {
    serde_json::from_slice(http.requests()[0].body.as_deref().unwrap()).unwrap()
}

#[test]
fn postmark_gets_lists_as_text_and_answers_with_an_id() {
    let http =
        FakeHttp::new().reply_json("POST", "/email", 200, &json!({"ErrorCode": 0, "MessageID": "m-1"}));
    assert_eq!(send(&config("postmark", json!({})), "null", &http).unwrap(), r#"{"id":"m-1"}"#);
    assert_eq!(
        sent(&http),
        json!({
            "From": "\"Shop\" <shop@s.example>", "To": "\"Ada, L.\" <a@x.example>, b@x.example", "Cc": "c@x.example",
            "ReplyTo": "r@s.example", "Subject": "Hi", "TextBody": "t", "HtmlBody": "<p>h",
            "Headers": [{"Name": "X-Order", "Value": "7"}],
            "Attachments": [{"Name": "a.txt", "Content": "aGk=", "ContentType": "text/plain", "ContentID": "cid:f1"}],
        })
    );
}

#[test]
fn sendgrid_gets_personalizations_and_answers_in_a_header() {
    let http = FakeHttp::new().reply_with("POST", "/v3/mail/send", 202, &[("X-Message-Id", "m-2")], "");
    assert_eq!(send(&config("sendgrid", json!({})), "null", &http).unwrap(), r#"{"id":"m-2"}"#);
    assert_eq!(
        sent(&http),
        json!({
            "personalizations": [{
                "to": [{"email": "a@x.example", "name": "Ada, L."}, {"email": "b@x.example"}], "cc": [{"email": "c@x.example"}],
            }],
            "from": {"email": "shop@s.example", "name": "Shop"}, "reply_to": {"email": "r@s.example"}, "subject": "Hi",
            "content": [{"type": "text/plain", "value": "t"}, {"type": "text/html", "value": "<p>h"}],
            "headers": {"X-Order": "7"},
            "attachments": [{
                "content": "aGk=", "filename": "a.txt", "type": "text/plain", "disposition": "inline", "content_id": "f1",
            }],
        })
    );
}

#[test]
fn resend_gets_the_idempotency_key() {
    let http = FakeHttp::new().reply_json("POST", "/emails", 200, &json!({"id": "m-3"}));
    assert_eq!(send(&config("resend", json!({})), "null", &http).unwrap(), r#"{"id":"m-3"}"#);
    assert_eq!(
        sent(&http),
        json!({
            "from": "\"Shop\" <shop@s.example>", "to": ["\"Ada, L.\" <a@x.example>", "b@x.example"], "cc": ["c@x.example"],
            "reply_to": "r@s.example", "subject": "Hi", "text": "t", "html": "<p>h", "headers": {"X-Order": "7"},
            "attachments": [{"filename": "a.txt", "content": "aGk=", "content_type": "text/plain", "content_id": "f1"}],
        })
    );
    let request = &http.requests()[0];
    let key = request.headers.iter().find(|header| header.name == "Idempotency-Key").unwrap();
    assert_eq!(key.value, b"test-key");
}

#[test]
fn the_input_is_the_body_or_an_attachment() {
    let bare = json!({"provider": "resend", "from": "a@x.example", "to": "b@x.example", "subject": "Hi"});
    let body = |media_type: &str| {
        let http = FakeHttp::new().reply_json("POST", "/emails", 200, &json!({}));
        let input = Document { media_type: media_type.into(), body: Body::Text("<p>".into()) };
        assert_eq!(send(&bare, input, &http).unwrap(), r#"{"id":null}"#);
        sent(&http)
    };
    assert_eq!(body("text/html; charset=utf-8")["html"], json!("<p>"));
    assert_eq!(body("text/plain")["text"], json!("<p>"));

    let http = FakeHttp::new().reply_json("POST", "/emails", 200, &json!({}));
    let files = json!({"attachments": [{"filename": "x.pdf", "input": true}]});
    let pdf = Document { media_type: "application/pdf".into(), body: Body::Binary(b"\xff".to_vec()) };
    send(&config("resend", files), pdf, &http).unwrap();
    let file = json!({"filename": "x.pdf", "content": "/w==", "content_type": "application/pdf", "content_id": null});
    assert_eq!(sent(&http)["attachments"], json!([file]));
}

#[test]
fn what_comes_from_outside_adds_no_recipient_and_no_header() {
    for more in [
        json!({"to": "a@x.example, b@x.example"}),
        json!({"from": "a@x.example\nBcc: b@x.example"}),
        json!({"subject": "Hi\r\nBcc: b@x.example"}),
        json!({"headers": {"X-A": "1\nBcc: b"}}),
        json!({"to": []}),
        json!({"to": vec!["a@x.example"; 51]}),
        json!({"attachments": [{"filename": "a\nb", "text": ""}]}),
        json!({"attachments": [{"filename": "a", "base64": "?"}]}),
    ] {
        let http = FakeHttp::new();
        assert_eq!(
            send(&config("resend", more.clone()), "null", &http).unwrap_err().code(),
            Some("email"),
            "{more}"
        );
        assert!(http.requests().is_empty());
    }
}

#[test]
fn config_that_cannot_work_is_refused() {
    for more in [
        json!({"provider": "smtp"}),
        json!({"headers": {"Bcc": "b@x.example"}}),
        json!({"headers": {"X A": "1"}}),
        json!({"attachments": [{"filename": "a"}]}),
        json!({"attachments": [{"filename": "a", "text": "b", "input": true}]}),
    ] {
        let failure = send(&config("resend", more.clone()), "null", &FakeHttp::new()).unwrap_err();
        assert_eq!(failure.code(), Some("config"), "{more}");
    }
}

#[test]
fn a_failure_is_the_providers_or_of_nobody_knows() {
    let outcome = |status: u16, body: &str| {
        let http = FakeHttp::new().reply("POST", "/email", status, body);
        send(&config("postmark", json!({})), "null", &http).unwrap_err()
    };
    let inactive = outcome(422, r#"{"ErrorCode":406,"Message":"inactive recipient"}"#);
    assert_eq!(inactive.code(), Some("http-422"));
    assert!(inactive.message().contains("inactive recipient"));
    assert!(outcome(429, "").is_retry() && outcome(500, "").is_retry());
    let lost = FakeHttp::new().fail("POST", "/email", Error::Interrupted("reset".into()));
    assert!(send(&config("postmark", json!({})), "null", &lost).unwrap_err().is_retry());
    let unsure = config("postmark", json!({"unsure": "reject"}));
    assert_eq!(send(&unsure, "null", &lost).unwrap_err().code(), Some("email-unsure"));
}
