//! The front door: a POST becomes a durable run, or a durable event for runs that wait, before its sender
//! reads 2xx.
//!
//! The way of a request: route → admission → body within its limit → signature on the raw bytes →
//! handshake? → decode → keys → [`Journal::accept`] or [`Journal::publish`] → 202, or what a step answers.

mod admission;
mod answer;
mod approvals;
mod body;
mod deliver;
mod event;
mod handshake;
mod json;
mod keys;
mod refusal;
mod verify;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use stepmill_core::{Clock, Entropy, Journal};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::answers::Answers;
use crate::catalog::{Live, Route};
use crate::health::Health;
use crate::metrics;

pub use admission::Admission;
use answer::Answered;
pub use handshake::Handshakes;
use handshake::{Door, Posted};
pub use keys::KeyCache;
pub use refusal::Refusal;
use verify::Call;

/// Requests between their first byte and their answer; more are told to come again.
const REQUESTS: usize = 2_048;
/// KiB of bodies that are held at once, for all requests together; more are told to come again.
const BODIES_KIB: usize = 256 << 10;
/// Pages behind signed links that are made at once: each reads a whole run.
const APPROVALS: usize = 32;

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
    /// Answers providers that ask whose a webhook is.
    pub handshakes: Handshakes,
    /// Providers' keys that signatures are checked with.
    pub keys: KeyCache,
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
        let (name, webhook, verifier) = match route {
            Route::Workflow(workflow) => {
                (&workflow.plan.name, workflow.plan.webhook.as_ref(), workflow.verifier.as_ref())
            }
            Route::Event(event) => (&event.plan.name, event.plan.webhook.as_ref(), event.verifier.as_ref()),
        };
        let (Some(webhook), Some(verifier)) = (webhook, verifier) else { return Err(Refusal::NotFound) };
        let door = Door { name, verifier, handshaker: catalog.handshakers.get(&webhook.path) };
        let call = Call::new(&catalog.public_url, &parts);
        if parts.method != Method::POST {
            return self.question(&door, &call).await.map(Answered::Asked);
        }
        self.admit()?;
        let received = {
            let most = body::bound(&parts.headers, webhook.max_body_bytes)?;
            let _room = bodies.try_acquire_many(most).map_err(|_| Refusal::Busy)?;
            let body = body::read(body, webhook.max_body_bytes).await?;
            let verified = match self.posted(&door, &call, &body).await? {
                Posted::Event(verified) => verified,
                Posted::Question(answer) => return Ok(Answered::Asked(answer)),
            };
            let document = body::decode(&parts.headers, body)?;
            event::Received { event: event::event(webhook, &parts.headers, &parts.uri, document), verified }
        };
        match route {
            Route::Workflow(workflow) => self.start(workflow, webhook, received, permit).await,
            Route::Event(deployed) => self.publish(&catalog, deployed, webhook, received).await,
        }
    }
}
