#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail so")]

use std::borrow::Cow;
use std::convert::Infallible;

use serde_json::json;

use super::{
    Algorithm, Encoding, Keys, Refusal, Request, Verdict, Verified, Verifier, VerifierError, Verify,
    Weakness, sign,
};
use crate::secret::{Secret, SecretRef};

const NOW_MS: u64 = 1_700_000_000_000;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn config(config: serde_json::Value) -> Verify {
    serde_json::from_value(config).unwrap()
}

/// A verifier whose secrets are the names of their variables.
fn verifier(verify: &Verify) -> Verifier {
    Verifier::try_new(verify, |reference| match reference {
        SecretRef::Env(name) => Ok::<_, Infallible>(Secret::new(name.as_str())),
        SecretRef::File(path) => Ok(Secret::new(path.to_str().unwrap())),
    })
    .unwrap()
}

fn check(verifier: &Verifier, headers: &[(&str, &str)], body: &[u8]) -> Result<Option<String>, Refusal> {
    let headers = headers.to_vec();
    let url = "https://hooks.example.com/orders?a=1";
    let request = Request { method: "POST", url, headers: &headers, body, client_certificate: None };
    match verifier.verify(&request, &Keys::none(), NOW_MS)? {
        Verdict::Genuine(Verified { id }) => Ok(id),
        other @ (Verdict::NeedsKey { .. } | Verdict::AskPlugin) => panic!("{other:?}"),
    }
}

