//! Requests that providers' SDKs or their documentation have signed (`tests/senders/vectors`), and what is made of each
//! that is accepted: with a bit that is not what it was, with a header too few or too many, at another time, under
//! other secrets.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail so")]

mod vectors {
    pub mod file;
    pub mod written;
    pub mod wrong;
}

use std::collections::BTreeSet;

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::json;
use stepmill_core::signature::{Refusal, schemes};
use vectors::file::{Case, ELSEWHERE, File, Sent, Signed, all};
use vectors::wrong;

#[test]
fn every_scheme_has_vectors_that_say_where_they_come_from() {
    let files = all();
    let found: BTreeSet<_> = files.iter().map(|file| file.scheme.as_str()).collect();
    let known: BTreeSet<_> =
        schemes().filter(|scheme| *scheme != "none" && !ELSEWHERE.contains(scheme)).collect();
    assert_eq!(found, known);
    for file in &files {
        assert!(!file.from.is_empty(), "{}", file.name);
        assert_eq!(file.verify["scheme"], file.scheme, "{}", file.name);
        assert!(file.accepted().next().is_some(), "{}: nothing is accepted", file.name);
    }
}

#[test]
fn each_vector_is_judged_as_its_provider_judges_it() {
    for file in all() {
        let verifier = file.verifier();
        for case in &file.cases {
            let sent = case.sent();
            let verdict = sent.verify(&verifier, case.now_ms(&file));
            let what = format!("{}: {}", file.name, case.name);
            match (case.expect.as_str(), verdict) {
                ("accepted", Ok(id)) => assert_eq!(id, case.id, "{what}: the id"),
                // Which refusal it is, is our own affair.
                ("refused", Err(_)) => {}
                (expected, verdict) => {
                    assert_eq!(verdict.map_err(|refusal| refusal.name()), Err(expected), "{what}");
                }
            }
        }
    }
}

/// Puts each accepted case of each file to a test.
fn each_accepted(test: impl Fn(&File, &Case, Sent, &str)) {
    for file in all() {
        for case in file.accepted() {
            test(&file, case, case.sent(), &format!("{}: {}", file.name, case.name));
        }
    }
}

#[test]
fn a_bit_of_the_body_that_is_not_what_it_was_is_refused() {
    each_accepted(|file, case, sent, what| {
        let verifier = file.verifier();
        for changed in wrong::bodies(&sent.body) {
            let sent = Sent { body: changed, ..sent.clone() };
            let is_refused = sent.verify(&verifier, case.now_ms(file)).is_err();
            match file.signed(&sent) {
                Signed::All => assert!(is_refused, "{what}: {:?}", String::from_utf8_lossy(&sent.body)),
                Signed::Nothing => assert!(!is_refused, "{what}"),
                // Which part that is, the vectors show.
                Signed::Part => {}
            }
        }
    });
}

#[test]
fn a_bit_of_the_signature_that_is_not_what_it_was_is_refused() {
    for file in all() {
        let verifier = file.verifier();
        let case = file.accepted().next().unwrap();
        let changed = wrong::signatures(&file, &case.sent());
        assert!(changed.len() >= 8, "{}: only {} ways to change it", file.name, changed.len());
        for sent in changed {
            let verdict = sent.verify(&verifier, case.now_ms(&file));
            assert!(verdict.is_err(), "{}: {:?} {:?}", file.name, sent.headers, sent.url);
        }
    }
}

#[test]
fn a_header_that_is_missing_or_repeated_or_not_text_is_refused() {
    each_accepted(|file, case, sent, what| {
        let (verifier, now_ms) = (file.verifier(), case.now_ms(file));
        let none = if file.scheme == "adyen" { Refusal::MalformedBody } else { Refusal::MissingHeader };
        for name in file.needed(&sent) {
            let at = sent.headers.iter().position(|(header, _)| header.eq_ignore_ascii_case(name));
            let at = at.unwrap_or_else(|| panic!("{what}: there is no {name}"));
            let mut missing = sent.clone();
            let header = missing.headers.remove(at);
            assert_eq!(missing.verify(&verifier, now_ms), Err(none), "{what}: {name}");
            for second in [header.1, b"another".to_vec()] {
                let mut repeated = sent.clone();
                repeated.headers.push((header.0.to_ascii_uppercase(), second));
                assert_eq!(
                    repeated.verify(&verifier, now_ms),
                    Err(Refusal::RepeatedHeader),
                    "{what}: {name}"
                );
            }
            for value in [&b"\xff\xfe"[..], "ë".as_bytes(), b"", b" ", b",", b"=", b"\0"] {
                let mut garbled = sent.clone();
                garbled.headers[at].1 = value.to_vec();
                let verdict = garbled.verify(&verifier, now_ms);
                assert!(
                    matches!(verdict, Err(Refusal::MalformedHeader | Refusal::Mismatch)),
                    "{what}: {name} {value:?} {verdict:?}"
                );
                assert!(
                    value.is_ascii() || verdict == Err(Refusal::MalformedHeader),
                    "{what}: {name} {value:?}"
                );
            }
        }
    });
}

#[test]
fn a_time_that_is_signed_is_near_to_now() {
    const DAY_MS: u64 = 24 * 3600 * 1000;
    each_accepted(|file, case, sent, what| {
        let (verifier, now_ms) = (file.verifier(), case.now_ms(file));
        let late = sent.verify(&verifier, now_ms + 2 * DAY_MS);
        let early = sent.verify(&verifier, now_ms - 2 * DAY_MS);
        if file.is_dated() {
            assert_eq!((late, early), (Err(Refusal::TooOld), Err(Refusal::TooNew)), "{what}");
            let verifier = file.verifier_with(&[("tolerance", json!("1s"))]);
            assert_eq!(sent.verify(&verifier, now_ms + 3_000), Err(Refusal::TooOld), "{what}");
            assert_eq!(sent.verify(&verifier, now_ms - 3_000), Err(Refusal::TooNew), "{what}");
        } else {
            assert_eq!((late.is_ok(), early.is_ok()), (true, true), "{what}");
        }
    });
}

