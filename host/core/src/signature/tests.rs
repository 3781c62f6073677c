#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::convert::Infallible;

use proptest::prelude::{any, prop_assert_eq, proptest};
use serde_json::json;

use super::{Algorithm, Encoding, Keys, Refusal, Request, Verifier, VerifierError, Verify, sign};
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

fn check(verifier: &Verifier, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Refusal> {
    let headers = headers.to_vec();
    let url = "https://hooks.example.com/orders";
    let request = Request { method: "POST", url, headers: &headers, body, client_certificate: None };
    verifier.verify(&request, &Keys::none(), NOW_MS).map(|_| ())
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

#[test]
fn each_scheme_believes_its_sender_and_nobody_else() {
    let body = b"\xff\x00 not UTF-8";
    let standard = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let table = [
        (
            config(json!({"scheme": "hmac", "header": "X-Sig", "secret": "env:key", "algorithm": "sha512",
                          "encoding": "base64", "prefix": "v0="})),
            vec![("x-sig", format!("v0={}", sign::hmac_base64(Algorithm::Sha512, b"key", body)))],
        ),
        (
            config(json!({"scheme": "hmac", "header": "x-sig", "secret": "env:key", "algorithm": "sha1"})),
            vec![("X-Sig", sign::hmac_hex(Algorithm::Sha1, b"key", body).to_ascii_uppercase())],
        ),
        (
            config(json!({"scheme": "github", "secret": "env:key"})),
            vec![("X-Hub-Signature-256", sign::github(b"key", body))],
        ),
        (
            config(json!({"scheme": "shopify", "secret": "env:key"})),
            vec![("X-Shopify-Hmac-Sha256", sign::shopify(b"key", body))],
        ),
        (
            config(json!({"scheme": "standard-webhooks", "secret": format!("file:{WHSEC}")})),
            vec![
                (standard[0], "msg_1".to_owned()),
                (standard[1], "1700000000".to_owned()),
                (standard[2], sign::standard_webhooks(WHSEC, "msg_1", 1_700_000_000, body).unwrap()),
            ],
        ),
    ];
    for (verify, headers) in table {
        let verifier = verifier(&verify);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(check(&verifier, &headers, body), Ok(()), "{verify:?}");
        assert_eq!(check(&verifier, &headers, b"another body"), Err(Refusal::Mismatch), "{verify:?}");
        for at in 0..headers.len() {
            let (mut without, mut twice, mut garbled) = (headers.clone(), headers.clone(), headers.clone());
            without.remove(at);
            assert_eq!(check(&verifier, &without, body), Err(Refusal::MissingHeader), "{verify:?}");
            twice.push(headers[at]);
            assert_eq!(check(&verifier, &twice, body), Err(Refusal::RepeatedHeader), "{verify:?}");
            garbled[at].1 = ".";
            assert_eq!(check(&verifier, &garbled, body), Err(Refusal::MalformedHeader), "{verify:?}");
        }
    }
}

fn standard(timestamp: u64, signature: &str) -> Result<(), Refusal> {
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
    assert_eq!(at(now - 300), Ok(()));
    assert_eq!(at(now - 301), Err(Refusal::TooOld));
    assert_eq!(at(now + 300), Ok(()));
    assert_eq!(at(now + 301), Err(Refusal::TooNew));
    assert_eq!(at(0), Err(Refusal::TooOld));
    assert_eq!(at(u64::MAX), Err(Refusal::TooNew));
}

#[test]
fn one_of_several_signatures_is_enough_and_other_versions_are_passed_over() {
    let now = NOW_MS / 1_000;
    let genuine = sign::standard_webhooks(WHSEC, "m", now, b"{}").unwrap();
    let other = sign::standard_webhooks(WHSEC, "m", now, b"[]").unwrap();
    assert_eq!(standard(now, &format!("v1a,AAAA {other} {genuine}")), Ok(()));
    assert_eq!(standard(now, &other), Err(Refusal::Mismatch));
    assert_eq!(standard(now, &genuine.replace("v1,", "v1a,")), Err(Refusal::MalformedHeader));
}

#[test]
fn the_previous_secret_is_accepted_besides() {
    let verify = config(json!({"scheme": "github", "secret": "env:new", "previous": "env:old"}));
    assert_eq!(verify.secrets().len(), 2);
    let verifier = verifier(&verify);
    for (key, answer) in [("new", Ok(())), ("old", Ok(())), ("older", Err(Refusal::Mismatch))] {
        let signature = sign::github(key.as_bytes(), b"{}");
        assert_eq!(check(&verifier, &[("x-hub-signature-256", &signature)], b"{}"), answer, "{key}");
    }
}

#[test]
fn a_verifier_is_not_made_of_an_empty_or_a_wrong_secret() {
    let github = config(json!({"scheme": "github", "secret": "env:key"}));
    let error = Verifier::try_new(&github, |_| Ok::<_, Infallible>(Secret::new(""))).unwrap_err();
    assert!(matches!(error, VerifierError::Empty(_)));
    let standard = config(json!({"scheme": "standard-webhooks", "secret": "env:key"}));
    for wrong in ["plain text", "whsec_!", "whsec_c2hvcnQ="] {
        let error = Verifier::try_new(&standard, |_| Ok::<_, Infallible>(Secret::new(wrong))).unwrap_err();
        assert!(matches!(error, VerifierError::NotStandardWebhooks(_)), "{wrong}");
        assert!(!error.to_string().contains(wrong));
    }
}

#[test]
fn a_config_has_defaults_and_no_unknown_keys() {
    assert_eq!(config(json!({"scheme": "none"})), Verify::None {});
    let verify = config(json!({"scheme": "hmac", "header": "x", "secret": "env:A"}));
    assert!(matches!(
        verify,
        Verify::Hmac { algorithm: Algorithm::Sha256, encoding: Encoding::Hex, ref prefix, .. } if prefix.is_empty()
    ));
    for wrong in [
        json!({"scheme": "none", "secret": "env:A"}),
        json!({"scheme": "github", "secret": "env:A", "header": "x"}),
        json!({"scheme": "github"}),
        json!({"scheme": "gitlab", "secret": "env:A"}),
    ] {
        assert!(serde_json::from_value::<Verify>(wrong.clone()).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_flipped_bit_is_ever_believed(body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<usize>()) {
        let verifier = verifier(&config(json!({"scheme": "shopify", "secret": "env:key"})));
        let signature = sign::shopify(b"key", &body);
        let headers = [("x-shopify-hmac-sha256", signature.as_str())];
        prop_assert_eq!(check(&verifier, &headers, &body), Ok(()));
        let mut flipped = body.clone();
        let bit = at % (body.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(check(&verifier, &headers, &flipped), Err(Refusal::Mismatch));

        let mut mac = sign::hmac(Algorithm::Sha256, b"key", &[&body]);
        mac[at % 32] ^= 1 << (at % 8);
        let sig = hex::encode(mac);
        let verify = config(json!({"scheme": "hmac", "header": "s", "secret": "env:key"}));
        let verdict = check(&super::tests::verifier(&verify), &[("s", sig.as_str())], &body);
        prop_assert_eq!(verdict, Err(Refusal::Mismatch));
    }
}
