//! The files of `tests/senders/vectors`, as `tests/senders/README.md` describes them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use stepmill_core::secret::{Secret, SecretRef};
use stepmill_core::signature::{Keys, Refusal, Request, Verdict, Verifier, Verify, Weakness};

use super::written::{Written, folder, ms};

/// Schemes that need more than a request and a secret: each has a test of its own.
pub const ELSEWHERE: [&str; 5] = ["aws-sns", "jwt", "mtls", "paypal", "plugin"];

#[derive(Clone, Deserialize)]
pub struct File {
    #[serde(skip)]
    pub name: String,
    pub scheme: String,
    pub verify: Value,
    pub secrets: BTreeMap<String, String>,
    pub from: String,
    pub now: String,
    pub cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
pub struct Case {
    pub name: String,
    pub now: Option<String>,
    pub id: Option<String>,
    pub request: Written,
    pub expect: String,
}

/// How much of a body is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    All,
    Part,
    Nothing,
}

/// A request as it is sent.
#[derive(Clone)]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// All files, by their names.
pub fn all() -> Vec<File> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path).unwrap();
            let file: File =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            files.push(File { name: path.file_stem().unwrap().to_string_lossy().into_owned(), ..file });
        }
    }
    files.retain(|file| !ELSEWHERE.contains(&file.scheme.as_str()));
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

impl File {
    pub fn accepted(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.expect == "accepted")
    }

    pub fn config(&self) -> Verify {
        serde_json::from_value(self.verify.clone()).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    pub fn verifier(&self) -> Verifier {
        self.verifier_with(&[])
    }

    /// A verifier with some keys of its config replaced. `env:OTHER` is another secret of the same kind.
    pub fn verifier_with(&self, keys: &[(&str, Value)]) -> Verifier {
        let mut file = self.clone();
        for (key, value) in keys {
            file.verify[*key] = value.clone();
        }
        let config = file.config();
        assert_eq!(config.problems(), [], "{}", self.name);
        let secret = |reference: &SecretRef| {
            let SecretRef::Env(name) = reference else { panic!("{}: {reference}", self.name) };
            let text = if name == "OTHER" {
                other(&self.secrets[self.variable()])
            } else {
                self.secrets[name].clone()
            };
            Ok::<_, Infallible>(Secret::new(text))
        };
        Verifier::try_new(&config, secret).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The key of the config that the secret stands under.
    pub fn key(&self) -> &'static str {
        let keys = ["secret", "signing_token", "public_key", "password"];
        keys.into_iter().find(|key| self.verify.get(key).is_some()).unwrap()
    }

    /// Where the secret is found.
    pub fn secret(&self) -> &str {
        self.verify[self.key()].as_str().unwrap()
    }

    fn variable(&self) -> &str {
        self.secret().strip_prefix("env:").unwrap()
    }

    /// How much of the body is signed.
    pub fn signed(&self, sent: &Sent) -> Signed {
        let weaknesses = self.config().weaknesses();
        if weaknesses.contains(&Weakness::Token) {
            Signed::Nothing
        } else if weaknesses.contains(&Weakness::PartOfBody) && !sent.has("hmacsignature") {
            Signed::Part
        } else {
            Signed::All
        }
    }

    /// Whether a time is signed.
    pub fn is_dated(&self) -> bool {
        let weaknesses = self.config().weaknesses();
        !weaknesses.contains(&Weakness::Token) && !weaknesses.contains(&Weakness::NoTimestamp)
    }

    /// The headers without which a request proves nothing, from the providers' documentation.
    pub fn needed(&self, sent: &Sent) -> Vec<&'static str> {
        match (self.scheme.as_str(), self.key()) {
            ("svix", _) if sent.has("svix-id") => vec!["svix-id", "svix-timestamp", "svix-signature"],
            ("standard-webhooks" | "svix", _) | ("gitlab", "signing_token") => {
                vec!["webhook-id", "webhook-timestamp", "webhook-signature"]
            }
            ("gitlab", _) => vec!["x-gitlab-token"],
            ("bitbucket" | "intercom", _) => vec!["x-hub-signature"],
            ("github" | "meta", _) => vec!["x-hub-signature-256"],
            ("discord", _) => vec!["x-signature-ed25519", "x-signature-timestamp"],
            ("docusign", _) => vec!["x-docusign-signature-1"],
            ("hmac", _) if self.verify.get("timestamp").is_some() => vec!["x-signature", "x-time"],
            ("hmac", _) => vec!["x-signature"],
            ("hubspot", _) => vec!["x-hubspot-signature-v3", "x-hubspot-request-timestamp"],
            ("linear", _) => vec!["linear-signature"],
            ("mollie", _) => vec!["x-mollie-signature"],
            ("paddle", _) => vec!["paddle-signature"],
            ("sendgrid", _) => {
                vec!["x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"]
            }
            ("shopify", _) => vec!["x-shopify-hmac-sha256"],
            ("slack", _) => vec!["x-slack-signature", "x-slack-request-timestamp"],
            ("square", _) => vec!["x-square-hmacsha256-signature"],
            ("stripe", _) => vec!["stripe-signature"],
            ("twilio", _) => vec!["x-twilio-signature"],
            ("twitch", _) => vec![
                "twitch-eventsub-message-id",
                "twitch-eventsub-message-timestamp",
                "twitch-eventsub-message-signature",
            ],
            ("x", _) => vec!["x-twitter-webhooks-signature"],
            ("zendesk", _) => vec!["x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"],
            ("zoom", _) => vec!["x-zm-signature", "x-zm-request-timestamp"],
            ("basic" | "bearer", _) => vec!["authorization"],
            ("api-key", _) if self.verify.get("header").is_some() => vec!["x-api-key"],
            ("adyen", _) if sent.has("hmacsignature") => vec!["hmacsignature"],
            // In the body, or in the query.
            ("adyen" | "mailgun" | "api-key", _) => Vec::new(),
            (scheme, _) => panic!("say which headers {scheme} needs"),
        }
    }
}

