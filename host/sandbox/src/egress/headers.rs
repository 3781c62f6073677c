//! Methods and headers that a guest gives: checked, completed with the system's credentials, and made fit to
//! be recorded.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::Error;
use super::system::Authentication;

/// Headers that a guest may give.
const MAX_HEADERS: usize = 100;
/// Bytes of their names and values together.
const MAX_HEADER_BYTES: usize = 64 << 10;
/// Bytes of a method; the longest registered one has 17.
const MAX_METHOD_BYTES: usize = 32;

/// Headers that are about the connection or the framing, which are the host's: a guest that could set them
/// could smuggle a second request past the checks of the first, or name another host.
pub(super) fn is_connection_level(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("proxy-")
        || matches!(
            name,
            "host"
                | "content-length"
                | "connection"
                | "keep-alive"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
                | "expect"
                | "http2-settings"
        )
}

/// Headers by which some servers take one method for another.
pub(super) fn is_method_override(name: &str) -> bool {
    ["x-http-method-override", "x-http-method", "x-method-override"]
        .iter()
        .any(|given| name.eq_ignore_ascii_case(given))
}

/// Whether a header's value commonly is a secret, as far as its name tells.
pub fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "cookie", "api-key", "apikey", "api_key", "token", "secret", "password", "credential"]
        .iter()
        .any(|part| name.contains(part))
}

/// Whether a header given for one origin must not be sent to another.
pub(super) fn is_bound_to_origin(name: &str) -> bool {
    name.eq_ignore_ascii_case(AUTHORIZATION.as_str())
        || name.eq_ignore_ascii_case(COOKIE.as_str())
        || is_sensitive(name)
}

/// The method, if it is one that a guest may use.
pub(super) fn method(text: &str) -> Result<Method, Error> {
    let refused = |why: &str| Err(Error::InvalidRequest(format!("method {:?} {why}", excerpt(text))));
    if text.len() > MAX_METHOD_BYTES {
        return refused("is too long");
    }
    // CONNECT opens a tunnel; TRACE and TRACK send back what they got, credentials included.
    if ["CONNECT", "TRACE", "TRACK"].iter().any(|method| text.eq_ignore_ascii_case(method)) {
        return refused("is not available to plugins");
    }
    Method::from_bytes(text.as_bytes()).or_else(|_| refused("is not a token of RFC 9110"))
}

/// The headers to send: the guest's, and the system's credentials.
///
/// A guest that gives the credentials' header itself is told so, rather than overruled silently; after a
/// redirect, when it could not know, its header is left out.
pub(super) fn outgoing(
    given: &[(String, Vec<u8>)],
    authentication: Option<&Authentication>,
    redirected: bool,
) -> Result<HeaderMap, Error> {
    let bytes: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if given.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err(Error::InvalidRequest(format!(
            "{} headers of {bytes} bytes are more than {MAX_HEADERS} or {MAX_HEADER_BYTES} bytes",
            given.len()
        )));
    }
    let mut headers = HeaderMap::with_capacity(given.len() + 1);
    for (name, value) in given {
        let refused = |why: &str| Error::InvalidRequest(format!("header {:?} {why}", excerpt(name)));
        let name = HeaderName::try_from(name).map_err(|_| refused("has no valid name"))?;
        if is_connection_level(&name) {
            return Err(refused("is set by the host"));
        }
        if authentication.is_some_and(|authentication| authentication.name == name) {
            if redirected {
                continue;
            }
            return Err(refused("carries the system's credentials, which the host adds"));
        }
        let value = HeaderValue::from_bytes(value).map_err(|_| refused("has no valid value"))?;
        headers.append(name, value);
    }
    if let Some(authentication) = authentication {
        headers.insert(authentication.name.clone(), authentication.value.clone());
        // A compressed echo of the credentials could not be recognised.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(headers)
}

/// A response's headers and body as the guest gets them, without the system's secrets.
pub(super) fn incoming(
    headers: &HeaderMap,
    body: Bytes,
    authentication: Option<&Authentication>,
) -> (Vec<(String, Vec<u8>)>, Bytes) {
    let scrub =
        |bytes: &[u8]| authentication.and_then(|authentication| authentication.secrets.scrubbed(bytes));
    let scrubbed = scrub(&body);
    let length = scrubbed.as_ref().map(|body| body.len().to_string().into_bytes());
    let headers = headers
        .iter()
        // The body is whole and no longer framed.
        .filter(|(name, _)| *name == CONTENT_LENGTH || !is_connection_level(name))
        .map(|(name, value)| {
            let value = match &length {
                Some(length) if name == CONTENT_LENGTH => length.clone(),
                Some(_) | None => scrub(value.as_bytes()).unwrap_or_else(|| value.as_bytes().to_vec()),
            };
            (name.as_str().to_owned(), value)
        })
        .collect();
    (headers, scrubbed.map_or(body, Bytes::from))
}

/// Enough of a guest's text to recognise it.
fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::super::system::Credentials;
    use super::{Authentication, Error, method, outgoing};

    fn given(name: &str, value: &str) -> Vec<(String, Vec<u8>)> {
        vec![(name.into(), value.into())]
    }

    #[test]
    fn headers_of_the_connection_and_malformed_ones_are_refused() {
        for name in [
            "Host",
            "content-LENGTH",
            "Connection",
            "Keep-Alive",
            "Proxy-Authorization",
            "Proxy-Connection",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "Expect",
            "HTTP2-Settings",
            ":authority",
            "",
            "a b",
            "a:",
            "x\r\nhost",
            "transfer-encoding ",
        ] {
            assert!(
                matches!(outgoing(&given(name, "x"), None, false), Err(Error::InvalidRequest(_))),
                "{name}"
            );
        }
        for value in ["a\r\nb", "a\nb", "a\0b"] {
            assert!(outgoing(&given("x-a", value), None, false).is_err(), "{value:?}");
        }
        assert!(outgoing(&vec![("x-a".to_owned(), Vec::new()); 101], None, false).is_err());
        assert!(outgoing(&given("x-a", &"x".repeat(65 << 10)), None, false).is_err());
    }

    #[test]
    fn the_credentials_header_is_the_hosts() {
        let key = Credentials::Header { name: "X-Key".into(), value: "sesame".into() };
        let key = Authentication::try_new(&key).expect("credentials");
        assert!(outgoing(&given("x-KEY", "guess"), key.as_ref(), false).is_err());
        let sent = outgoing(&given("x-key", "guess"), key.as_ref(), true).expect("headers");
        let values: Vec<_> = sent.get_all("x-key").iter().map(|value| value.as_bytes()).collect();
        assert_eq!(values, [b"sesame"]);
    }

    #[test]
    fn methods_are_tokens_that_open_no_tunnel_and_echo_nothing() {
        for refused in [
            "CONNECT",
            "connect",
            "TRACE",
            "TRACK",
            "",
            "GET ",
            "GET / HTTP/1.1\r\n",
            "G\0T",
            &"X".repeat(33),
        ] {
            assert!(method(refused).is_err(), "{refused:?}");
        }
        for taken in ["GET", "PROPFIND", "patch", "X-Y"] {
            assert_eq!(method(taken).expect("a method").as_str(), taken);
        }
    }
}
