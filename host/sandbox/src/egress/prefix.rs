//! A URL prefix: what a system's base URL and an `allow` rule have in common.
//!
//! Invariant: a URL that [`Prefix::join`] returns is covered by the prefix, and stays below it for a
//! server that decodes the path once more than it should, or that treats `\` and `;` as old ones do.

use url::{Position, Url};

/// Bytes of a target; longer ones are refused. Servers commonly stop at 8 KiB.
pub(super) const MAX_URL_BYTES: usize = 8 << 10;
/// How often a path may be percent-encoded over itself. Twice happens by accident, more by intent.
const MAX_ENCODINGS: usize = 4;

/// A scheme, host, port and path under which URLs lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(Url);

impl Prefix {
    /// Refuses, with a reason, what is no plain `http` or `https` URL.
    pub(super) fn try_new(url: &Url) -> Result<Self, &'static str> {
        if !is_http(url) {
            return Err("must be an http or https URL");
        }
        if has_userinfo(url) {
            return Err("must not contain a user or password: credentials have their own key");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not contain a query or a fragment");
        }
        check_path(url.path())?;
        Ok(Self(url.clone()))
    }

    /// Whether `url` has this scheme, host and port, and a path that begins with this one at a segment's
    /// border.
    pub(super) fn covers(&self, url: &Url) -> bool {
        if self.0.scheme() != url.scheme()
            || self.0.host() != url.host()
            || self.0.port_or_known_default() != url.port_or_known_default()
        {
            return false;
        }
        let whole = self.0.path();
        let below = whole.strip_suffix('/').unwrap_or(whole);
        url.path() == whole || url.path().strip_prefix(below).is_some_and(|rest| rest.starts_with('/'))
    }

    /// This URL with `path` (and query) after its own path; or why that is not possible.
    pub(super) fn join(&self, path: &str) -> Result<Url, &'static str> {
        check_text(path)?;
        if path.starts_with("//") {
            return Err("a path must not begin with //");
        }
        if !(path.is_empty() || path.starts_with('/') || path.starts_with('?')) {
            return Err("a path must begin with / (an absolute URL is a url, not a path)");
        }
        // Checked before parsing: the parser resolves `..` silently.
        check_path(path.split_once('?').map_or(path, |(path, _)| path))?;
        let base = &self.0[..Position::AfterPath];
        let base = if path.starts_with('/') { base.strip_suffix('/').unwrap_or(base) } else { base };
        let url = Url::parse(&format!("{base}{path}")).map_err(|_| "the path does not make a valid URL")?;
        check_url(&url)?;
        if self.covers(&url) { Ok(url) } else { Err("the path leaves the system's base URL") }
    }
}

/// An absolute URL as a guest gives it; or why it is none.
pub(super) fn parse(text: &str) -> Result<Url, &'static str> {
    check_text(text)?;
    let url = Url::parse(text).map_err(|_| "not a valid absolute URL")?;
    check_url(&url)?;
    Ok(url)
}

/// Checks a parsed URL: what a guest gave, or where a redirect leads.
pub(super) fn check_url(url: &Url) -> Result<(), &'static str> {
    if !is_http(url) {
        return Err("only http and https URLs can be sent to");
    }
    if url.as_str().len() > MAX_URL_BYTES {
        return Err("the URL is longer than 8 KiB");
    }
    if has_userinfo(url) {
        return Err("a URL must not contain a user or password: give an authorization header");
    }
    check_path(url.path())
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.host().is_some()
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Refuses what the URL parser would silently drop or change.
fn check_text(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_URL_BYTES {
        return Err("the target is longer than 8 KiB");
    }
    if text.chars().any(char::is_control) {
        return Err("a target must not contain control characters");
    }
    if text.contains('\\') {
        return Err("a target must not contain a backslash (encode it as %5C)");
    }
    if text.contains('#') {
        return Err("a target must not contain a fragment (encode # as %23)");
    }
    Ok(())
}

/// Refuses segments that are `.` or `..` however encoded, and encoded control characters.
pub(super) fn check_path(path: &str) -> Result<(), &'static str> {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..=MAX_ENCODINGS {
        if bytes.iter().any(u8::is_ascii_control) {
            return Err("a path must not contain control characters, not even encoded");
        }
        if bytes.split(|byte| matches!(byte, b'/' | b'\\')).any(is_dots) {
            return Err("a path must not contain . or .. segments, not even encoded");
        }
        let decoded = percent_decoded(&bytes);
        if decoded == bytes {
            return Ok(());
        }
        bytes = decoded;
    }
    Err("a path must not be percent-encoded over and over")
}

