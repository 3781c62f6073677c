//! Reading responses.

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::{Header, RawResponse, is_passing};
use crate::{Failure, document};

/// How much of a body goes into the message of a rejection.
const EXCERPT_BYTES: usize = 300;

/// What a system answered, whole.
///
/// ```
/// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
/// let http = FakeHttp::new().reply("GET", "/a", 200, "ok");
/// let ctx = connector_context(&http, &MemoryStorage::new());
/// let response = ctx.http().get("/a").send().unwrap();
/// assert_eq!((response.status(), response.text().unwrap()), (200, "ok"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    raw: RawResponse,
}

impl Response {
    pub(crate) fn new(raw: RawResponse) -> Self {
        Self { raw }
    }

    /// The status code.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 418, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.status(), 418);
    /// ```
    pub fn status(&self) -> u16 {
        self.raw.status
    }

    /// Whether the status is 2xx.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 204, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert!(response.is_success());
    /// ```
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.raw.status)
    }

    /// The first header of this name whose value is text. Names are case-insensitive.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply_with("GET", "/a", 200, &[("ETag", "x")], "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.header("etag"), Some("x"));
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.raw.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.filter_map(|header| std::str::from_utf8(&header.value).ok()).next()
    }

    /// All headers, in order.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply_with("GET", "/a", 200, &[("Link", "a"), ("Link", "b")], "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.headers().len(), 2);
    /// ```
    pub fn headers(&self) -> &[Header] {
        &self.raw.headers
    }

    /// The body.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 200, "ok");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.bytes(), b"ok");
    /// ```
    pub fn bytes(&self) -> &[u8] {
        &self.raw.body
    }

    /// The body, without a copy.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 200, "ok");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.into_bytes(), b"ok");
    /// ```
    pub fn into_bytes(self) -> Vec<u8> {
        self.raw.body
    }

    /// The body as text. What is not UTF-8 is a rejection with code `response`.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 200, [0xff]);
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.text().unwrap_err().code(), Some("response"));
    /// ```
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.raw.body)
            .map_err(|error| Failure::reject("response", format!("the response is not UTF-8: {error}")))
    }

    /// The body as JSON. What does not parse is a rejection with code `response` that names the path.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 200, "[1]");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.json::<Vec<u8>>().unwrap(), [1]);
    /// assert_eq!(response.json::<bool>().unwrap_err().code(), Some("response"));
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        document::from_slice(&self.raw.body, "response")
    }

    /// How long the system asks to wait: `Retry-After` in seconds or, against the clock, as a date.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply_with("GET", "/a", 429, &[("Retry-After", "7")], "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.retry_after().unwrap().as_secs(), 7);
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.header("retry-after")?, SystemTime::now())
    }

    /// The response if its status is 2xx, else [`Self::failure`].
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 404, "no such order");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// let failure = response.error_for_status().unwrap_err();
    /// assert_eq!(failure.code(), Some("http-404"));
    /// ```
    pub fn error_for_status(self) -> Result<Self, Failure> {
        if self.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// The failure that fits the status: a retry, after `Retry-After`, where it says that the trouble
    /// may pass ([`is_passing`]); else a rejection with code `http-<status>`. The message has the
    /// beginning of the body.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 503, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert!(response.failure().is_retry());
    /// ```
    pub fn failure(&self) -> Failure {
        if is_passing(self.status()) { self.retry() } else { self.rejection() }
    }

    /// A retry, after `Retry-After` if there is one, whatever the status.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 409, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert!(response.retry().is_retry()); // this system means "later" by 409
    /// ```
    pub fn retry(&self) -> Failure {
        match self.retry_after() {
            Some(delay) => Failure::retry_after(delay, self.summary()),
            None => Failure::retry(self.summary()),
        }
    }

    /// A rejection with code `http-<status>`, whatever the status.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 500, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// let response = ctx.http().get("/a").send().unwrap();
    /// assert_eq!(response.rejection().code(), Some("http-500"));
    /// ```
    pub fn rejection(&self) -> Failure {
        Failure::reject(format!("http-{}", self.status()), self.summary())
    }

    fn summary(&self) -> String {
        let body = self.raw.body.get(..EXCERPT_BYTES).unwrap_or(&self.raw.body);
        let body = String::from_utf8_lossy(body);
        // A character that the cut went through is no loss.
        let body = if self.raw.body.len() > EXCERPT_BYTES {
            format!("{}…", body.trim_end_matches(char::REPLACEMENT_CHARACTER))
        } else {
            body.into_owned()
        };
        if body.trim().is_empty() {
            format!("the system answered {} with an empty body", self.status())
        } else {
            format!("the system answered {}: {}", self.status(), body.trim())
        }
    }
}

/// RFC 9110, section 10.2.3. A date that has passed means at once.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are as good as for ever; the host clamps.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX / 1000)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| Header { name: (*name).into(), value: value.as_bytes().to_vec() })
            .collect();
        Response::new(RawResponse { status, headers, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" 0 ", now), Some(Duration::ZERO));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::ZERO));
        assert!(retry_after("99999999999999999999999", now).is_some());
        for nonsense in ["", "-1", "soon", "1.5"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
    }

    #[test]
    fn a_status_becomes_the_failure_that_fits() {
        let busy = response(503, &[("Retry-After", "7")], "later").error_for_status().unwrap_err();
        assert_eq!(busy, Failure::retry_after(Duration::from_secs(7), "the system answered 503: later"));
        let gone = response(410, &[("Retry-After", "7")], "").error_for_status().unwrap_err();
        assert_eq!(gone, Failure::reject("http-410", "the system answered 410 with an empty body"));
        assert_eq!(response(302, &[], "").error_for_status().unwrap_err().code(), Some("http-302"));
        assert!(response(204, &[], "").error_for_status().is_ok());
    }

    #[test]
    fn a_long_body_is_cut_at_a_character() {
        let failure = response(400, &[], &"ä".repeat(200)).failure();
        assert!(failure.message().ends_with("ä…"), "{}", failure.message());
        let odd = response(400, &[], &format!("x{}", "ä".repeat(200))).failure();
        assert!(odd.message().ends_with("ä…"), "{}", odd.message());
    }
}
