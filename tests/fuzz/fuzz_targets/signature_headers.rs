//! Headers of signatures under every scheme, with fixed keys. The lines up to an empty one are headers.
#![no_main]

use std::convert::Infallible;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stepmill_core::secret::{Secret, SecretRef};
use stepmill_core::signature::Verifier;

/// As YAML would say them. A key is the name of its variable.
const SCHEMES: [&str; 5] = [
    r#"{"scheme":"hmac","header":"x-signature","secret":"env:KEY"}"#,
    r#"{"scheme":"hmac","header":"x-signature","secret":"env:KEY","encoding":"base64","algorithm":"sha1","prefix":"p="}"#,
    r#"{"scheme":"github","secret":"env:KEY","previous":"env:OTHER"}"#,
    r#"{"scheme":"shopify","secret":"env:KEY"}"#,
    r#"{"scheme":"standard-webhooks","secret":"env:WHSEC"}"#,
];
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// When the seeds were signed.
const NOW_MS: u64 = 1_700_000_000_000;

static VERIFIERS: LazyLock<Vec<Verifier>> = LazyLock::new(|| {
    let resolve = |reference: &SecretRef| {
        let key = if reference.to_string() == "env:WHSEC" { WHSEC } else { "key" };
        Ok::<_, Infallible>(Secret::new(key))
    };
    let verifiers = SCHEMES.iter().map(|scheme| {
        let verify = serde_json::from_str(scheme).expect("the schemes are known");
        Verifier::try_new(&verify, resolve).expect("the keys are good")
    });
    verifiers.collect()
});

fuzz_target!(|data: &[u8]| {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, body) = (&data[..end], data.get(end + 2..).unwrap_or_default());
    let lines = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.windows(2).position(|pair| pair == b": ")?;
        Some((&line[..at], &line[at + 2..]))
    });
    let headers: Vec<(&[u8], &[u8])> = lines.collect();
    let values = |name: &str| {
        let of_name = headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name.as_bytes()));
        of_name.map(|(_, value)| *value).collect()
    };
    for verifier in VERIFIERS.iter() {
        let _ = verifier.verify(&values, body, NOW_MS);
    }
});
