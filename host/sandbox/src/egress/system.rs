//! A named external application as the operator configured it, and its secrets.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use stepmill_core::signature::sign;
use url::{Url, form_urlencoded};

use super::headers;

/// Secrets shorter than this are not searched for in responses: they would be found where they are not.
const SHORTEST_SCRUBBED: usize = 8;
/// What stands where a secret was.
pub(super) const REDACTED: &str = "[redacted]";

/// A system: where it is, and how it is spoken to. Secrets are values here, resolved by whoever loads config.
#[derive(Clone, Debug)]
pub struct System {
    /// The name that a step's `system:` refers to.
    pub name: String,
    /// Where relative paths go: `http` or `https`, without user, query and fragment. It may be private.
    pub base_url: Url,
    /// What is added to each request to the system, and only there.
    pub credentials: Credentials,
    /// Requests that may be on their way at a time, at least 1.
    pub concurrency: usize,
    /// How long resolving, connecting and the TLS handshake may take together.
    pub connect_timeout: Duration,
    /// How long it may take from the start, connecting included, to the response's head.
    pub first_byte_timeout: Duration,
    /// Certificates (PEM) of the authorities to trust for this system, instead of the platform's.
    pub ca_pem: Option<Vec<u8>>,
}

/// How the host proves to a system who it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Not at all.
    None,
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer(Secret),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// Without a colon.
        user: String,
        /// The password.
        password: Secret,
    },
    /// Any other header, such as `X-Api-Key`.
    Header {
        /// The header's name.
        name: String,
        /// Its whole value.
        value: Secret,
    },
    /// A signature of each request, as Standard Webhooks has it; the secrets themselves are not sent.
    StandardWebhooks {
        /// The secret: `whsec_` and base64.
        secret: Secret,
        /// One that signs besides, while receivers change to the new one.
        previous: Option<Secret>,
    },
}

/// A text that no log, record or guest may see.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Whether it is one that requests can be signed by, as Standard Webhooks has it.
    pub fn signs_standard_webhooks(&self) -> bool {
        sign::is_standard_webhooks_secret(&self.0)
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// The header that carries a system's credentials.
#[derive(Clone)]
pub(super) struct Authentication {
    pub(super) name: HeaderName,
    /// Marked as sensitive, so that no library prints it.
    pub(super) value: HeaderValue,
    pub(super) secrets: Secrets,
}

impl Authentication {
    /// None for credentials that are in no header; or why the credentials cannot be sent.
    pub(super) fn try_new(credentials: &Credentials) -> Result<Option<Self>, &'static str> {
        let (name, value, secrets) = match credentials {
            Credentials::None | Credentials::StandardWebhooks { .. } => return Ok(None),
            Credentials::Bearer(Secret(token)) => {
                (AUTHORIZATION, format!("Bearer {token}"), vec![token.clone()])
            }
            Credentials::Basic { user, password: Secret(password) } => {
                if user.contains(':') {
                    return Err("a user must not contain a colon");
                }
                let pair = STANDARD.encode(format!("{user}:{password}"));
                (AUTHORIZATION, format!("Basic {pair}"), vec![password.clone(), pair])
            }
            Credentials::Header { name, value: Secret(value) } => {
                let name =
                    HeaderName::try_from(name).map_err(|_| "the credentials' header has no valid name")?;
                if headers::is_connection_level(&name) {
                    return Err("the credentials' header is one that the host sets itself");
                }
                // `Token abc`: the guest must not see `abc` either.
                let word = value.rsplit(' ').next().unwrap_or_default().to_owned();
                (name, value.clone(), vec![value.clone(), word])
            }
        };
        let mut value =
            HeaderValue::try_from(value).map_err(|_| "the secret has characters that no header can carry")?;
        value.set_sensitive(true);
        Ok(Some(Self { name, value, secrets: Secrets::new(&secrets) }))
    }
}

/// What must not come back: secrets as they are, and as JSON and forms write them. A system that is told
/// to answer in another way (part by part, compressed, encrypted) can still show a guest what it was sent:
/// this catches echoes and error pages, not a system that conspires with a guest.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    fn new(secrets: &[String]) -> Self {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            let json = serde_json::Value::from(secret.as_str()).to_string();
            let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            forms.push(json.trim_matches('"').into());
            forms.push(form.into());
            forms.push(secret.as_bytes().into());
        }
        forms.retain(|form| form.len() >= SHORTEST_SCRUBBED);
        // The longest first: a form may lie within another.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self(forms)
    }

    /// `bytes` without the secrets; none if there were none in it.
    pub(super) fn scrubbed(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut scrubbed = None;
        for secret in &self.0 {
            let replaced = replaced(scrubbed.as_deref().unwrap_or(bytes), secret);
            scrubbed = replaced.or(scrubbed);
        }
        scrubbed
    }
}

fn replaced(bytes: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let mut at = find(bytes, secret)?;
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((before, found)) = rest.split_at_checked(at) {
        replaced.extend_from_slice(before);
        replaced.extend_from_slice(REDACTED.as_bytes());
        rest = found.get(secret.len()..).unwrap_or_default();
        match find(rest, secret) {
            Some(next) => at = next,
            None => break,
        }
    }
    replaced.extend_from_slice(rest);
    Some(replaced)
}

/// Where `secret` first occurs. Looks for its first byte at the speed of memchr, as most bodies hold none.
fn find(bytes: &[u8], secret: &[u8]) -> Option<usize> {
    let first = secret.first()?;
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let at = from + rest.iter().position(|byte| byte == first)?;
        if bytes.get(at..)?.starts_with(secret) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Authentication, Credentials, Secrets};

    #[test]
    fn a_secret_is_found_as_it_is_and_as_json_and_forms_write_it() {
        let secrets = Secrets::new(&["pass\"word/1+2".to_owned()]);
        let scrub = |text: &str| {
            secrets.scrubbed(text.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        assert_eq!(scrub("ppass\"word/1+2pass\"word/1+2").as_deref(), Some("p[redacted][redacted]"));
        assert_eq!(scrub(r#"{"got":"pass\"word/1+2"}"#).as_deref(), Some(r#"{"got":"[redacted]"}"#));
        assert_eq!(scrub("a=pass%22word%2F1%2B2&b").as_deref(), Some("a=[redacted]&b"));
        assert_eq!(scrub("pass\"word/1+"), None);
        assert!(Secrets::new(&["short".to_owned()]).scrubbed(b"short").is_none());
    }

    #[test]
    fn credentials_are_never_shown() {
        let bearer = Credentials::Bearer("very-secret-token".into());
        let sent = Authentication::try_new(&bearer).expect("credentials").expect("a header");
        assert_eq!(sent.value.to_str().ok(), Some("Bearer very-secret-token"));
        assert!(!format!("{bearer:?} {:?}", sent.value).contains("very"));
    }

    #[test]
    fn credentials_that_no_header_can_carry_are_refused() {
        for refused in [
            Credentials::Bearer("a\r\nhost: evil".into()),
            Credentials::Header { name: "Content-Length".into(), value: "7".into() },
            Credentials::Header { name: "a b".into(), value: "7".into() },
            Credentials::Basic { user: "a:b".into(), password: "c".into() },
        ] {
            assert!(Authentication::try_new(&refused).is_err(), "{refused:?}");
        }
    }
}
