//! The front door: a POST becomes a durable run before its sender reads 2xx.
//!
//! The way of a request: route → admission → body within its limit → signature on the raw bytes →
//! decode → dedupe key → [`Journal::accept`] → 202.

mod json;
mod refusal;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use stepmill_core::document::{self, Document};
use stepmill_core::event::{Event, Trigger};
use stepmill_core::expression::Scope;
use stepmill_core::journal::{Acceptance, Accepted, Dedupe};
use stepmill_core::{Clock, Journal, RunId};
use tokio::sync::{Notify, Semaphore};

use crate::catalog::{Catalog, Deployed};
use crate::health::Health;
use crate::metrics;

use json::WellFormed;
pub use refusal::Refusal;

/// How long a sender may take over its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests between their first byte and their answer; more are told to come again.
const REQUESTS: usize = 2_048;
/// KiB of bodies that are held at once, for all requests together; more are told to come again.
const BODIES_KIB: usize = 256 << 10;
/// Longest dedupe key in bytes.
const DEDUPE_KEY_BYTES: usize = 1_024;
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
    pub catalog: Arc<Catalog>,
    /// Where events go.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When to stop accepting.
    pub admission: Admission,
    /// Tells the dispatcher of new runs.
    pub wake: Arc<Notify>,
    /// Whether the service is up.
    pub health: Arc<Health>,
}

struct Shared {
    ingress: Ingress,
    requests: Semaphore,
    bodies: Semaphore,
}

impl Ingress {
    /// The HTTP service of the ingress listener.
    pub fn router(self) -> Router {
        let health = Arc::clone(&self.health);
        let shared = Arc::new(Shared {
            ingress: self,
            requests: Semaphore::new(REQUESTS),
            bodies: Semaphore::new(BODIES_KIB),
        });
        Router::new()
            .route("/health/live", get(Health::live))
            .route("/health/ready", get(Health::ready).with_state(health))
            .fallback(receive)
            .with_state(shared)
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer = match shared.requests.try_acquire() {
        Ok(_permit) => shared.ingress.accept(request, &shared.bodies).await,
        Err(_) => Err(Refusal::Busy),
    };
    match answer {
        Ok(accepted) => answer_accepted(accepted),
        Err(refusal) => {
            metrics::event_refused(refusal.code());
            refusal.into_response()
        }
    }
}

fn answer_accepted(accepted: Accepted) -> Response {
    let body = match accepted {
        Accepted::New(run) => format!(r#"{{"run":"{run}"}}"#),
        Accepted::Duplicate(run) => format!(r#"{{"run":"{run}","duplicate":true}}"#),
    };
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, document::JSON)], body).into_response()
}

impl Ingress {
    async fn accept(&self, request: Request, bodies: &Semaphore) -> Result<Accepted, Refusal> {
        let (parts, body) = request.into_parts();
        let deployed = self.catalog.by_path.get(parts.uri.path()).ok_or(Refusal::NotFound)?;
        if parts.method != Method::POST {
            return Err(Refusal::Method);
        }
        self.admit()?;
        let webhook = deployed.plan.webhook.as_ref().ok_or(Refusal::NotFound)?;
        let most = body_bound(&parts.headers, webhook.max_body_bytes)?;
        let _room = bodies.try_acquire_many(most).map_err(|_| Refusal::Busy)?;
        let body = read_body(body, webhook.max_body_bytes).await?;
        let now_ms = self.clock.now_ms();
        verify(deployed, &parts.headers, &body, now_ms)?;
        let event = Event {
            trigger: Trigger::Webhook { path: webhook.path.clone() },
            headers: kept_headers(&parts.headers),
            query: query(&parts.uri),
            document: decode(&parts.headers, body)?,
        };
        let run = RunId::new(now_ms, rand::random());
        let dedupe = dedupe_key(deployed, &event, run, now_ms)?;
        let acceptance = Acceptance {
            run,
            workflow: deployed.plan.name.to_string(),
            version: deployed.plan.version.to_string(),
            at_ms: now_ms,
            event,
            dedupe,
            fire: None,
        };
        let accepted = self
            .journal
            .accept(vec![acceptance])
            .await
            .map_err(|error| {
                tracing::error!(workflow = %deployed.plan.name, error = &error as &dyn std::error::Error, "failed to accept an event");
                Refusal::JournalUnavailable
            })?
            .pop()
            .ok_or(Refusal::JournalUnavailable)?;
        match accepted {
            Accepted::New(_) => {
                metrics::event_accepted(&deployed.plan.name);
                self.wake.notify_one();
            }
            Accepted::Duplicate(_) => metrics::event_duplicate(&deployed.plan.name),
        }
        Ok(accepted)
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

fn verify(deployed: &Deployed, headers: &HeaderMap, body: &[u8], now_ms: u64) -> Result<(), Refusal> {
    let Some(verifier) = &deployed.verifier else { return Err(Refusal::NotFound) };
    let values = |name: &str| headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
    verifier.verify(&values, body, now_ms).map_err(|refusal| {
        metrics::signature_refused(&deployed.plan.name, refusal.name());
        tracing::warn!(workflow = %deployed.plan.name, reason = refusal.name(), "refused an event's signature");
        Refusal::Signature
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

fn dedupe_key(
    deployed: &Deployed,
    event: &Event,
    run: RunId,
    now_ms: u64,
) -> Result<Option<Dedupe>, Refusal> {
    let (Some(template), Some(webhook)) = (&deployed.plan.dedupe, &deployed.plan.webhook) else {
        return Ok(None);
    };
    let outputs = BTreeMap::new();
    let scope =
        Scope::new(event, &event.document, &event.document, &outputs, run, &deployed.plan.name, now_ms);
    let value = template.evaluate(&scope).map_err(|error| Refusal::DedupeKey(error.to_string()))?;
    let key = match value {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    };
    if key.is_empty() || key.len() > DEDUPE_KEY_BYTES {
        return Err(Refusal::DedupeKey(format!(
            "the key is {} bytes long; it must have 1 to {DEDUPE_KEY_BYTES}",
            key.len()
        )));
    }
    let lasts_ms = u64::try_from(webhook.dedupe_for.as_millis()).unwrap_or(u64::MAX);
    Ok(Some(Dedupe {
        scope: deployed.plan.name.to_string(),
        key,
        expires_ms: now_ms.saturating_add(lasts_ms),
    }))
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
