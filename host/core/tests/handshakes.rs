//! The questions that providers ask, as their documentation or their SDKs have them (`tests/senders/vectors/handshakes`),
//! and what is answered.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail so")]

mod vectors {
    pub mod written;
}

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;

use proptest::prelude::{any, prop_assert, proptest};
use serde::Deserialize;
use serde_json::{Value, json};
use stepmill_core::handshake::{Answer, Handshake, Handshaker, Outcome, Then};
use stepmill_core::secret::{Secret, SecretRef};
use stepmill_core::signature::{Keys, Request, Verdict, Verified, Verifier, Verify};
use vectors::written::{Body, Written, folder, ms};

#[derive(Deserialize)]
struct File {
    handshake: Handshake,
    verify: Verify,
    secrets: BTreeMap<String, String>,
    #[serde(default)]
    keys: BTreeMap<String, String>,
    from: String,
    now: String,
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    now: Option<String>,
    request: Written,
    expect: Expect,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Expect {
    Word(String),
    Answer { status: u16, headers: BTreeMap<String, String>, body: Value, fetch: Option<String> },
}

fn files() -> Vec<File> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder().join("handshakes")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        files.push(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    }
    assert!(files.len() >= 15, "only {} files", files.len());
    files
}

impl File {
    fn secret(&self, reference: &SecretRef) -> Result<Secret, Infallible> {
        let SecretRef::Env(name) = reference else { panic!("{reference}") };
        Ok(Secret::new(self.secrets[name].clone()))
    }

    fn handshaker(&self) -> Handshaker {
        assert_eq!(self.handshake.problems(&self.verify), [], "{}", self.handshake.name());
        let given = Some(&self.handshake);
        Handshaker::try_new(&self.verify, given, |name| self.secret(name)).unwrap().unwrap()
    }

    fn verifier(&self) -> Verifier {
        Verifier::try_new(&self.verify, |name| self.secret(name)).unwrap()
    }

    /// What the server does: it verifies, and asks with the proof, if there is one.
    fn outcome(&self, case: &Case) -> Outcome {
        let body = case.request.body.bytes();
        let request = Request {
            method: &case.request.method,
            url: &case.request.url,
            headers: &case.request.headers,
            body: &body,
            client_certificate: None,
        };
        let now_ms = ms(case.now.as_ref().unwrap_or(&self.now));
        let keys =
            self.keys.iter().fold(Keys::none(), |keys, (url, document)| keys.with(url, document.as_bytes()));
        let proof = match self.verifier().verify(&request, &keys, now_ms) {
            Ok(Verdict::Genuine(verified)) => Some(verified),
            Ok(other @ (Verdict::NeedsKey { .. } | Verdict::AskPlugin)) => panic!("{other:?}"),
            Err(_) => None,
        };
        self.handshaker().answer(&request, proof.as_ref())
    }
}

fn assert_answer(answer: &Answer, expect: &Expect, what: &str) {
    let Expect::Answer { status, headers, body, fetch } = expect else {
        panic!("{what}: answered by {answer:?}")
    };
    assert_eq!(answer.status, *status, "{what}");
    for (name, value) in headers {
        let given = answer.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        assert_eq!(given, Some(value), "{what}: {name}");
    }
    let visited = match &answer.then {
        Some(Then::Visit { url, is_public }) => Some(url).filter(|_| *is_public),
        Some(Then::Keep(_)) | None => None,
    };
    assert_eq!(visited, fetch.as_ref(), "{what}");
    match body {
        Value::String(text) => assert_eq!(answer.body, *text, "{what}"),
        body => assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), *body, "{what}"),
    }
}

#[test]
fn each_question_is_answered_as_its_provider_has_it() {
    for file in files() {
        assert!(!file.from.is_empty());
        for case in &file.cases {
            let what = format!("{}: {}", file.handshake.name(), case.name);
            match (file.outcome(case), &case.expect) {
                (Outcome::Answer(answer), expect) => assert_answer(&answer, expect, &what),
                (Outcome::Refused(_), Expect::Word(word)) => assert_eq!(word, "refused", "{what}"),
                (Outcome::None, Expect::Word(word)) => assert_eq!(word, "none", "{what}"),
                (outcome, Expect::Answer { .. }) => panic!("{what}: {outcome:?}"),
            }
        }
    }
}