/// Whether a server may take the segment for `.` or `..`: some cut path parameters (`..;x`) or blanks off.
fn is_dots(segment: &[u8]) -> bool {
    let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
    matches!(name.trim_ascii(), b"." | b"..")
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        decoded.push(*first);
        if *first == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            decoded.pop();
            decoded.push(high << 4 | low);
            rest = after;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Prefix, Url, check_path};

    fn prefix(url: &str) -> Prefix {
        Prefix::try_new(&Url::parse(url).expect("a URL")).expect("a prefix")
    }

    #[test]
    fn a_path_is_put_after_the_base_url() {
        for (base, path, joined) in [
            ("https://erp.test", "/orders?page=2", "https://erp.test/orders?page=2"),
            ("https://erp.test/api", "/orders", "https://erp.test/api/orders"),
            ("https://erp.test/api/", "/orders/", "https://erp.test/api/orders/"),
            ("https://erp.test/api/", "", "https://erp.test/api/"),
            ("https://erp.test/api", "?x=../y", "https://erp.test/api?x=../y"),
            ("https://erp.test/api", "/a b/%2F/ü", "https://erp.test/api/a%20b/%2F/%C3%BC"),
            ("https://erp.test/api", "/@evil.test:80/", "https://erp.test/api/@evil.test:80/"),
            ("https://erp.test/api", "/a//b/...", "https://erp.test/api/a//b/..."),
        ] {
            assert_eq!(prefix(base).join(path).map(String::from), Ok(joined.to_owned()), "{base} + {path}");
        }
    }

    #[test]
    fn a_path_that_could_leave_the_base_url_is_refused() {
        for path in [
            "orders",
            "@evil.test/",
            ".evil.test/",
            ":80/",
            "//evil.test/",
            "https://evil.test/",
            "/../admin",
            "/a/../../admin",
            "/..",
            "/.",
            "/%2e%2e/admin",
            "/%2E./admin",
            "/..%2fadmin",
            "/a%2f..%2fb",
            "/%252e%252e/admin",
            "/%25252e%25252e/",
            "/..;x=1/admin",
            "/%2e%2e%3bx/admin",
            "/..%5cadmin",
            "\\\\evil",
            "/\\evil.test",
            "/a\r\nhost: evil",
            "/a\tb",
            "/a%0d%0ab",
            "/a%00",
            "/a#b",
            "/%20../x",
            "/..%20/x",
            "/%25252525252541",
        ] {
            assert!(prefix("https://erp.test/api/").join(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_prefix_covers_at_a_segments_border_only() {
        let covers = |base: &str, url: &str| prefix(base).covers(&Url::parse(url).expect("a URL"));
        assert!(covers("https://a.test", "https://a.test/x"));
        assert!(covers("https://a.test/v1", "https://A.test:443/v1?x"));
        assert!(covers("https://a.test/v1/", "https://a.test/v1/x"));
        for (base, url) in [
            ("https://a.test/v1", "https://a.test/v10"),
            ("https://a.test/v1/", "https://a.test/v1"),
            ("https://a.test/v1", "https://a.test/v1/../v2"),
            ("https://a.test/v1", "https://a.test/V1/"),
            ("https://a.test/", "http://a.test/"),
            ("https://a.test/", "https://a.test:8443/"),
            ("https://a.test/", "https://a.test.evil.test/"),
            ("https://a.test/", "https://a.test./"),
            ("https://a.test/", "https://b.a.test/"),
        ] {
            assert!(!covers(base, url), "{base} {url}");
        }
    }

    proptest! {
        #[test]
        fn a_joined_url_lies_below_its_base_whatever_the_path(
            path in prop_oneof![
                any::<String>(),
                "[/?.%2eE5cCfF#@:;\\\\ a\\t]{0,24}",
                "/([.]|%2e|%252e|%2f|/|\\\\|;|[a-z]|@|:){0,12}",
            ],
            base in prop_oneof![Just("https://erp.test:8443/api/v1"), Just("http://erp.test/api/v1/")],
        ) {
            let base = Url::parse(base).expect("a URL");
            if let Ok(url) = Prefix::try_new(&base).expect("a prefix").join(&path) {
                prop_assert_eq!(url.origin(), base.origin());
                prop_assert!(url.path() == base.path() || url.path().starts_with("/api/v1/"));
                prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
                prop_assert_eq!(check_path(url.path()), Ok(()));
                // What reqwest and the server see is the same URL.
                prop_assert_eq!(Url::parse(url.as_str()).map(String::from), Ok(String::from(url)));
            }
        }
    }
}