impl Case {
    pub fn now_ms(&self, file: &File) -> u64 {
        ms(self.now.as_ref().unwrap_or(&file.now))
    }

    pub fn sent(&self) -> Sent {
        let Written { method, url, headers, body } = self.request.clone();
        Sent {
            method,
            url,
            headers: headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect(),
            body: body.bytes(),
        }
    }
}

impl Sent {
    /// Whether it has a header.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(header, _)| header == name)
    }

    /// The provider's id, or why it is not believed.
    pub fn verify(&self, verifier: &Verifier, now_ms: u64) -> Result<Option<String>, Refusal> {
        let Self { method, url, headers, body } = self;
        let request = Request { method, url, headers, body, client_certificate: None };
        match verifier.verify(&request, &Keys::none(), now_ms)? {
            Verdict::Genuine(verified) => Ok(verified.id),
            other @ (Verdict::NeedsKey { .. } | Verdict::AskPlugin) => {
                panic!("no scheme of these needs more, but this one: {other:?}")
            }
        }
    }
}

/// Another secret of the same kind.
fn other(secret: &str) -> String {
    if secret.starts_with("whsec_") || secret.starts_with("whpk_") {
        let (prefix, _) = secret.split_once('_').unwrap();
        return format!("{prefix}_{}", STANDARD.encode([7; 32]));
    }
    if let Ok(mut bytes) = hex::decode(secret) {
        bytes[0] ^= 1;
        return hex::encode(bytes);
    }
    if let Some(mut der) = STANDARD.decode(secret).ok().filter(|der| der.len() > 64) {
        *der.last_mut().unwrap() ^= 1;
        return STANDARD.encode(der);
    }
    format!("{secret}x")
}
