//! The front door: a POST becomes a durable run, or a durable event for runs that wait, before its sender
//! reads 2xx.
//!
//! The way of a request: route → admission → body within its limit → signature on the raw bytes →
//! decode → keys → [`Journal::accept`] or [`Journal::publish`] → 202, or what a step answers.

mod answer;
mod approvals;
mod deliver;
mod json;
mod refusal;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use stepmill_core::document::{self, Document};
use stepmill_core::event::{Event, Trigger};
use stepmill_core::signature::Verifier;
use stepmill_core::workflow::Webhook;
use stepmill_core::{Clock, Entropy, Journal};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::answers::Answers;
use crate::catalog::{Live, Route};
use crate::health::Health;
use crate::metrics;

use answer::Answered;
use json::WellFormed;
pub use refusal::Refusal;

/// How long a sender may take over its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests between their first byte and their answer; more are told to come again.
const REQUESTS: usize = 2_048;
/// KiB of bodies that are held at once, for all requests together; more are told to come again.
const BODIES_KIB: usize = 256 << 10;
/// Pages behind signed links that are made at once: each reads a whole run.
const APPROVALS: usize = 32;
/// Headers that carry credentials; they never get into an event.
const SECRET_HEADERS: [header::HeaderName; 3] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// Limits of the journal at which ingress stops accepting.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// Unfinished runs.
    pub max_unfinished: u64,
    /// Bytes on disk.
    pub max_bytes: u64,
}

/// Everything that the front door needs.
pub struct Ingress {
    /// What is deployed.
    pub live: Live,
    /// Where events go.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of runs.
    pub entropy: Arc<dyn Entropy>,
    /// Senders that wait for what a step gives.
    pub answers: Arc<Answers>,
    /// When to stop accepting.
    pub admission: Admission,
    /// Tells the dispatcher of new runs.
    pub wake: Arc<Notify>,
    /// Whether the service is up.
    pub health: Arc<Health>,
    /// Places of senders that wait for what a step gives; without one the answer is the usual one.
    pub waiting: Semaphore,
}

/// Senders that may wait for what a step gives.
pub const WAITING: usize = 4_096;

struct Shared {
    ingress: Ingress,
    requests: Semaphore,
    bodies: Semaphore,
    approvals: Semaphore,
}

impl Ingress {
    /// The HTTP service of the ingress listener.
    pub fn router(self) -> Router {
        let health = Arc::clone(&self.health);
        let shared = Arc::new(Shared {
            ingress: self,
            requests: Semaphore::new(REQUESTS),
            bodies: Semaphore::new(BODIES_KIB),
            approvals: Semaphore::new(APPROVALS),
        });
        Router::new()
            .route("/health/live", get(Health::live))
            .route("/health/ready", get(Health::ready).with_state(health))
            .merge(approvals::router())
            .fallback(receive)
            .with_state(shared)
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer = match shared.requests.try_acquire() {
        Ok(permit) => shared.ingress.accept(request, &shared.bodies, permit).await,
        Err(_) => Err(Refusal::Busy),
    };
    match answer {
        Ok(answered) => answered.into_response(),
        Err(refusal) => {
            metrics::event_refused(refusal.code());
            refusal.into_response()
        }
    }
}

impl Ingress {
    async fn accept(
        &self,
        request: Request,
        bodies: &Semaphore,
        permit: SemaphorePermit<'_>,
    ) -> Result<Answered, Refusal> {
        let (parts, body) = request.into_parts();
        let catalog = self.live.catalog();
        let route = catalog.by_path.get(parts.uri.path()).ok_or(Refusal::NotFound)?;
        if parts.method != Method::POST {
            return Err(Refusal::Method);
        }
        self.admit()?;
        let (name, webhook, verifier) = match route {
            Route::Workflow(workflow) => {
                (&workflow.plan.name, workflow.plan.webhook.as_ref(), workflow.verifier.as_ref())
            }
            Route::Event(event) => (&event.plan.name, event.plan.webhook.as_ref(), event.verifier.as_ref()),
        };
        let (Some(webhook), Some(verifier)) = (webhook, verifier) else { return Err(Refusal::NotFound) };
        let event = {
            let most = body_bound(&parts.headers, webhook.max_body_bytes)?;
            let _room = bodies.try_acquire_many(most).map_err(|_| Refusal::Busy)?;
            let body = read_body(body, webhook.max_body_bytes).await?;
            verify(name, verifier, &parts.headers, &body, self.clock.now_ms())?;
            event(webhook, &parts.headers, &parts.uri, body)?
        };
        match route {
            Route::Workflow(workflow) => self.start(workflow, webhook, event, permit).await,
            Route::Event(deployed) => self.publish(&catalog, deployed, webhook, event).await,
        }
    }

    fn admit(&self) -> Result<(), Refusal> {
        if !self.health.is_accepting() {
            return Err(Refusal::Draining);
        }
        let backlog = self.journal.backlog();
        if backlog.unfinished >= self.admission.max_unfinished || backlog.bytes >= self.admission.max_bytes {
            return Err(Refusal::JournalFull);
        }
        Ok(())
    }
}

/// KiB that the body may come to: what the sender says, or the limit.
fn body_bound(headers: &HeaderMap, limit: u64) -> Result<u32, Refusal> {
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > limit) {
        return Err(Refusal::TooLarge { limit });
    }
    Ok(u32::try_from(said.unwrap_or(limit).div_ceil(1 << 10)).unwrap_or(u32::MAX))
}

async fn read_body(body: Body, limit: u64) -> Result<Bytes, Refusal> {
    let limit_bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit_bytes).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { limit }),
        Ok(Err(_)) => Err(Refusal::Interrupted),
        Err(_) => Err(Refusal::Timeout),
    }
}

fn verify(
    name: &str,
    verifier: &Verifier,
    headers: &HeaderMap,
    body: &[u8],
    now_ms: u64,
) -> Result<(), Refusal> {
    let values = |name: &str| headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
    verifier.verify(&values, body, now_ms).map_err(|refusal| {
        metrics::signature_refused(name, refusal.name());
        tracing::warn!(webhook = name, reason = refusal.name(), "refused an event's signature");
        Refusal::Signature
    })
}

fn event(webhook: &Webhook, headers: &HeaderMap, uri: &Uri, body: Bytes) -> Result<Event, Refusal> {
    Ok(Event {
        trigger: Trigger::Webhook { path: webhook.path.clone() },
        headers: kept_headers(headers),
        query: query(uri),
        document: decode(headers, body)?,
    })
}

/// JSON must be well-formed, since every step would fail on it; anything else is taken as it is.
fn decode(headers: &HeaderMap, body: Bytes) -> Result<Document, Refusal> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Refusal::Encoding);
    }
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or(document::JSON);
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == document::JSON || essence.ends_with("+json") {
        serde_json::from_slice::<WellFormed>(&body)
            .map_err(|error| Refusal::Json { line: error.line(), column: error.column() })?;
    }
    Ok(Document::from_bytes(media_type, body.into()))
}

fn kept_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !SECRET_HEADERS.contains(name)) {
        let value = String::from_utf8_lossy(value.as_bytes());
        kept.entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push_str(", ");
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    kept
}

fn query(uri: &Uri) -> BTreeMap<String, String> {
    let pairs: HashMap<String, String> = uri
        .query()
        .map(|query| url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
        .unwrap_or_default();
    pairs.into_iter().collect()
}
