//! Schemes whose keys stand elsewhere: what their vectors (`tests/senders/vectors`) say, and what is made of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail so")]

mod vectors {
    pub mod written;
}

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::{any, prop_assert, proptest};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stepmill_core::secret::{Secret, SecretRef};
use stepmill_core::signature::{Algorithm, Keys, Refusal, Request, Verdict, Verifier, Verify, sign};
use vectors::written::{Body, Written, folder, ms};

const NAMES: [&str; 5] = ["aws-sns", "jwt", "jwt-published", "jwt-secret", "paypal"];

#[derive(Clone, Deserialize)]
struct File {
    verify: Value,
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
    id: Option<String>,
    request: Written,
    expect: String,
}

fn read(name: &str) -> File {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

impl File {
    fn verifier(&self) -> Verifier {
        let config: Verify = serde_json::from_value(self.verify.clone()).unwrap();
        assert_eq!(config.problems(), [], "{}", self.from);
        let secret = |reference: &SecretRef| match reference {
            SecretRef::Env(name) => Ok::<_, Infallible>(Secret::new(self.secrets[name].clone())),
            SecretRef::File(path) => Ok(Secret::new(self.keys[path.to_str().unwrap()].clone())),
        };
        Verifier::try_new(&config, secret).unwrap()
    }

    fn keys(&self) -> Keys {
        self.keys.iter().fold(Keys::none(), |keys, (url, document)| keys.with(url, document.as_bytes()))
    }

    fn now_ms(&self, case: &Case) -> u64 {
        ms(case.now.as_ref().unwrap_or(&self.now))
    }

    fn verdict(&self, case: &Case) -> Result<Verdict, Refusal> {
        case.request.verdict(&self.verifier(), &self.keys(), self.now_ms(case))
    }

    fn accepted(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.expect == "accepted")
    }
}

impl Written {
    fn verdict(&self, verifier: &Verifier, keys: &Keys, now_ms: u64) -> Result<Verdict, Refusal> {
        let (method, url, headers, body) = (&self.method, &self.url, &self.headers, self.body.bytes());
        verifier.verify(
            &Request { method, url, headers, body: &body, client_certificate: None },
            keys,
            now_ms,
        )
    }
}

fn is_genuine(verdict: &Result<Verdict, Refusal>) -> bool {
    matches!(verdict, Ok(Verdict::Genuine(_)))
}

#[test]
fn each_vector_is_judged_as_its_provider_judges_it() {
    for (name, file) in NAMES.map(|name| (name, read(name))) {
        assert!(file.accepted().next().is_some(), "{name}");
        for case in &file.cases {
            let what = format!("{name}: {}", case.name);
            match (case.expect.as_str(), file.verdict(case)) {
                ("accepted", Ok(Verdict::Genuine(verified))) => assert_eq!(verified.id, case.id, "{what}"),
                ("refused", Err(_)) => {}
                (expected, Err(refusal)) => assert_eq!(refusal.name(), expected, "{what}"),
                (expected, verdict) => panic!("{what}: {verdict:?}, and not {expected}"),
            }
        }
    }
}

#[test]
fn a_key_is_asked_for_where_the_provider_has_it_and_nowhere_else() {
    for (name, is_public) in [("aws-sns", true), ("paypal", true), ("jwt", false)] {
        let file = read(name);
        let url = file.keys.keys().next().unwrap();
        for case in &file.cases {
            match case.request.verdict(&file.verifier(), &Keys::none(), file.now_ms(case)) {
                Ok(verdict) => {
                    assert_eq!(
                        verdict,
                        Verdict::NeedsKey { url: url.clone(), is_public },
                        "{name}: {}",
                        case.name
                    );
                }
                Err(refusal) => {
                    assert!(!["accepted", "mismatch"].contains(&&*case.expect), "{name}: {refusal}")
                }
            }
        }
    }
    // Where config has another place, nothing of the request says which host it is.
    for name in ["aws-sns", "paypal"] {
        let mut file = read(name);
        file.verify["keys"] = json!("http://127.0.0.1:7");
        let verdict = file.cases[0].request.verdict(&file.verifier(), &Keys::none(), 0).unwrap();
        let Verdict::NeedsKey { url, is_public: false } = verdict else { panic!("{verdict:?}") };
        assert!(url.starts_with("http://127.0.0.1:7/") && url.len() > 30, "{url}");
    }
}