#[test]
fn hmacs_are_those_of_the_published_test_vectors() {
    // RFC 2202 section 3 (SHA-1) and RFC 4231 section 4.3 (SHA-2), test case 2 of each.
    let (key, text) = (b"Jefe", b"what do ya want for nothing?");
    let hex = |algorithm| sign::hmac_hex(algorithm, key, text);
    assert_eq!(hex(Algorithm::Sha1), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_eq!(hex(Algorithm::Sha256), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(
        hex(Algorithm::Sha512),
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    );
    // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    assert_eq!(
        sign::github(b"It's a Secret to Everybody", b"Hello, World!"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
    // https://github.com/standard-webhooks/standard-webhooks, libraries/javascript/src/webhook.test.ts, test
    // "sign function works".
    assert_eq!(
        sign::standard_webhooks(
            WHSEC,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#
        )
        .unwrap(),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}

fn standard(timestamp: u64, signature: &str) -> Result<Option<String>, Refusal> {
    let verify = config(json!({"scheme": "standard-webhooks", "secret": format!("file:{WHSEC}")}));
    let timestamp = timestamp.to_string();
    let headers =
        [("webhook-id", "m"), ("webhook-timestamp", timestamp.as_str()), ("webhook-signature", signature)];
    check(&verifier(&verify), &headers, b"{}")
}

#[test]
fn a_timestamp_is_believed_five_minutes_either_way() {
    let at = |timestamp| standard(timestamp, &sign::standard_webhooks(WHSEC, "m", timestamp, b"{}").unwrap());
    let now = NOW_MS / 1_000;
    assert_eq!(at(now - 300), Ok(Some("m".into())));
    assert_eq!(at(now - 301), Err(Refusal::TooOld));
    assert_eq!(at(now + 300), Ok(Some("m".into())));
    assert_eq!(at(now + 301), Err(Refusal::TooNew));
    assert_eq!(at(0), Err(Refusal::TooOld));
    assert_eq!(at(u64::MAX), Err(Refusal::TooNew));
}

#[test]
fn an_id_that_is_signed_cannot_be_cut_another_way() {
    let now = NOW_MS / 1_000;
    let signature = sign::standard_webhooks(WHSEC, "a.b", now, b"{}").unwrap();
    let verify = config(json!({"scheme": "standard-webhooks", "secret": format!("file:{WHSEC}")}));
    let (now, verifier) = (now.to_string(), verifier(&verify));
    let headers =
        [("webhook-id", "a.b"), ("webhook-timestamp", now.as_str()), ("webhook-signature", &signature)];
    assert_eq!(check(&verifier, &headers, b"{}"), Err(Refusal::MalformedHeader));
}

#[test]
fn an_id_that_is_not_signed_is_taken_where_it_is_one() {
    let verify = config(json!({"scheme": "hmac", "header": "x-sig", "secret": "env:key", "id": "x-id"}));
    let (verifier, signature) = (verifier(&verify), sign::hmac_hex(Algorithm::Sha256, b"key", b"{}"));
    let with = |ids: &[&str]| {
        let ids = ids.iter().map(|id| ("X-Id", *id));
        check(&verifier, &std::iter::once(("x-sig", &*signature)).chain(ids).collect::<Vec<_>>(), b"{}")
    };
    assert_eq!(with(&["7"]), Ok(Some("7".into())));
    for none in [&[][..], &[""], &["é"], &[&"7".repeat(600)]] {
        assert_eq!(with(none), Ok(None), "{none:?}");
    }
    assert_eq!(with(&["7", "7"]), Err(Refusal::RepeatedHeader));
}

#[test]
fn twilio_believes_no_form_that_is_not_said_to_be_one() {
    let verify = config(json!({"scheme": "twilio", "secret": "env:key"}));
    let signed = b"https://hooks.example.com/orders?a=1A1B2";
    let signature = sign::hmac_base64(Algorithm::Sha1, b"key", signed);
    let as_type = |content_type| {
        let headers = [("x-twilio-signature", &*signature), ("content-type", content_type)];
        check(&verifier(&verify), &headers, b"B=2&A=1")
    };
    assert_eq!(as_type("application/x-www-form-urlencoded; charset=UTF-8"), Ok(None));
    assert_eq!(as_type("application/json"), Err(Refusal::MalformedBody));
}

#[test]
fn a_verifier_is_not_made_of_an_empty_or_a_wrong_secret() {
    let make = |scheme: &str, key: &str, text: &str| {
        let verify = config(json!({"scheme": scheme, key: "env:KEY"}));
        let error = Verifier::try_new(&verify, |_| Ok::<_, Infallible>(Secret::new(text))).unwrap_err();
        assert_eq!(error.key(), key);
        assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        error
    };
    for (scheme, key) in [("github", "secret"), ("bearer", "secret"), ("discord", "public_key")] {
        assert!(matches!(make(scheme, key, ""), VerifierError::Empty { .. }));
    }
    let point = format!("04{}", "11".repeat(63));
    for (scheme, key, wrong) in [
        ("standard-webhooks", "secret", "plain text"),
        ("svix", "secret", "whsec_!"),
        ("gitlab", "signing_token", "whsec_c2hvcnQ="),
        ("standard-webhooks", "public_key", WHSEC),
        ("adyen", "secret", "0x0g"),
        ("discord", "public_key", "abcd"),
        ("sendgrid", "public_key", &point),
    ] {
        assert!(matches!(make(scheme, key, wrong), VerifierError::Malformed { .. }), "{wrong}");
    }
    let written = config(json!({"scheme": "discord", "public_key": "abcd"}));
    let error =
        Verifier::try_new(&written, |_| Ok::<_, Infallible>(Secret::new(""))).unwrap_err().to_string();
    assert_eq!(error, "what is written is not 64 hexadecimal digits: copy it from the sender as it is");
}

#[test]
fn a_public_key_may_be_pem() {
    let der = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &der[..64], &der[64..]);
    for key in [der, &pem] {
        let verify = config(json!({"scheme": "sendgrid", "public_key": key}));
        assert!(verify.secrets().is_empty());
        assert!(Verifier::try_new(&verify, |_| Err::<Secret, _>(std::fmt::Error)).is_ok(), "{key}");
    }
}

#[test]
fn a_config_has_defaults_and_no_unknown_keys() {
    assert_eq!(config(json!({"scheme": "none"})), Verify::None {});
    let Verify::Hmac(hmac) = config(json!({"scheme": "hmac", "header": "x", "secret": "env:A"})) else {
        panic!()
    };
    assert_eq!((hmac.algorithm, hmac.encoding, hmac.prefix.as_str()), (Algorithm::Sha256, Encoding::Hex, ""));
    for wrong in [
        json!({"scheme": "none", "secret": "env:A"}),
        json!({"scheme": "github", "secret": "env:A", "header": "x"}),
        json!({"scheme": "github", "secret": "env:A", "tolerance": "5m"}),
        json!({"scheme": "stripe", "secret": "env:A", "tolerance": "soon"}),
        json!({"scheme": "stripe", "secret": "a secret"}),
        json!({"scheme": "standard-webhooks", "secret": "env:A", "previous": WHSEC}),
        json!({"scheme": "hmac", "header": "x", "secret": "env:A", "signed": "{timestamp}"}),
        json!({"scheme": "carrier-pigeon"}),
    ] {
        assert!(serde_json::from_value::<Verify>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn what_a_config_lacks_is_said_with_its_key() {
    let problems = |value: serde_json::Value| -> Vec<String> {
        let problem = |(key, why): (Cow<'static, str>, String)| {
            format!("{key}: {}", why.split(':').next_back().unwrap_or_default())
        };
        config(value).problems().into_iter().map(problem).collect()
    };
    let hmac = |more: serde_json::Value| {
        let mut value = json!({"scheme": "hmac", "header": "x", "secret": "env:A"});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        problems(value)
    };
    let at = json!({"header": "x-time"});
    let none: [String; 0] = [];
    assert_eq!(hmac(json!({})), none);
    assert_eq!(
        hmac(json!({"signed": "{id}.{timestamp}.{body}", "id": "x", "timestamp": at, "tolerance": "1m"})),
        none
    );
    assert_eq!(hmac(json!({"signed": "{timestamp}{body}"})), ["signed:  X-Timestamp }"]);
    assert_eq!(hmac(json!({"signed": "{id}{body}"})), ["signed:  X-Request-Id"]);
    assert_eq!(
        hmac(json!({"timestamp": at})),
        ["timestamp:  write {timestamp} in signed, as the sender does, or remove it"]
    );
    assert_eq!(hmac(json!({"tolerance": "1m"})), ["tolerance:  remove it"]);
    for (value, problem) in [
        (json!({"scheme": "svix"}), ":  give the secret (whsec_…), or the public_key (whpk_…)"),
        (json!({"scheme": "gitlab"}), ":  give the signing_token (whsec_…), or else the secret"),
        (
            json!({"scheme": "gitlab", "secret": "env:A", "signing_token": "env:B"}),
            ":  remove secret, which is the weaker one",
        ),
        (json!({"scheme": "gitlab", "secret": "env:A", "tolerance": "1m"}), ":  remove it"),
        (
            json!({"scheme": "stripe", "secret": "env:A", "tolerance": "0s"}),
            "tolerance:  give one such as 5m",
        ),
        (
            json!({"scheme": "stripe", "secret": "env:A", "tolerance": "25h"}),
            "tolerance:  give one such as 5m",
        ),
        (json!({"scheme": "api-key", "secret": "env:A"}), ":  give the name of a header, or else of a query"),
        (
            json!({"scheme": "api-key", "secret": "env:A", "header": "x", "query": "y"}),
            "query:  remove one of the two",
        ),
        (
            json!({"scheme": "basic", "user": "a:b", "password": "env:A"}),
            "user: the user is empty or has a colon in it, which RFC 7617 does not allow",
        ),
    ] {
        assert_eq!(problems(value.clone()), [problem], "{value}");
    }
}

#[test]
fn a_scheme_is_as_strong_as_what_it_signs() {
    let weaknesses = |value: serde_json::Value| config(value).weaknesses();
    let strong: [Weakness; 0] = [];
    for scheme in [
        "standard-webhooks",
        "svix",
        "stripe",
        "slack",
        "zoom",
        "hubspot",
        "linear",
        "paddle",
        "twitch",
        "zendesk",
    ] {
        assert_eq!(weaknesses(json!({"scheme": scheme, "secret": "env:A"})), strong, "{scheme}");
    }
    assert_eq!(weaknesses(json!({"scheme": "gitlab", "signing_token": "env:A"})), strong);
    for (value, expected) in [
        (json!({"scheme": "none"}), vec![Weakness::Open]),
        (json!({"scheme": "github", "secret": "env:A"}), vec![Weakness::NoTimestamp]),
        (json!({"scheme": "gitlab", "secret": "env:A"}), vec![Weakness::Token]),
        (json!({"scheme": "twilio", "secret": "env:A"}), vec![Weakness::Sha1, Weakness::NoTimestamp]),
        (json!({"scheme": "mailgun", "secret": "env:A"}), vec![Weakness::PartOfBody]),
        (json!({"scheme": "adyen", "secret": "env:A"}), vec![Weakness::PartOfBody, Weakness::NoTimestamp]),
        (
            json!({"scheme": "api-key", "query": "k", "secret": "env:A"}),
            vec![Weakness::Token, Weakness::InUrl],
        ),
    ] {
        assert_eq!(weaknesses(value.clone()), expected, "{value}");
    }
    for scheme in ["twilio", "square", "hubspot"] {
        assert!(config(json!({"scheme": scheme, "secret": "env:A"})).signs_url(), "{scheme}");
    }
    assert!(!config(json!({"scheme": "stripe", "secret": "env:A"})).signs_url());
}
