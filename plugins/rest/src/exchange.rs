//! One request, and what its answer means.

use serde_json::Value;
use stepmill_sdk::http::Response;
use stepmill_sdk::{ConnectorContext, Document, Failure, JSON};

use crate::config::{Config, NotFound, QueryValue};

const RETRY_ON: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];

/// What a step sends, again and again if there are pages.
pub(crate) struct Exchange<'a> {
    config: &'a Config,
    ctx: &'a ConnectorContext,
    method: String,
    /// Media type and bytes.
    body: Option<(String, Vec<u8>)>,
}

/// An answer that is not a failure.
pub(crate) enum Outcome {
    Expected(Response),
    /// A 404 that may be.
    NotFound,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        config: &'a Config,
        input: &Document,
        ctx: &'a ConnectorContext,
    ) -> Result<Self, Failure> {
        let method = match &config.method {
            Some(method) => method.to_ascii_uppercase(),
            None if config.body.as_ref().is_some_and(|body| !body.is_null()) => "POST".to_owned(),
            None => "GET".to_owned(),
        };
        let sends_input = match &config.body {
            Some(body) => body == "input",
            None => matches!(method.as_str(), "POST" | "PUT" | "PATCH"),
        };
        let body = match &config.body {
            _ if sends_input => Some((input.media_type.clone(), input.bytes().to_vec())),
            None | Some(Value::Null) => None,
            Some(body) => Some((JSON.to_owned(), serde_json::to_vec(body)?)),
        };
        Ok(Self { config, ctx, method, body })
    }

    /// The step's path.
    pub(crate) fn path(&self) -> &'a str {
        &self.config.path
    }

    /// Sends the request to a target, with query parameters beside the step's own.
    pub(crate) fn send(&self, target: &str, query: &[(&str, String)]) -> Result<Outcome, Failure> {
        let mut request = self.ctx.http().request(self.method.clone(), target);
        for (name, value) in self.query() {
            if !query.iter().any(|(other, _)| *other == name) {
                request = request.query(name, value);
            }
        }
        for (name, value) in query {
            request = request.query(name, value);
        }
        self.finish(request)
    }

    /// Sends the request to a URL that a system gave, which has all that it needs in it.
    pub(crate) fn follow(&self, target: &str) -> Result<Outcome, Failure> {
        self.finish(self.ctx.http().request(self.method.clone(), target))
    }

    fn query(&self) -> impl Iterator<Item = (&str, String)> {
        self.config.query.iter().flat_map(|(name, value)| {
            let values: Vec<String> = match value {
                None => Vec::new(),
                Some(QueryValue::One(value)) => vec![value.to_string()],
                Some(QueryValue::Many(values)) => values.iter().map(ToString::to_string).collect(),
            };
            values.into_iter().map(move |value| (name.as_str(), value))
        })
    }

    fn finish(&self, mut request: stepmill_sdk::http::RequestBuilder<'_>) -> Result<Outcome, Failure> {
        let given = |name: &str| self.config.headers.keys().any(|key| key.eq_ignore_ascii_case(name));
        for (name, value) in &self.config.headers {
            request = request.header(name, value.to_string());
        }
        if !given("accept") {
            request = request.header("Accept", JSON);
        }
        if let Some(name) = self.config.idempotency_header.as_deref()
            && self.config.pagination.is_none()
            && !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
            && !given(name)
        {
            request = request.header(name, self.ctx.idempotency_key());
        }
        if let Some((media_type, bytes)) = &self.body {
            if !given("content-type") {
                request = request.header("Content-Type", media_type);
            }
            request = request.body(bytes.as_slice());
        }
        self.judge(request.send()?)
    }

    /// What is listed goes before what is so by default, and a success before a retry.
    fn judge(&self, response: Response) -> Result<Outcome, Failure> {
        let status = response.status();
        let listed = |list: &Option<crate::Statuses>| list.as_ref().is_some_and(|list| list.contains(status));
        if listed(&self.config.expect) {
            return Ok(Outcome::Expected(response));
        }
        if listed(&self.config.retry_on) {
            return Err(response.retry());
        }
        if self.config.expect.is_none() && response.is_success() {
            return Ok(Outcome::Expected(response));
        }
        if status == 404 && self.config.not_found == NotFound::Null {
            return Ok(Outcome::NotFound);
        }
        if self.config.retry_on.is_none() && RETRY_ON.contains(&status) {
            return Err(response.retry());
        }
        Err(response.rejection())
    }
}
