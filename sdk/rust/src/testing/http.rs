//! HTTP without a network.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use serde::Serialize;

use crate::http::{Backend, Error, Header, RawResponse, Request, Target};

/// Answers requests from a script and keeps them for inspection. Clones share both.
///
/// Replies to one method and target are used up in order, the last one again and again. What has no
/// reply is an [`Error::Connect`] that says so.
///
/// ```
/// use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
/// let http = FakeHttp::new().reply("GET", "/a", 503, "").reply("GET", "/a", 200, "ok");
/// let ctx = connector_context(&http, &MemoryStorage::new());
/// let statuses = [(); 3].map(|()| ctx.http().get("/a").send().unwrap().status());
/// assert_eq!(statuses, [503, 200, 200]);
/// assert_eq!(http.requests().len(), 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeHttp {
    inner: Rc<RefCell<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    replies: Vec<Script>,
    requests: Vec<Request>,
}

#[derive(Debug)]
struct Script {
    method: String,
    target: String,
    replies: VecDeque<Result<RawResponse, Error>>,
}

impl FakeHttp {
    /// Without any reply.
    ///
    /// ```
    /// use stepmill_sdk::testing::FakeHttp;
    /// assert!(FakeHttp::new().requests().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a method and target (a path with query, or a URL) by a status and a body.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/a", 404, "no");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert_eq!(ctx.http().get("/a").send().unwrap().text().unwrap(), "no");
    /// ```
    #[must_use]
    pub fn reply(self, method: &str, target: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.reply_with(method, target, status, &[], body)
    }

    /// Answers by JSON.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply_json("GET", "/a", 200, &[1]);
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert_eq!(ctx.http().get("/a").send().unwrap().json::<Vec<u8>>().unwrap(), [1]);
    /// ```
    #[must_use]
    pub fn reply_json(self, method: &str, target: &str, status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.reply_with(method, target, status, &[("content-type", "application/json")], body)
    }

    /// Answers with headers.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply_with("GET", "/a", 429, &[("Retry-After", "2")], "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert_eq!(ctx.http().get("/a").send().unwrap().header("retry-after"), Some("2"));
    /// ```
    #[must_use]
    pub fn reply_with(
        self,
        method: &str,
        target: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let header = |(name, value): &(&str, &str)| Header { name: (*name).into(), value: (*value).into() };
        let headers = headers.iter().map(header).collect();
        self.answer(method, target, Ok(RawResponse { status, headers, body: body.into() }))
    }

    /// Answers by no response.
    ///
    /// ```
    /// # use stepmill_sdk::http::Error;
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().fail("GET", "/a", Error::Timeout("2 s".into()));
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert_eq!(ctx.http().get("/a").send().unwrap_err().name(), "timeout");
    /// ```
    #[must_use]
    pub fn fail(self, method: &str, target: &str, error: Error) -> Self {
        self.answer(method, target, Err(error))
    }

    /// The requests so far.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("PUT", "/a", 200, "");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// ctx.http().put("/a").send().unwrap();
    /// assert_eq!(http.requests()[0].method, "PUT");
    /// ```
    pub fn requests(&self) -> Vec<Request> {
        self.inner.borrow().requests.clone()
    }

    fn answer(self, method: &str, target: &str, reply: Result<RawResponse, Error>) -> Self {
        {
            let mut inner = self.inner.borrow_mut();
            match inner.script(method, target) {
                Some(script) => script.replies.push_back(reply),
                None => inner.replies.push(Script {
                    method: method.to_owned(),
                    target: target.to_owned(),
                    replies: VecDeque::from([reply]),
                }),
            }
        }
        self
    }
}

impl Inner {
    fn script(&mut self, method: &str, target: &str) -> Option<&mut Script> {
        self.replies.iter_mut().find(|script| script.method == method && script.target == target)
    }
}

impl Backend for FakeHttp {
    fn send(&self, request: &Request) -> Result<RawResponse, Error> {
        let mut inner = self.inner.borrow_mut();
        inner.requests.push(request.clone());
        let (Target::Path(target) | Target::Url(target)) = &request.target;
        let replies = inner.script(&request.method, target).map(|script| &mut script.replies);
        let reply = match replies {
            Some(replies) if replies.len() > 1 => replies.pop_front(),
            Some(replies) => replies.front().cloned(),
            None => None,
        };
        reply.unwrap_or_else(|| Err(Error::Connect(format!("no reply for {} {target}", request.method))))
    }
}