#[test]
fn a_scheme_brings_its_handshake_and_none_takes_it_away() {
    for file in files() {
        let kind = |given: Option<&Handshake>| {
            let handshaker = Handshaker::try_new(&file.verify, given, |name| file.secret(name)).unwrap();
            handshaker.map(|handshaker| handshaker.provider())
        };
        let name = file.handshake.name();
        let comes_by_itself = ["aws-sns", "discord", "slack", "twitch", "x", "zoom"].contains(&name);
        assert_eq!(kind(None), comes_by_itself.then_some(name));
        assert_eq!(kind(Some(&Handshake::None {})), Some("none"));
        if comes_by_itself {
            let other: Verify = serde_json::from_value(json!({ "scheme": "none" })).unwrap();
            let problems = file.handshake.problems(&other);
            assert!(problems[0].1.contains(&format!("give verify: {{ scheme: {name}")), "{problems:?}");
        }
    }
}

#[test]
fn nobody_is_answered_who_has_not_proved_what_the_provider_proves() {
    for file in files() {
        let handshaker = file.handshaker();
        for case in &file.cases {
            let Body::Text(body) = &case.request.body else { continue };
            let Written { method, url, headers, .. } = &case.request;
            let request = Request { method, url, headers, body: body.as_bytes(), client_certificate: None };
            if method == "POST" || handshaker.is_proven() {
                let outcome = handshaker.answer(&request, None);
                assert!(!matches!(outcome, Outcome::Answer(_)), "{}: {}", handshaker.provider(), case.name);
            }
        }
    }
}

/// X signs events and answers by the same key: what it could be made to sign is not taken for an event.
#[test]
fn an_event_that_a_token_could_be_is_refused() {
    let file = files().into_iter().find(|file| file.handshake.name() == "x").unwrap();
    let handshaker = file.handshaker();
    let none: Vec<(&str, &str)> = Vec::new();
    let outcome = |body: &[u8]| {
        let url = "https://hooks.example.com/x";
        let request = Request { method: "POST", url, headers: &none, body, client_certificate: None };
        handshaker.answer(&request, Some(&Verified::default()))
    };
    for body in [&b"1"[..], b"null", b"abc=", b"MTIz"] {
        assert!(matches!(outcome(body), Outcome::Refused(_)), "{body:?}");
    }
    for body in [&b"{}"[..], b"[1]", br#"{"for_user_id":"1"}"#, b""] {
        assert_eq!(outcome(body), Outcome::None, "{body:?}");
    }
}

proptest! {
    /// Whatever is asked by whomever: what goes back is what the provider reads, and no page.
    #[test]
    fn whatever_is_asked_no_page_goes_back(text in any::<String>(), body in any::<Vec<u8>>(), at in 0..15_usize) {
        let files = files();
        let file = &files[at % files.len()];
        let handshaker = file.handshaker();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for name in ["challenge", "validationToken", "crc_token", "hub.challenge"] {
            query.append_pair(name, &text);
        }
        query.append_pair("hub.mode", "subscribe").append_pair("hub.verify_token", "meatyhamhock");
        query.append_pair("hub.topic", "https://example.com/feed");
        let url = format!("https://hooks.example.com/hook?{}", query.finish());
        let asked = json!({ "type": "url_verification", "challenge": text, "event": "endpoint.url_validation",
            "payload": { "plainToken": text } });
        let headers: Vec<_> = ["x-okta-verification-challenge", "x-hook-secret", "webhook-request-origin"]
            .map(|name| (name, text.as_str())).to_vec();
        for body in [asked.to_string().into_bytes(), body] {
            for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT"] {
                let request = Request { method, url: &url, headers: &headers, body: &body, client_certificate: None };
                if let Outcome::Answer(answer) = handshaker.answer(&request, Some(&Verified::default())) {
                    prop_assert!(method != "PUT");
                    prop_assert!(!answer.body.contains(['<', '>', '&']) && answer.body.is_ascii());
                    let visible = |value: &String| value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
                    prop_assert!(answer.headers.iter().all(|(_, value)| visible(value)));
                }
            }
        }
    }
}