#[test]
fn a_certificate_of_another_or_of_another_time_proves_nothing() {
    for (name, other) in [("aws-sns", "paypal"), ("paypal", "aws-sns")] {
        let file = read(name);
        let case = file.accepted().next().unwrap();
        let (verifier, url) = (file.verifier(), file.keys.keys().next().unwrap());
        let another = read(other).keys.into_values().next().unwrap();
        for document in
            [another, String::new(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into()]
        {
            let keys = Keys::none().with(url, document.as_bytes());
            assert_eq!(
                case.request.verdict(&verifier, &keys, file.now_ms(case)),
                Err(Refusal::BadKey),
                "{name}"
            );
        }
        // The certificates are of 2025 to 2125.
        for now_ms in [1_700_000_000_000, 4_900_000_000_000] {
            assert_eq!(case.request.verdict(&verifier, &file.keys(), now_ms), Err(Refusal::BadKey), "{name}");
        }
    }
}

#[test]
fn what_is_signed_is_what_is_believed() {
    for name in ["aws-sns", "paypal"] {
        let file = read(name);
        for case in file.accepted() {
            let body = case.request.body.bytes();
            for at in [0, body.len() / 2, body.len().saturating_sub(1)] {
                let mut changed = body.clone();
                changed[at] ^= 1;
                let request = Written {
                    body: Body::Bytes { base64: STANDARD.encode(changed) },
                    ..case.request.clone()
                };
                let verdict = request.verdict(&file.verifier(), &file.keys(), file.now_ms(case));
                assert!(!is_genuine(&verdict), "{name}: {} at {at}", case.name);
            }
            for at in 0..case.request.headers.len() {
                let mut request = case.request.clone();
                let (header, value) = request.headers[at].clone();
                if !header.starts_with("paypal-") {
                    continue;
                }
                request.headers.push((header.clone(), value));
                let repeated = request.verdict(&file.verifier(), &file.keys(), file.now_ms(case));
                assert_eq!(repeated, Err(Refusal::RepeatedHeader), "{header}");
                request.headers.retain(|(name, _)| *name != header);
                let missing = request.verdict(&file.verifier(), &file.keys(), file.now_ms(case));
                assert_eq!(missing, Err(Refusal::MissingHeader), "{header}");
            }
        }
    }
}

#[test]
fn a_signed_time_counts_where_config_says_so() {
    const HOUR_MS: u64 = 3_600_000;
    for name in ["aws-sns", "paypal"] {
        let mut file = read(name);
        let case = file.accepted().next().unwrap().clone();
        let now_ms = file.now_ms(&case);
        let at = |file: &File, now_ms| case.request.verdict(&file.verifier(), &file.keys(), now_ms);
        assert!(is_genuine(&at(&file, now_ms + 48 * HOUR_MS)), "{name}");
        file.verify["tolerance"] = json!("30m");
        assert!(is_genuine(&at(&file, now_ms)), "{name}");
        assert_eq!(at(&file, now_ms + HOUR_MS), Err(Refusal::TooOld), "{name}");
        assert_eq!(at(&file, now_ms - HOUR_MS), Err(Refusal::TooNew), "{name}");
    }
}

/// The certificate of PayPal's vectors will do for a client's.
#[test]
fn a_client_is_who_its_certificate_says() {
    let pem = read("paypal").keys.into_values().next().unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(der).unwrap();
    let print = hex::encode_upper(Sha256::digest(&der));
    let colons: Vec<_> = print.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
    let name = "messageverificationcerts.paypal.com";
    let judge = |config: Value, certificate: Option<&[u8]>, now_ms: u64| {
        let verify: Verify = serde_json::from_value(config).unwrap();
        assert_eq!(verify.problems(), []);
        let verifier = Verifier::try_new(&verify, |_| Ok::<_, Infallible>(Secret::new("")));
        let (url, headers) = ("https://hooks.example.com/a", Vec::<(&str, &str)>::new());
        let request =
            Request { method: "POST", url, headers: &headers, body: b"{}", client_certificate: certificate };
        verifier.unwrap().verify(&request, &Keys::none(), now_ms)
    };
    let now_ms = 1_767_323_045_000;
    for good in [
        json!({ "sans": ["another", name.to_uppercase()] }),
        json!({ "subjects": [format!("CN={name}")] }),
        json!({ "fingerprints": [print] }),
        json!({ "fingerprints": [colons.join(":")], "sans": [name] }),
    ] {
        let config = |mut config: Value| {
            config["scheme"] = json!("mtls");
            config
        };
        let config = config(good);
        assert!(is_genuine(&judge(config.clone(), Some(&der), now_ms)), "{config}");
        assert_eq!(judge(config.clone(), None, now_ms), Err(Refusal::NoCertificate));
        assert_eq!(judge(config.clone(), Some(&der[1..]), now_ms), Err(Refusal::WrongCertificate));
        // Of 2023, when it was not good yet.
        assert_eq!(judge(config, Some(&der), 1_700_000_000_000), Err(Refusal::WrongCertificate));
    }
    for other in [
        json!({ "scheme": "mtls", "sans": ["paypal.com"] }),
        json!({ "scheme": "mtls", "subjects": [name] }),
        json!({ "scheme": "mtls", "sans": [name], "subjects": ["CN=another"] }),
        json!({ "scheme": "mtls", "fingerprints": ["0".repeat(64)] }),
    ] {
        assert_eq!(judge(other.clone(), Some(&der), now_ms), Err(Refusal::WrongCertificate), "{other}");
    }
    for wrong in [json!({ "scheme": "mtls" }), json!({ "scheme": "mtls", "fingerprints": ["12:34"] })] {
        assert!(!serde_json::from_value::<Verify>(wrong).unwrap().problems().is_empty());
    }
}

/// A token by a secret of ours, with these claims besides.
fn token(header: &Value, claims: &Value) -> String {
    let mut all = json!({ "iss": "https://login.example.com/", "aud": "https://hooks.example.com", "exp": 2_000_000_000 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(&all));
    let secret = read("jwt-secret").secrets.into_values().next().unwrap();
    let signature = sign::hmac(Algorithm::Sha256, secret.as_bytes(), &[message.as_bytes()]);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn judge(config: &[(&str, Value)], token: &str, body: &[u8]) -> Result<Verdict, Refusal> {
    let mut file = read("jwt-secret");
    for (key, value) in config {
        file.verify[*key] = value.clone();
    }
    let (url, headers) =
        ("https://hooks.example.com/jwt", vec![("Authorization", format!("bearer {token}"))]);
    let request = Request { method: "POST", url, headers: &headers, body, client_certificate: None };
    file.verifier().verify(&request, &Keys::none(), 1_767_323_045_000)
}

#[test]
fn a_token_is_what_config_asks_for() {
    let hs = json!({ "alg": "HS256" });
    let with = |claims| token(&hs, &claims);
    assert!(is_genuine(&judge(&[], &with(json!({})), b"")));
    for claims in [
        json!({ "exp": null }),
        json!({ "exp": "2000000000" }),
        json!({ "exp": -1 }),
        json!({ "iss": null }),
        json!({ "iss": ["https://login.example.com/"] }),
        json!({ "aud": "https://hooks.example.com/" }),
        json!({ "aud": [] }),
        json!({ "nbf": "now" }),
    ] {
        assert_eq!(judge(&[], &with(claims.clone()), b""), Err(Refusal::WrongClaim), "{claims}");
    }
    let tenant = [("claims", json!({ "tenant": "acme", "scope": "orders" }))];
    assert!(is_genuine(&judge(
        &tenant,
        &with(json!({ "tenant": "acme", "scope": ["stock", "orders"] })),
        b""
    )));
    for claims in
        [json!({}), json!({ "tenant": "acme" }), json!({ "tenant": "acme", "scope": "orders stock" })]
    {
        assert_eq!(judge(&tenant, &with(claims), b""), Err(Refusal::WrongClaim));
    }
    for header in [
        json!({ "alg": "HS256", "crit": ["b64"], "b64": false }),
        json!({ "alg": "none" }),
        json!({ "alg": "RS256" }),
        json!({}),
    ] {
        assert_eq!(judge(&[], &token(&header, &json!({})), b""), Err(Refusal::MalformedHeader), "{header}");
    }
}

#[test]
fn a_token_may_bind_the_body() {
    let hash = [("body_hash", json!("body_sha256"))];
    let body = b"\xff not UTF-8";
    let digest = Sha256::digest(body);
    for claimed in [hex::encode(digest), URL_SAFE_NO_PAD.encode(digest)] {
        let token = token(&json!({ "alg": "HS256" }), &json!({ "body_sha256": claimed }));
        assert!(is_genuine(&judge(&hash, &token, body)));
        assert_eq!(judge(&hash, &token, b"another"), Err(Refusal::Mismatch));
    }
    let token = token(&json!({ "alg": "HS256" }), &json!({}));
    assert_eq!(judge(&hash, &token, body), Err(Refusal::WrongClaim));
}

#[test]
fn a_key_is_used_for_what_its_set_says() {
    let file = read("jwt");
    let case = file.accepted().next().unwrap();
    let (url, set) = file.keys.iter().next().unwrap();
    for (name, value) in
        [("alg", "RS512"), ("alg", "PS256"), ("use", "enc"), ("kty", "oct"), ("kid", "another")]
    {
        let mut set: Value = serde_json::from_str(set).unwrap();
        set["keys"][0][name] = json!(value);
        let keys = Keys::none().with(url, set.to_string());
        let verdict = case.request.verdict(&file.verifier(), &keys, file.now_ms(case));
        assert_eq!(verdict, Err(Refusal::UnknownKey), "{name}: {value}");
    }
    let keys = Keys::none().with(url, "[]");
    assert_eq!(case.request.verdict(&file.verifier(), &keys, file.now_ms(case)), Err(Refusal::BadKey));
}

#[test]
fn a_key_set_may_be_a_file() {
    let mut file = read("jwt");
    let set = file.keys.values().next().unwrap().clone();
    file.keys.insert("jwks.json".into(), set);
    file.verify["jwks"] = json!("file:jwks.json");
    for case in file.accepted() {
        let verdict = case.request.verdict(&file.verifier(), &Keys::none(), file.now_ms(case));
        assert!(is_genuine(&verdict), "{}: {verdict:?}", case.name);
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_neither_believed_nor_a_panic(value in ".{0,80}", body in any::<Vec<u8>>(), document in any::<Vec<u8>>()) {
        for name in NAMES {
            let file = read(name);
            let case = file.accepted().next().unwrap();
            let verifier = file.verifier();
            let keys = file.keys.keys().fold(Keys::none(), |keys, url| keys.with(url, document.clone()));
            prop_assert!(file.keys.is_empty() || !is_genuine(&case.request.verdict(&verifier, &keys, file.now_ms(case))));
            for at in 0..case.request.headers.len() {
                let mut request = case.request.clone();
                request.headers[at].1.clone_from(&value);
                request.body = Body::Bytes { base64: STANDARD.encode(&body) };
                let verdict = request.verdict(&verifier, &file.keys(), file.now_ms(case));
                prop_assert!(!is_genuine(&verdict) || name.starts_with("jwt") && request.headers[at].0 != "authorization");
            }
        }
    }
}
