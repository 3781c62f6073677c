//! The front door: a POST becomes a durable run, or a durable event for runs that wait, before its sender
//! reads 2xx.
//!
//! The way of a request: route → source → the sender's address and rate → handshake? → admission → body within its limit →
//! signature on the raw bytes → handshake? → decode → keys → [`Journal::accept`] or [`Journal::publish`] → 202, or what a
//! step answers. A body that is split is accepted as many runs, or not at all.

mod admission;
mod answer;
mod approvals;
mod body;
mod deliver;
mod event;
mod handshake;
mod keys;
mod refusal;
mod sender;
mod verify;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use stepmill_core::body::Decoded;
use stepmill_core::{Clock, Entropy, Journal};
use stepmill_sandbox::Sandbox;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::answers::Answers;
use crate::catalog::{Deployed, DeployedEvent, Live, Route};
use crate::health::Health;
use crate::listener::Peer;
use crate::metrics;
use crate::sources::{Mode, Sources};

pub use admission::Admission;
use admission::Places;
use answer::Answered;
pub use handshake::Handshakes;
use handshake::Posted;
pub use keys::KeyCache;
pub use refusal::Refusal;
pub use sender::Senders;
use verify::{Call, Door};

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
    /// What becomes of what is accepted.
    pub sources: Arc<Sources>,
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
    /// Where the plugins are that say whom webhooks believe.
    pub sandbox: Arc<Sandbox>,
}

/// Senders that may wait for what a step gives.
pub const WAITING: usize = 4_096;

struct Shared {
    ingress: Ingress,
    places: Places,
    approvals: Semaphore,
}

impl Ingress {
    /// The HTTP service of the ingress listener.
    pub fn router(self) -> Router {
        let health = Arc::clone(&self.health);
        let shared = Arc::new(Shared {
            places: Places::new(&self.admission),
            ingress: self,
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

/// What a request takes up until its event is on disk.
struct Taken<'s> {
    _request: SemaphorePermit<'s>,
    _body: Option<SemaphorePermit<'s>>,
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
    match shared.ingress.accept(request, &shared.places).await {
        Ok(answered) => answered.into_response(),
        Err(refusal) => {
            metrics::event_refused(refusal.code());
            tracing::debug!(
                code = refusal.code(),
                peer = peer.map(tracing::field::display),
                "refused a request"
            );
            refusal.into_response()
        }
    }
}

impl Ingress {
    async fn accept(&self, request: Request, places: &Places) -> Result<Answered, Refusal> {
        let permit = places.request()?;
        let (parts, body) = request.into_parts();
        let catalog = self.live.catalog();
        let route = catalog.by_path.get(parts.uri.path()).ok_or(Refusal::NotFound)?;
        if self.sources.mode(parts.uri.path()).await == Mode::Blocked {
            return Err(Refusal::Blocked);
        }
        let (name, webhook, senders, verifier) = match route {
            Route::Workflow(deployed) => {
                let Deployed { plan, senders, verifier, .. } = &**deployed;
                (&plan.name, plan.webhook.as_ref(), senders, verifier.as_ref())
            }
            Route::Event(deployed) => {
                let DeployedEvent { plan, senders, verifier } = &**deployed;
                (&plan.name, plan.webhook.as_ref(), senders, verifier.as_ref())
            }
        };
        let peer = parts.extensions.get::<Peer>().ok_or(Refusal::NotAllowed)?;
        senders.take(peer.address, self.clock.now_ms())?;
        let (Some(webhook), Some(verifier)) = (webhook, verifier) else { return Err(Refusal::NotFound) };
        let door = Door {
            name,
            verifier,
            plugin: catalog.verifying.get(&webhook.path),
            limits: catalog.limits,
            handshaker: catalog.handshakers.get(&webhook.path),
        };
        let call = Call::new(catalog.public_url.as_deref(), &parts, peer);
        if parts.method != Method::POST {
            return self.question(&door, &call).await.map(Answered::Asked);
        }
        self.admit()?;
        let (request, decoded, room) = {
            let most = body::bound(&parts.headers, webhook.max_body_bytes)?;
            let _room = places.body(most)?;
            let body = body::read(body, webhook.max_body_bytes).await?;
            let verified = match self.posted(&door, &call, &body).await? {
                Posted::Event(verified) => verified,
                Posted::Question(answer) => return Ok(Answered::Asked(answer)),
            };
            let request = event::Arrived::new(webhook, &parts, verified);
            let decoded = body::decode(webhook, &parts.headers, &request.headers, body, places).await?;
            let room = body::room(&decoded, places)?;
            (request, decoded, room)
        };
        let taken = Taken { _request: permit, _body: room };
        match (route, decoded) {
            (Route::Workflow(workflow), Decoded::One(record)) => {
                self.start(workflow, webhook, request.with(record), taken).await
            }
            (Route::Workflow(workflow), Decoded::Batch(records)) => {
                self.start_each(workflow, webhook, request, records).await
            }
            (Route::Event(deployed), Decoded::One(record)) => {
                self.publish(&catalog, deployed, webhook, request.with(record)).await
            }
            // The plan of an event has no `split`.
            (Route::Event(_), Decoded::Batch(_)) => Err(Refusal::NotFound),
        }
    }
}
