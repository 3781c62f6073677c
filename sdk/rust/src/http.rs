//! HTTP to the systems that the operator has granted, with the feel of `reqwest`.
//!
//! A target that begins with `http://` or `https://` is an absolute URL and must be granted; anything
//! else is a path at the step's system. The host adds credentials on the way out: the plugin never sees
//! them. Whatever its status, what the system answers is a [`Response`]; no response is an [`Error`],
//! which `?` turns into the right [`Failure`].
//!
//! ```
//! use serde_json::{Value, json};
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let http = FakeHttp::new().reply_json("GET", "/stock?sku=A%201", 200, &json!({"available": 3}));
//! let ctx = testing::connector_context(&http, &MemoryStorage::new());
//!
//! let response = ctx.http().get("/stock").query("sku", "A 1").send().unwrap();
//! assert_eq!(response.status(), 200);
//! let stock: Value = response.json().unwrap();
//! assert_eq!(stock["available"], 3);
//! ```

mod request;
mod response;

use std::fmt;
use std::rc::Rc;

pub use request::RequestBuilder;
pub use response::Response;

use crate::Failure;
pub use crate::bindings::connector::stepmill::plugin::http::{
    Header, HttpError as Error, Request, Response as RawResponse, Target,
};

/// Statuses that say "try again": 408, 425, 429 and all of 5xx but 501 and 505.
///
/// ```
/// use stepmill_sdk::http::is_passing;
/// assert!(is_passing(503) && is_passing(429) && !is_passing(404) && !is_passing(501));
/// ```
pub fn is_passing(status: u16) -> bool {
    match status {
        501 | 505 => false,
        408 | 425 | 429 | 500..=599 => true,
        _ => false,
    }
}

/// What sends requests: the host, or a fake in tests.
///
/// ```
/// use stepmill_sdk::http::{Backend, Request, Target};
/// use stepmill_sdk::testing::FakeHttp;
/// let request = Request {
///     method: "GET".into(),
///     target: Target::Path("/ping".into()),
///     headers: Vec::new(),
///     body: None,
///     timeout_ms: None,
/// };
/// assert_eq!(FakeHttp::new().reply("GET", "/ping", 204, "").send(&request).unwrap().status, 204);
/// ```
pub trait Backend {
    /// Sends one request and waits for the whole response.
    fn send(&self, request: &Request) -> Result<RawResponse, Error>;
}

/// The host's `http` import.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl Backend for Host {
    fn send(&self, request: &Request) -> Result<RawResponse, Error> {
        crate::bindings::connector::stepmill::plugin::http::send(request)
    }
}

/// Begins requests; see [`ConnectorContext::http`](crate::ConnectorContext::http).
///
/// ```
/// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
/// let http = FakeHttp::new().reply("GET", "https://api.test/v1", 200, "ok");
/// let ctx = connector_context(&http, &MemoryStorage::new());
/// let answer = ctx.http().get("https://api.test/v1").send().unwrap();
/// assert_eq!(answer.text().unwrap(), "ok");
/// ```
#[derive(Clone)]
pub struct Http {
    backend: Rc<dyn Backend>,
}

impl Http {
    pub(crate) fn new(backend: Rc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// A GET.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/orders/7", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert!(ctx.http().get("/orders/7").send().unwrap().is_success());
    /// ```
    pub fn get(&self, target: impl Into<String>) -> RequestBuilder<'_> {
        self.request("GET", target)
    }

