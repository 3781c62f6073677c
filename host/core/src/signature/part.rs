//! The bytes that are signed.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::place::{self, Value};
use super::recipe::Part;
use super::{Refusal, Request};

/// What HubSpot decodes in a URL before it signs it, and nothing else
/// (<https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation>).
const HUBSPOT: [(&[u8; 2], u8); 12] = [
    (b"3A", b':'),
    (b"2F", b'/'),
    (b"3F", b'?'),
    (b"40", b'@'),
    (b"21", b'!'),
    (b"24", b'$'),
    (b"27", b'\''),
    (b"28", b'('),
    (b"29", b')'),
    (b"2A", b'*'),
    (b"2C", b','),
    (b"3B", b';'),
];

/// What a request says of itself, as it is written.
pub(super) struct Said<'r> {
    /// The id, or nothing.
    pub id: Value<'r>,
    /// The timestamp, or nothing.
    pub timestamp: Value<'r>,
}

impl Part {
    /// The bytes of this part.
    pub fn bytes<'b>(&'b self, request: &'b Request<'b>, said: &'b Said<'_>) -> Result<Value<'b>, Refusal> {
        Ok(match self {
            Self::Literal(text) => Cow::Borrowed(text.as_bytes()),
            Self::Id => Cow::Borrowed(&said.id),
            Self::Timestamp => Cow::Borrowed(&said.timestamp),
            Self::Method => Cow::Borrowed(request.method.as_bytes()),
            Self::Url => Cow::Borrowed(request.url.as_bytes()),
            Self::DecodedUrl => Cow::Owned(hubspot(request.url.as_bytes())),
            Self::Path => Cow::Borrowed(path(request.url).as_bytes()),
            Self::Body => Cow::Borrowed(request.body),
            Self::BodySha256 => Cow::Owned(sha256_hex(request.body).into_bytes()),
            Self::Form => Cow::Owned(form(request)?),
            Self::At(place) => place.one(request)?,
        })
    }
}

/// The SHA-256 of some bytes in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The path of an absolute URL, as it is written.
fn path(url: &str) -> &str {
    let whole = url.split_once("://").map_or(url, |(_, rest)| rest);
    let target = whole.find('/').and_then(|at| whole.get(at..)).unwrap_or("/");
    target.split_once('?').map_or(target, |(path, _)| path)
}

fn hubspot(url: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(url.len());
    let mut rest = url;
    while let Some((first, after)) = rest.split_first() {
        let sign =
            (*first == b'%').then(|| after.split_first_chunk::<2>()).flatten().and_then(|(code, after)| {
                let (_, sign) = HUBSPOT.iter().find(|(written, _)| written.eq_ignore_ascii_case(code))?;
                Some((*sign, after))
            });
        let (byte, after) = sign.unwrap_or((*first, after));
        decoded.push(byte);
        rest = after;
    }
    decoded
}

/// A form's parameters by name, each name followed by its value, as Twilio signs them; of several equal ones of a name
/// one, as its SDKs do. A body that is not said to be a form is refused: its bytes would be read one way here and
/// another way by a step.
fn form(request: &Request<'_>) -> Result<Vec<u8>, Refusal> {
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    let values = request.headers.values("content-type");
    let [media_type] = values.as_slice() else { return Err(Refusal::MalformedBody) };
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default();
    if !essence.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return Err(Refusal::MalformedBody);
    }
    let mut pairs: Vec<_> = place::pairs(request.body).collect();
    pairs.sort_unstable();
    pairs.dedup();
    Ok(pairs.iter().flat_map(|(name, value)| name.iter().chain(value.iter())).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::{hubspot, path};

    #[test]
    fn a_path_is_what_stands_between_host_and_query() {
        for (url, expected) in [
            ("https://hooks.example.com/a/b%2f?c=/d", "/a/b%2f"),
            ("https://hooks.example.com:8443/", "/"),
            ("https://hooks.example.com", "/"),
        ] {
            assert_eq!(path(url), expected);
        }
    }

    #[test]
    fn hubspot_decodes_some_signs_and_leaves_the_others() {
        assert_eq!(hubspot(b"https://a/?b=%3A%2f%40%20%25%3"), b"https://a/?b=:/@%20%25%3");
    }
}