#[test]
fn the_previous_secret_is_accepted_and_another_is_not() {
    each_accepted(|file, case, sent, what| {
        let now_ms = case.now_ms(file);
        let rotated =
            file.verifier_with(&[(file.key(), json!("env:OTHER")), ("previous", json!(file.secret()))]);
        assert!(sent.verify(&rotated, now_ms).is_ok(), "{what}");
        let verifier = file.verifier_with(&[("previous", json!("env:OTHER"))]);
        assert!(sent.verify(&verifier, now_ms).is_ok(), "{what}");
        let other = file.verifier_with(&[(file.key(), json!("env:OTHER"))]);
        assert_eq!(sent.verify(&other, now_ms), Err(Refusal::Mismatch), "{what}");
    });
}

#[test]
fn what_signs_bytes_takes_bodies_that_are_no_text() {
    for scheme in schemes().filter(|scheme| {
        !["none", "adyen", "linear", "mailgun"].contains(scheme) && !ELSEWHERE.contains(scheme)
    }) {
        let files = all();
        let mut accepted = files.iter().filter(|file| file.scheme == scheme).flat_map(File::accepted);
        assert!(accepted.any(|case| std::str::from_utf8(&case.sent().body).is_err()), "{scheme}");
    }
}

/// Values like those of signatures, and some that are like nothing.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let hex = proptest::collection::vec(any::<u8>(), 20..65).prop_map(hex::encode);
    let pieces = prop_oneof![
        hex,
        Just("1767323045".to_owned()),
        Just("1767323045000".to_owned()),
        Just("2026-01-02T03:04:05Z".to_owned()),
        "[A-Za-z0-9+/]{43}=",
        "[A-Za-z0-9+/]{86}==",
        Just("MEUCIQ".to_owned()),
        ".{0,8}",
    ];
    let before = proptest::sample::select(vec![
        "",
        "sha256=",
        "sha1=",
        "v0=",
        "v1=",
        "v1,",
        "v1a,",
        "t=1767323045,v1=",
        "ts=1767323045;h1=",
        "Basic ",
        "Bearer ",
        " ",
        ",",
        ";",
        "v1, v1a, ",
    ]);
    let written = proptest::collection::vec((before, pieces), 0..4).prop_map(|list| {
        list.into_iter().flat_map(|(before, value)| [before.to_owned(), value]).collect::<String>()
    });
    prop_oneof![written.prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..64)]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let json = prop_oneof![
        Just(json!({"id": "x", "webhookTimestamp": 1_767_323_045_000_u64})),
        Just(json!({"signature": {"timestamp": "1767323045", "token": "t", "signature": "00ff"}})),
        Just(
            json!({"notificationItems": [{"NotificationRequestItem": {"additionalData": {"hmacSignature": "AAAA"}}}]})
        ),
        Just(json!([[[[]]]])),
    ];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..128),
        json.prop_map(|json| json.to_string().into_bytes()),
        "[a-z&=%+]{0,40}".prop_map(String::into_bytes),
    ]
}

#[test]
fn whatever_comes_is_neither_believed_nor_a_panic() {
    for file in all() {
        let verifier = file.verifier();
        let case = file.accepted().next().unwrap();
        let names: Vec<String> = case.sent().headers.into_iter().map(|(name, _)| name).collect();
        let headers = proptest::collection::vec((proptest::sample::select(names), value()), 0..6);
        let url = "https://hooks\\.example\\.com/[a-zA-Z0-9?&=%+/]{0,40}";
        let strategy = (headers, body(), url, any::<bool>());
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(128) });
        runner
            .run(&strategy, |(headers, body, url, is_first)| {
                let mut sent = Sent { headers, body, url, ..case.sent() };
                if is_first {
                    // What a sender has sent, with some more.
                    sent.headers.extend(case.sent().headers);
                    sent.body.push(b'x');
                    prop_assert!(
                        file.signed(&sent) != Signed::All
                            || sent.verify(&verifier, case.now_ms(&file)).is_err()
                    );
                } else {
                    prop_assert!(sent.verify(&verifier, case.now_ms(&file)).is_err());
                }
                Ok::<_, TestCaseError>(())
            })
            .unwrap_or_else(|error| panic!("{}: {error}", file.name));
    }
}

proptest! {
    /// A body of any bytes that is signed right is believed, and no other for it.
    #[test]
    fn a_signed_body_is_believed_and_no_other(body: Vec<u8>, other: Vec<u8>) {
        let file = all().into_iter().find(|file| file.name == "hmac-sha256-hex").unwrap();
        let verifier = file.verifier();
        let key = file.secrets.values().next().unwrap().as_bytes();
        let signature = stepmill_core::signature::sign::hmac_hex(Default::default(), key, &body);
        let mut sent = file.accepted().next().unwrap().sent();
        sent.headers = vec![("x-signature".into(), signature.into_bytes())];
        sent.body = body.clone();
        prop_assert!(sent.verify(&verifier, 0).is_ok());
        sent.body = other.clone();
        prop_assert!(sent.verify(&verifier, 0).is_ok() == (body == other));
    }
}
