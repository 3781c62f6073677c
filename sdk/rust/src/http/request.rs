//! Building requests.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{Backend, Error, Header, Request, Response, Target};

/// A request to be; made by [`Http`](super::Http), ended by [`send`](Self::send).
///
/// ```
/// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
/// let http = FakeHttp::new().reply("POST", "/orders?dry=true", 201, "");
/// let ctx = connector_context(&http, &MemoryStorage::new());
/// let order = serde_json::json!({ "sku": "A" });
/// let response = ctx.http().post("/orders").query("dry", true).json(&order).send().unwrap();
/// assert_eq!(response.status(), 201);
/// ```
pub struct RequestBuilder<'a> {
    backend: &'a dyn Backend,
    target: String,
    request: Request,
    /// The first thing that was wrong; told by `send`, so that calls chain.
    fault: Option<Error>,
}

impl<'a> RequestBuilder<'a> {
    pub(super) fn new(backend: &'a dyn Backend, method: String, target: String) -> Self {
        let request = Request {
            method,
            target: Target::Path(String::new()),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
        };
        Self { backend, target, request, fault: None }
    }

    /// Adds a header; repeats are kept.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// ctx.http().get("/a").header("Accept", "text/csv").send().unwrap();
    /// assert_eq!(http.requests()[0].headers[0].name, "Accept");
    /// ```
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.request.headers.push(Header { name: name.into(), value: value.as_ref().to_vec() });
        self
    }

    /// Adds a query parameter, percent-encoded; repeats are kept.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a?q=x%20y&n=2", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert!(ctx.http().get("/a").query("q", "x y").query("n", 2).send().is_ok());
    /// ```
    #[must_use]
    pub fn query(mut self, name: impl AsRef<str>, value: impl ToString) -> Self {
        // A fragment is never sent, and would swallow the query.
        if let Some(at) = self.target.find('#') {
            self.target.truncate(at);
        }
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        percent_encode(name.as_ref(), &mut self.target);
        self.target.push('=');
        percent_encode(&value.to_string(), &mut self.target);
        self
    }

    /// Sends a value as JSON, with its content type unless one was given.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("POST", "/a", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// ctx.http().post("/a").json(&[1, 2]).send().unwrap();
    /// assert_eq!(http.requests()[0].body.as_deref(), Some(b"[1,2]".as_slice()));
    /// ```
    #[must_use]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match crate::json::to_vec(body) {
            Ok(bytes) => self.request.body = Some(bytes),
            Err(error) => {
                self.fault.get_or_insert(Error::InvalidRequest(format!("the body is not JSON: {error}")));
            }
        }
        if self.request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("content-type")) {
            return self;
        }
        self.header("content-type", crate::JSON)
    }

    /// Sends bytes or text as they are.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("POST", "/a", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// ctx.http().post("/a").header("content-type", "text/csv").body("a;b").send().unwrap();
    /// assert_eq!(http.requests()[0].body.as_deref(), Some(b"a;b".as_slice()));
    /// ```
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = Some(body.into());
        self
    }

    /// Limits the whole exchange; clamped to what is left of the attempt.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// use std::time::Duration;
    /// ctx.http().get("/a").timeout(Duration::from_secs(2)).send().unwrap();
    /// assert_eq!(http.requests()[0].timeout_ms, Some(2_000));
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Sends the request and waits for the whole response, whatever its status.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 404, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert_eq!(ctx.http().get("/a").send().unwrap().status(), 404);
    /// assert_eq!(ctx.http().get("/b").send().unwrap_err().name(), "connect"); // there is no such reply
    /// ```
    pub fn send(self) -> Result<Response, Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut request = self.request;
        request.target = target(self.target);
        self.backend.send(&request).map(Response::new)
    }
}

impl fmt::Debug for RequestBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("target", &self.target)
            .field("request", &self.request)
            .finish()
    }
}

fn target(text: String) -> Target {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some(scheme) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            Target::Url(text)
        }
        Some(_) | None => Target::Path(text),
    }
}

/// All but RFC 3986's unreserved characters.
fn percent_encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => to.push(char::from(byte)),
            _ => {
                to.push('%');
                for digit in [byte >> 4, byte & 15] {
                    to.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeHttp, MemoryStorage, connector_context};

    #[test]
    fn queries_are_encoded_and_joined_to_those_of_the_path() {
        let http = FakeHttp::new().reply("GET", "/a?x=1&q=%C3%A4%20%26&q=2", 204, "");
        let ctx = connector_context(&http, &MemoryStorage::new());
        let response = ctx.http().get("/a?x=1#top").query("q", "ä &").query("q", 2).send().unwrap();
        assert_eq!(response.status(), 204);
    }

    #[test]
    fn absolute_urls_are_told_from_paths() {
        assert_eq!(target("https://a.test/".into()), Target::Url("https://a.test/".into()));
        assert_eq!(target("HTTP://a.test/".into()), Target::Url("HTTP://a.test/".into()));
        assert_eq!(target("/go?to=https://a.test/".into()), Target::Path("/go?to=https://a.test/".into()));
        assert_eq!(target("orders".into()), Target::Path("orders".into()));
    }

    #[test]
    fn a_body_that_cannot_be_json_is_told_by_send() {
        let http = FakeHttp::new();
        let ctx = connector_context(&http, &MemoryStorage::new());
        let body = std::collections::BTreeMap::from([((1, 2), "keys are not strings")]);
        let error = ctx.http().post("/").json(&body).send().unwrap_err();
        assert_eq!(error.name(), "invalid-request");
        assert!(http.requests().is_empty());
    }
}
