//! Schemes whose keys are the provider's and stand elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Host, Url};

use super::check::Problem;
use crate::duration;
use crate::secret::SecretRef;
use crate::signature::mtls;

/// PayPal's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Paypal {
    /// The webhook's id, as PayPal's dashboard shows it: it is signed, and not sent.
    pub webhook_id: String,
    /// How far the signed time may be from now, either way; it is not looked at unless given, since PayPal sends again
    /// for three days.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub tolerance: Option<Duration>,
    /// Where certificates are fetched in place of PayPal's hosts; for tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub keys: Option<Origin>,
}

/// Amazon's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct AwsSns {
    /// The ARN of the topic. Everybody's topics are signed by the same key.
    pub topic: String,
    /// How far the signed time may be from now, either way; it is not looked at unless given, since a delivery policy
    /// may send again for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub tolerance: Option<Duration>,
    /// Where certificates are fetched, and subscriptions confirmed, in place of Amazon's hosts; for tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub keys: Option<Origin>,
}

/// A signed token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Jwt {
    /// Where the issuer's public keys are: the URL of its key set (RFC 7517) of `https`, or `file:PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub jwks: Option<Jwks>,
    /// The secret of an issuer that signs by an HMAC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// A secret that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SecretRef>,
    /// What `iss` is.
    pub issuer: String,
    /// What `aud` is, or has in it. Without it a token that was issued for another service is good here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// How far `exp` may lie back and `nbf` ahead; 1 min unless given.
    #[serde(default = "minute", with = "duration")]
    #[schemars(with = "String")]
    pub leeway: Duration,
    /// Further claims, and what each is or has in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Value>,
    /// The claim that has the body's SHA-256, in hexadecimal or base64url. Without it the body is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_hash: Option<String>,
    /// Name of the header with the token; `Authorization`, after `Bearer`, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

/// A client certificate that an authority of the listener's has signed. Of each list that is given, one must fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Mtls {
    /// The SHA-256 of certificates, in hexadecimal, with or without colons: these certificates and no later ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// Subjects, such as `CN=shop, O=Acme`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Alternative names: of hosts, mailboxes or URIs, such as `shop.example.com` or `spiffe://example.com/shop`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<String>,
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

impl Paypal {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let is_id =
            !self.webhook_id.is_empty() && self.webhook_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let why = "the id is letters and digits, such as 4JH86294D6297924G: copy it from the webhook's page";
        if is_id { Vec::new() } else { vec![("webhook_id", why.into())] }
    }
}

impl AwsSns {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut parts = self.topic.split(':');
        let is_topic = parts.next() == Some("arn") && parts.nth(1) == Some("sns") && parts.count() == 3;
        let why = "the topic is its ARN, such as arn:aws:sns:eu-central-1:123456789012:orders";
        if is_topic { Vec::new() } else { vec![("topic", why.into())] }
    }
}

impl Jwt {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match (&self.jwks, &self.secret) {
            (None, None) => problems.push(("", "there is no key: give jwks, or else secret".into())),
            (Some(_), Some(_)) => problems.push((
                "secret",
                "jwks and secret are two ways, and a public key is no secret: remove one of the two".into(),
            )),
            (Some(_), None) if self.previous.is_some() => {
                problems.push(("previous", "previous is of no use without a secret: remove it".into()));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        if self.leeway > Duration::from_secs(3600) {
            problems.push(("leeway", "the leeway is over an hour: give one such as 1m".into()));
        }
        problems
    }
}

impl Mtls {
    pub(super) fn problems(&self) -> Vec<Problem> {
        if self.fingerprints.is_empty() && self.subjects.is_empty() && self.sans.is_empty() {
            let why = "whoever has a certificate of the listener's authorities would be believed: give sans, subjects or \
                       fingerprints of this sender";
            return vec![("", why.into())];
        }
        let is_hash = |text: &String| {
            let plain = mtls::plain(text);
            plain.len() == 64 && plain.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if self.fingerprints.iter().all(is_hash) {
            return Vec::new();
        }
        let why =
            "a fingerprint is 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` has it";
        vec![("fingerprints", why.into())]
    }
}

/// Where a key set is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Jwks {
    /// In a file.
    File(SecretRef),
    /// At a URL: of https, or of http at an address of this machine.
    Url(String),
}

/// The origin of URLs: `https://…`, or `http://` and an address of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// A text that is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give a URL of https, such as {0} (http only of 127.0.0.1 or [::1])")]
pub struct InvalidUrl(&'static str);

impl FromStr for Jwks {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        const SUCH_AS: InvalidUrl =
            InvalidUrl("https://login.example.com/.well-known/jwks.json, or file:PATH");
        if text.starts_with("file:") {
            return text.parse().map(Self::File).map_err(|_| SUCH_AS);
        }
        let url = Url::parse(text).ok().filter(is_safe).ok_or(SUCH_AS)?;
        if url.fragment().is_some() { Err(SUCH_AS) } else { Ok(Self::Url(url.into())) }
    }
}

impl fmt::Display for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

impl FromStr for Origin {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        const SUCH_AS: InvalidUrl = InvalidUrl("https://sns.example.com");
        let url = Url::parse(text).ok().filter(is_safe).ok_or(SUCH_AS)?;
        let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if is_origin { Ok(Self(url.origin().ascii_serialization())) } else { Err(SUCH_AS) }
    }
}

impl Origin {
    /// The URL with this origin in place of its own.
    pub(crate) fn of(this: Option<&Self>, url: &Url) -> String {
        match this {
            Some(Self(origin)) => {
                let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
                format!("{origin}{}{query}", url.path())
            }
            None => url.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether nobody on the way can put a key of their own there.
fn is_safe(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    };
    let is_encrypted = url.scheme() == "https" && url.has_host();
    (is_encrypted || url.scheme() == "http" && is_loopback)
        && url.username().is_empty()
        && url.password().is_none()
}

impl TryFrom<String> for Jwks {
    type Error = InvalidUrl;

    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        text.parse()
    }
}

impl From<Jwks> for String {
    fn from(jwks: Jwks) -> Self {
        jwks.to_string()
    }
}

impl TryFrom<String> for Origin {
    type Error = InvalidUrl;

    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_from_where_nobody_can_change_them() {
        for good in [
            "https://login.example.com/jwks",
            "http://127.0.0.1:1/jwks",
            "http://[::1]:1/",
            "file:keys/a.json",
        ] {
            assert_eq!(good.parse::<Jwks>().map(|jwks| jwks.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "http://login.example.com/",
            "http://localhost:1/",
            "https://a@b.example/",
            "/jwks",
            "ftp://a/",
            "file:",
        ] {
            assert!(bad.parse::<Jwks>().is_err(), "{bad}");
        }
        let origin = "http://127.0.0.1:8000".parse::<Origin>();
        let moved = origin.as_ref().ok().zip(Url::parse("https://a.example/b?c=d").ok());
        let moved = moved.map(|(origin, url)| Origin::of(Some(origin), &url));
        assert_eq!(moved.as_deref(), Some("http://127.0.0.1:8000/b?c=d"));
        assert!("https://a.example/b".parse::<Origin>().is_err());
    }
}
