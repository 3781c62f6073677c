//! Makes exchanges for real and writes them down, as a cassette.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use stepmill_core::clock::SystemClock;
use stepmill_core::invoke::Attempt;
use stepmill_core::limits::Limits;
use stepmill_sandbox::egress::{
    Context, Egress, Error, Ledger, Request, Response, Sent, Target, Transport, is_sensitive,
};
use tokio::time::Instant;
use url::Url;

use super::content::{Content, recorded};
use super::definition::{Cassette, ExchangeDefinition, RequestDefinition, ResponseDefinition, Trouble};
use super::headers::Headers;

/// Response headers that are about the connection, or another at each request: a step that needs one has it added to
/// the cassette by hand.
const LEFT_OUT: [&str; 21] = [
    "age",
    "alt-svc",
    "cf-cache-status",
    "cf-ray",
    "connection",
    "content-length",
    "content-security-policy",
    "date",
    "expires",
    "keep-alive",
    "nel",
    "permissions-policy",
    "report-to",
    "server",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "via",
    "x-powered-by",
    "x-request-id",
    "x-runtime",
];

/// Sends what an attempt asks for, and keeps it.
pub(crate) struct Recorder {
    real: Egress,
    /// Where the system really is.
    real_base: Url,
    /// Where the case says it is.
    base: Url,
    attempt: Attempt,
    taken: Mutex<Vec<ExchangeDefinition>>,
}

impl Recorder {
    /// `real` knows the system, whose URL is `real_base`, under the name that the attempt's grant has.
    pub(crate) fn new(real: Egress, real_base: Url, base: Url, attempt: Attempt) -> Self {
        Self { real, real_base, base, attempt, taken: Mutex::default() }
    }

    /// What was recorded, in order, as YAML.
    pub(crate) fn to_yaml(&self) -> Result<String, serde_saphyr::SerializeError> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        serde_saphyr::to_string(&Cassette(taken))
    }

    /// The first request without a response, and why it has none.
    pub(crate) fn unanswered(&self) -> Option<(String, &'static str)> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().find_map(|ExchangeDefinition { request, response }| {
            let error = response.error?.name();
            let method = request.method.as_deref().unwrap_or_default();
            let place = request.path.as_deref().or(request.url.as_deref()).unwrap_or_default();
            Some((format!("{method} {place}"), error))
        })
    }

    /// How many exchanges were recorded.
    pub(crate) fn count(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn send(&self, sent: &Sent) -> Result<Response, Error> {
        let target = match self.path(sent) {
            Some(path) => Target::Path(path.to_owned()),
            None => Target::Url(sent.url.to_string()),
        };
        let Attempt { grant, limits, workflow, run, step, .. } = &self.attempt;
        let context = Context {
            grant: grant.clone(),
            limits: Limits { http_requests: 1, ..*limits },
            workflow: workflow.clone(),
            run: *run,
            step: step.clone(),
            deadline: Instant::now() + Duration::from_millis(limits.wall_ms),
            clock: Arc::new(SystemClock),
        };
        let (method, headers, body) = (sent.method.clone(), sent.headers.clone(), sent.body.clone());
        let request = Request { method, target, headers, body, timeout: None };
        let response = self.real.send(&context, &mut Ledger::default(), request).await?;
        Ok(self.moved(response))
    }

    /// The path at the step's system, if the request goes there.
    fn path<'s>(&self, sent: &'s Sent) -> Option<&'s str> {
        sent.system.as_ref()?;
        let path = sent.url.as_str().strip_prefix(self.base.as_str().trim_end_matches('/'))?;
        path.starts_with('/').then_some(path)
    }

    /// The response as if the system were where the case says: links to the next page lead there.
    fn moved(&self, response: Response) -> Response {
        let from = self.real_base.as_str().trim_end_matches('/');
        let to = self.base.as_str().trim_end_matches('/');
        let moved = |bytes: &[u8]| {
            Some(
                std::str::from_utf8(bytes)
                    .ok()
                    .filter(|text| text.contains(from))?
                    .replace(from, to)
                    .into_bytes(),
            )
        };
        let headers = response
            .headers
            .into_iter()
            .map(|(name, value)| (name, moved(&value).unwrap_or(value)))
            .collect();
        let body = moved(&response.body).map_or(response.body, Bytes::from);
        Response { headers, body, ..response }
    }

    fn note(&self, sent: &Sent, answer: &Result<Response, Error>) {
        let path = self.path(sent).map(str::to_owned);
        let url = path.is_none().then(|| sent.url.to_string());
        let body = sent.body.as_deref().unwrap_or_default();
        let (json, text, base64) = keys(content_type(&sent.headers), body);
        let request = RequestDefinition {
            method: Some(sent.method.clone()),
            path,
            url,
            headers: written(&sent.headers, |name| {
                !is_sensitive(name) && !name.eq_ignore_ascii_case("user-agent")
            }),
            json,
            text,
            base64,
        };
        let response = match answer {
            Ok(response) => {
                let (json, text, base64) = keys(content_type(&response.headers), &response.body);
                let is_kept = |name: &str| !LEFT_OUT.contains(&name) && !is_sensitive(name);
                let headers = written(&response.headers, is_kept);
                ResponseDefinition { status: Some(response.status), headers, json, text, base64, error: None }
            }
            Err(error) => ResponseDefinition { error: Some(trouble(error)), ..ResponseDefinition::default() },
        };
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ExchangeDefinition { request, response });
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn exchange(&self, sent: Sent) -> Result<Response, Error> {
        let answer = self.send(&sent).await;
        self.note(&sent, &answer);
        answer
    }
}

/// What a cassette can say of an error; others end an attempt's request just as well.
fn trouble(error: &Error) -> Trouble {
    match error {
        Error::Timeout(_) => Trouble::Timeout,
        Error::Connect(_) => Trouble::Connect,
        Error::Dns(_) => Trouble::Dns,
        Error::Denied(_) | Error::InvalidRequest(_) => Trouble::Denied,
        Error::Interrupted(_)
        | Error::ResponseTooLarge(_)
        | Error::RequestTooLarge(_)
        | Error::TooManyRequests(_)
        | Error::Other(_) => Trouble::Interrupted,
    }
}

fn content_type(headers: &[(String, Vec<u8>)]) -> &str {
    let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    found.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or_default()
}

/// The headers that are written down, of those that are text.
fn written(headers: &[(String, Vec<u8>)], is_kept: impl Fn(&str) -> bool) -> Headers {
    let mut written = Headers::default();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if let (true, Ok(value)) = (is_kept(&name), std::str::from_utf8(value)) {
            written.add(&name, value.to_owned());
        }
    }
    written
}

type Keys = (Option<serde_json::Value>, Option<String>, Option<String>);

/// A body as the keys `json`, `text` and `base64` have it.
fn keys(media_type: &str, body: &[u8]) -> Keys {
    match recorded(media_type, body) {
        None => (None, None, None),
        Some(Content::Json(json)) => (Some(json), None, None),
        Some(Content::Text(text)) => (None, Some(text), None),
        Some(Content::Bytes(bytes)) => (None, None, Some(base64(&bytes))),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
