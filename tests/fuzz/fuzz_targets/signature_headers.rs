//! What requests prove by, under every scheme that there are vectors of. The lines up to an empty one are headers.
#![no_main]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::LazyLock;
use std::{fs, path::Path};

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stepmill_core::secret::{Secret, SecretRef};
use stepmill_core::signature::{Headers, Keys, Request, Verdict, Verifier};

/// When the seeds were signed: the vectors' own time.
const NOW_MS: u64 = 1_767_323_045_000;
const URL: &str = "https://hooks.example.com/in?key=a&bodySHA256=b";

/// The configs of the vectors, with their secrets.
static VERIFIERS: LazyLock<Vec<Verifier>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../senders/vectors");
    let files = fs::read_dir(folder).expect("the vectors are beside the targets");
    let paths = files.map(|file| file.expect("it can be read").path());
    let texts = paths.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).expect("it can be read"));
    texts.map(|text| verifier(&serde_json::from_str(&text).expect("a vector is JSON"))).collect()
});

fn verifier(file: &Value) -> Verifier {
    let verify = serde_json::from_value(file["verify"].clone()).expect("the schemes are known");
    let secrets: BTreeMap<String, String> =
        serde_json::from_value(file["secrets"].clone()).unwrap_or_default();
    let resolve = |reference: &SecretRef| {
        let SecretRef::Env(name) = reference else { panic!("{reference} is no variable") };
        Ok::<_, Infallible>(Secret::new(secrets[name].clone()))
    };
    Verifier::try_new(&verify, resolve).expect("the secrets are good")
}

struct Lines<'d>(Vec<(&'d [u8], &'d [u8])>);

impl Headers for Lines<'_> {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        let of_name = self.0.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name.as_bytes()));
        of_name.map(|(_, value)| *value).collect()
    }

    fn all(&self) -> Vec<(&str, &[u8])> {
        let named = self.0.iter().filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, *value)));
        named.collect()
    }
}

fuzz_target!(|data: &[u8]| {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, body) = (&data[..end], data.get(end + 2..).unwrap_or_default());
    let lines = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.windows(2).position(|pair| pair == b": ")?;
        Some((&line[..at], &line[at + 2..]))
    });
    let headers = Lines(lines.collect());
    let request =
        Request { method: "POST", url: URL, headers: &headers, body, client_certificate: Some(body) };
    for verifier in VERIFIERS.iter() {
        if let Ok(Verdict::NeedsKey { url, .. }) = verifier.verify(&request, &Keys::none(), NOW_MS) {
            // The key, too, comes from elsewhere.
            let _ = verifier.verify(&request, &Keys::none().with(url, body), NOW_MS);
        }
    }
});