    /// A POST.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("POST", "/orders/7", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert!(ctx.http().post("/orders/7").send().unwrap().is_success());
    /// ```
    pub fn post(&self, target: impl Into<String>) -> RequestBuilder<'_> {
        self.request("POST", target)
    }

    /// A PUT.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("PUT", "/orders/7", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert!(ctx.http().put("/orders/7").send().unwrap().is_success());
    /// ```
    pub fn put(&self, target: impl Into<String>) -> RequestBuilder<'_> {
        self.request("PUT", target)
    }

    /// A PATCH.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("PATCH", "/orders/7", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert!(ctx.http().patch("/orders/7").send().unwrap().is_success());
    /// ```
    pub fn patch(&self, target: impl Into<String>) -> RequestBuilder<'_> {
        self.request("PATCH", target)
    }

    /// A DELETE.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("DELETE", "/orders/7", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert!(ctx.http().delete("/orders/7").send().unwrap().is_success());
    /// ```
    pub fn delete(&self, target: impl Into<String>) -> RequestBuilder<'_> {
        self.request("DELETE", target)
    }

    /// Any method.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("HEAD", "/orders/7", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert!(ctx.http().request("HEAD", "/orders/7").send().unwrap().is_success());
    /// ```
    pub fn request(&self, method: impl Into<String>, target: impl Into<String>) -> RequestBuilder<'_> {
        RequestBuilder::new(self.backend.as_ref(), method.into(), target.into())
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl Error {
    /// A short stable name, such as `denied` or `response-too-large`.
    ///
    /// ```
    /// use stepmill_sdk::http::Error;
    /// assert_eq!(Error::Denied(String::new()).name(), "denied");
    /// ```
    pub fn name(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::InvalidRequest(_) => "invalid-request",
            Self::Dns(_) => "dns",
            Self::Connect(_) => "connect",
            Self::Timeout(_) => "timeout",
            Self::Interrupted(_) => "interrupted",
            Self::ResponseTooLarge(_) => "response-too-large",
            Self::RequestTooLarge(_) => "request-too-large",
            Self::TooManyRequests(_) => "too-many-requests",
            Self::Other(_) => "other",
        }
    }

    /// What went wrong, for a person.
    ///
    /// ```
    /// use stepmill_sdk::http::Error;
    /// assert_eq!(Error::Dns("no erp.test".into()).message(), "name resolution failed: no erp.test");
    /// ```
    pub fn message(&self) -> String {
        match self {
            Self::Denied(text) => format!("not granted: {text}"),
            Self::InvalidRequest(text) => format!("invalid request: {text}"),
            Self::Dns(text) => format!("name resolution failed: {text}"),
            Self::Connect(text) => format!("connection failed: {text}"),
            Self::Timeout(text) => format!("timed out: {text}"),
            Self::Interrupted(text) => format!("connection broke: {text}"),
            Self::ResponseTooLarge(limit) => format!("the response is larger than {limit} bytes"),
            Self::RequestTooLarge(limit) => format!("the request is larger than {limit} bytes"),
            Self::TooManyRequests(limit) => format!("the attempt may send {limit} requests only"),
            Self::Other(text) => text.clone(),
        }
    }

    /// Whether another attempt may help: the network failed, not the request.
    ///
    /// ```
    /// use stepmill_sdk::http::Error;
    /// assert!(Error::Timeout(String::new()).is_passing());
    /// assert!(!Error::Denied(String::new()).is_passing());
    /// ```
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Dns(_) | Self::Connect(_) | Self::Timeout(_) | Self::Interrupted(_) | Self::Other(_) => {
                true
            }
            Self::Denied(_)
            | Self::InvalidRequest(_)
            | Self::ResponseTooLarge(_)
            | Self::RequestTooLarge(_)
            | Self::TooManyRequests(_) => false,
        }
    }

    /// Whether the request may have reached the system, and have done there what it was sent for.
    ///
    /// ```
    /// use stepmill_sdk::http::Error;
    /// assert!(Error::Timeout(String::new()).may_have_arrived());
    /// assert!(!Error::Connect(String::new()).may_have_arrived());
    /// ```
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Interrupted(_) | Self::ResponseTooLarge(_) | Self::Other(_) => true,
            Self::Denied(_)
            | Self::InvalidRequest(_)
            | Self::Dns(_)
            | Self::Connect(_)
            | Self::RequestTooLarge(_)
            | Self::TooManyRequests(_) => false,
        }
    }
}

/// No response: a retry where the network failed, else a rejection with code `http-` and the
/// [name](Error::name).
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.is_passing() {
            Self::retry(error.message())
        } else {
            Self::reject(format!("http-{}", error.name()), error.message())
        }
    }
}
