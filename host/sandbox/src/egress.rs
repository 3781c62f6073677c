//! Egress: the one way by which a guest's request leaves the host, whether it came through `http.send` or
//! `wasi:http`. Policy, resolve, address check, credentials, concurrency limit, send, caps, record.
//!
//! It is not a general HTTP client: no cookies, no proxies from the environment, no decompression, and
//! redirects only as far as the step's grant says, each hop judged as if the guest had asked for it.
//!
//! Threat model: guests are hostile, as are servers that are not a configured system; the config is trusted;
//! a system is trusted with its own credentials. What is defended, and where to read it:
//!
//! - reaching what the grant does not name, and addresses that are not public: `policy.rs`, `client.rs`;
//! - leaving a system's base URL by tricks with paths: `prefix.rs`;
//! - smuggling by headers of the connection: `headers.rs`;
//! - learning a secret: it is added after the guest's request is judged, to the system's own URLs only, and
//!   taken out of what comes back (`system.rs` says how far that goes) and never recorded: `record.rs`;
//! - starving the host: every wait ends with the attempt, bodies are limited while they are read: `hop.rs`.
//!
//! Start reading at [`Egress::send`].
//!
//! ```
//! use stepmill_sandbox::egress::{Credentials, Egress, System};
//! # use std::time::Duration;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let egress = Egress::try_new(vec![System {
//!     name: "erp".into(),
//!     base_url: "https://erp.example.com/api/".parse()?,
//!     credentials: Credentials::Bearer("resolved from env:ERP_TOKEN".into()),
//!     concurrency: 4,
//!     connect_timeout: Duration::from_secs(5),
//!     first_byte_timeout: Duration::from_secs(30),
//!     ca_pem: None,
//! }])?;
//! # let _ = egress;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;
use stepmill_core::attempt::{Exchange, Unanswered};
use stepmill_core::grant::{Allow, Grant};
use stepmill_core::limits::Limits;
use stepmill_core::{Clock, RunId};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

mod address;
mod client;
mod headers;
mod hop;
mod policy;
mod prefix;
mod record;
mod redirect;
mod signer;
mod system;
mod tape;
mod transport;

pub use headers::is_sensitive;
pub use system::{Credentials, Secret, System};
pub use tape::{Hop, Tape};
pub use transport::{Sent, Transport};

use client::Reach;
use hop::{Answer, CONNECT_TIMEOUT, Deadline, Outlet};
use policy::Asker;
use prefix::Prefix;
use record::Recording;
use signer::Signer;
use system::Authentication;

/// The way out: systems with their connections, and connections to everything else. A cheap handle.
#[derive(Clone)]
pub struct Egress {
    inner: Arc<Inner>,
    /// What makes exchanges in place of the network.
    transport: Option<Arc<dyn Transport>>,
    /// What has a copy of the exchanges.
    tape: Option<Arc<Tape>>,
}

struct Inner {
    bases: policy::Bases,
    outlets: BTreeMap<String, Outlet>,
    /// Connections to systems: those that connect alike share a pool.
    clients: BTreeMap<Trust, Client>,
    /// For rules that allow private addresses.
    private: Client,
    /// For all others. Its pool holds no connection that was not checked.
    public: Client,
}

/// How a connection is made: how long that may take, and the certificates to trust.
type Trust = (Duration, Option<Vec<u8>>);

/// Why an egress cannot be built: config to correct.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Two systems have one name.
    #[error("system {0:?} is configured twice")]
    Duplicate(String),
    /// Something about a system cannot be.
    #[error("system {system:?}: {key} {reason}")]
    System {
        /// The system's name.
        system: String,
        /// The key to change.
        key: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The client of a system could not be built, most likely because of its certificates.
    #[error("system {system:?}: failed to set up TLS (is `ca` a PEM file with certificates?)")]
    Certificates {
        /// The system's name.
        system: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The clients for everything else could not be built.
    #[error("failed to build the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// A client for requests of the host itself, as guests' are made: no redirects, no proxies of the environment. One that
/// `is_public` connects to names of the Internet only, by the addresses that were checked.
///
/// # Errors
/// It cannot be built.
pub fn host_client(is_public: bool) -> Result<Client, BuildError> {
    let reach = if is_public { Reach::Public } else { Reach::Any };
    client::build(reach, CONNECT_TIMEOUT, Vec::new()).map_err(BuildError::Client)
}

/// Whose request it is, and what it may do.
#[derive(Clone)]
pub struct Context {
    /// What the step may reach.
    pub grant: Arc<Grant>,
    /// What the attempt may use up.
    pub limits: Limits,
    /// Name of the workflow, for the log.
    pub workflow: Arc<str>,
    /// Id of the run, for the log.
    pub run: RunId,
    /// Id of the step, for the log.
    pub step: Arc<str>,
    /// When the attempt is over, and every request of it.
    pub deadline: Instant,
    /// The time that signatures are of.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { grant, limits, workflow, run, step, deadline, clock: _ } = self;
        f.debug_struct("Context")
            .field("workflow", workflow)
            .field("run", run)
            .field("step", step)
            .field("grant", grant)
            .field("limits", limits)
            .field("deadline", deadline)
            .finish_non_exhaustive()
    }
}

/// What an attempt has sent so far.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Requests that count against `http_requests`: each hop of a redirect, and what was denied.
    pub requests: u32,
    /// The first 200 exchanges, in order; what is over 256 KiB of headers and bodies has neither.
    pub exchanges: Vec<Exchange>,
    /// Bytes of headers and bodies in `exchanges`.
    recorded: usize,
}

/// A request as a guest gives it; nothing about it is trusted.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, case-sensitive.
    pub method: String,
    /// Where to.
    pub target: Target,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body, whole.
    pub body: Option<Bytes>,
    /// Time for everything, redirects and waiting included; clamped to the attempt's deadline.
    pub timeout: Option<Duration>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Path and query at the step's system.
    Path(String),
    /// An absolute URL.
    Url(String),
}

/// A response, whatever its status, without the system's secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body, whole.
    pub body: Bytes,
}

/// Why there is no response; `http-error` in WIT says more about each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The grant does not cover the request.
    #[error("denied: {0}")]
    Denied(String),
    /// The request cannot be sent as it is.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// The name could not be resolved.
    #[error("{0}")]
    Dns(String),
    /// No connection.
    #[error("{0}")]
    Connect(String),
    /// Some part of it took too long.
    #[error("{0}")]
    Timeout(String),
    /// The connection broke after the request was begun.
    #[error("{0}")]
    Interrupted(String),
    /// The response's body is larger than the limit, in bytes.
    #[error("the response is larger than the limit `response_bytes` of {0} bytes")]
    ResponseTooLarge(u64),
    /// The request's body is larger than the limit, in bytes.
    #[error("the request is larger than the limit `request_bytes` of {0} bytes")]
    RequestTooLarge(u64),
    /// The attempt has used up its number of requests.
    #[error("the attempt has used up the limit `http_requests` of {0}")]
    TooManyRequests(u32),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Which case it is, for the record.
    fn kind(&self) -> Unanswered {
        match self {
            Self::Denied(_) => Unanswered::Denied,
            Self::InvalidRequest(_) => Unanswered::InvalidRequest,
            Self::Dns(_) => Unanswered::Dns,
            Self::Connect(_) => Unanswered::Connect,
            Self::Timeout(_) => Unanswered::Timeout,
            Self::Interrupted(_) => Unanswered::Interrupted,
            Self::ResponseTooLarge(_) => Unanswered::ResponseTooLarge,
            Self::RequestTooLarge(_) => Unanswered::RequestTooLarge,
            Self::TooManyRequests(_) => Unanswered::TooManyRequests,
            Self::Other(_) => Unanswered::Other,
        }
    }
}

/// One hop: a request, or what a redirect made of it.
#[derive(Clone)]
struct Outgoing {
    method: String,
    target: Target,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Bytes>,
}

impl Egress {
    /// An egress that knows `systems`, with a connection pool for each kind of trust among them.
    pub fn try_new(systems: Vec<System>) -> Result<Self, BuildError> {
        Self::build(systems, None)
    }

    /// An egress that reaches no network: `transport` answers what may be sent to these systems.
    pub fn through(transport: Arc<dyn Transport>, systems: Vec<System>) -> Result<Self, BuildError> {
        Self::build(systems, Some(transport))
    }

    fn build(systems: Vec<System>, transport: Option<Arc<dyn Transport>>) -> Result<Self, BuildError> {
        let private = client::build(Reach::Any, CONNECT_TIMEOUT, vec![]).map_err(BuildError::Client)?;
        let public = client::build(Reach::Public, CONNECT_TIMEOUT, vec![]).map_err(BuildError::Client)?;
        let none = Inner {
            bases: BTreeMap::new(),
            outlets: BTreeMap::new(),
            clients: BTreeMap::new(),
            private,
            public,
        };
        Self { inner: Arc::new(none), transport, tape: None }.renewed(systems)
    }

    /// An egress to the same systems that reaches no network: `transport` answers what may be sent.
    #[must_use]
    pub fn answered_by(&self, transport: Arc<dyn Transport>) -> Self {
        Self { inner: Arc::clone(&self.inner), transport: Some(transport), tape: None }
    }

    /// The same egress, which leaves a copy of each exchange on the tape.
    #[must_use]
    pub fn taped(&self, tape: &Arc<Tape>) -> Self {
        Self { tape: Some(Arc::clone(tape)), ..self.clone() }
    }

    /// An egress that knows these systems instead. Connections are kept, and so are the turns at a system whose
    /// `concurrency` is the same: the two together send it no more at once than one.
    pub fn renewed(&self, systems: Vec<System>) -> Result<Self, BuildError> {
        let mut bases = BTreeMap::new();
        let mut outlets: BTreeMap<String, Outlet> = BTreeMap::new();
        let mut clients: BTreeMap<Trust, Client> = BTreeMap::new();
        for system in systems {
            let refused = |key, reason| BuildError::System { system: system.name.clone(), key, reason };
            let base = Prefix::try_new(&system.base_url).map_err(|reason| refused("url", reason))?;
            let authentication = Authentication::try_new(&system.credentials)
                .map_err(|reason| refused("credentials", reason))?;
            let signer =
                Signer::try_new(&system.credentials).map_err(|reason| refused("credentials", reason))?;
            if system.concurrency == 0 {
                return Err(refused("concurrency", "must be at least 1"));
            }
            let trust = (system.connect_timeout, system.ca_pem.clone());
            let client = match clients.get(&trust).or_else(|| self.inner.clients.get(&trust)) {
                Some(client) => client.clone(),
                None => client_of(&system)?,
            };
            clients.insert(trust, client.clone());
            let concurrency = system.concurrency.min(Semaphore::MAX_PERMITS);
            let former =
                self.inner.outlets.get(&system.name).filter(|former| former.concurrency == concurrency);
            let turns = former
                .map_or_else(|| Arc::new(Semaphore::new(concurrency)), |former| Arc::clone(&former.turns));
            let outlet = Outlet {
                name: system.name.clone(),
                client,
                authentication,
                signer,
                turns,
                concurrency,
                first_byte_timeout: system.first_byte_timeout,
            };
            bases.insert(system.name.clone(), base);
            if outlets.insert(system.name.clone(), outlet).is_some() {
                return Err(BuildError::Duplicate(system.name));
            }
        }
        let (private, public) = (self.inner.private.clone(), self.inner.public.clone());
        let inner = Arc::new(Inner { bases, outlets, clients, private, public });
        Ok(Self { inner, ..self.clone() })
    }

    /// The systems and how many requests each may have on its way at once.
    pub fn systems(&self) -> impl Iterator<Item = (&str, usize)> {
        self.inner.outlets.iter().map(|(name, outlet)| (name.as_str(), outlet.concurrency))
    }

    /// Sends one request of a guest, and follows redirects as far as the grant says.
    ///
    /// Each hop counts against `http_requests` and is appended to `ledger`, however it ends, even if this
    /// future is dropped; requests beyond that limit are not.
    pub async fn send(
        &self,
        context: &Context,
        ledger: &mut Ledger,
        request: Request,
    ) -> Result<Response, Error> {
        let Request { method, target, headers, body, timeout } = request;
        let deadline = match timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
            Some(at) if at < context.deadline => Deadline { at, is_guests: true },
            Some(_) | None => Deadline { at: context.deadline, is_guests: false },
        };
        let mut outgoing = Outgoing { method, target, headers, body };
        let mut asker = Asker::Guest;
        let mut followed = 0;
        loop {
            let limit = context.limits.http_requests;
            if ledger.requests >= limit {
                return Err(Error::TooManyRequests(limit));
            }
            ledger.requests += 1;
            let mut recording = Recording::begin(ledger, &outgoing, &context.limits);
            let result = hop::send(self, context, &mut recording, &outgoing, asker, deadline).await;
            recording.end(result.as_ref().map(|answer| &answer.response), self.secret_header(context));
            let Answer { url, is_systems, response } = result?;
            if followed == context.grant.redirects {
                return Ok(response);
            }
            match redirect::next(&outgoing, &url, &response) {
                Some(next) => outgoing = next,
                None => return Ok(response),
            }
            asker = match asker {
                Asker::Guest | Asker::System if is_systems => Asker::System,
                Asker::Guest | Asker::System | Asker::Stranger => Asker::Stranger,
            };
            followed += 1;
        }
    }

    /// The name of the header that carries the credentials of the step's system.
    fn secret_header(&self, context: &Context) -> Option<&str> {
        let outlet = self.inner.outlets.get(context.grant.system.as_ref()?)?;
        outlet.authentication.as_ref().map(|authentication| authentication.name.as_str())
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Egress").field(&self.inner.bases.keys().collect::<Vec<_>>()).finish()
    }
}

fn client_of(system: &System) -> Result<Client, BuildError> {
    let failed = |source| BuildError::Certificates { system: system.name.clone(), source };
    let authorities = match &system.ca_pem {
        None => vec![],
        Some(pem) => client::certificates(pem).map_err(failed)?,
    };
    // An empty list would mean the platform's authorities, which is not what was asked for.
    if system.ca_pem.is_some() && authorities.is_empty() {
        let reason = "holds no certificate in PEM format";
        return Err(BuildError::System { system: system.name.clone(), key: "ca", reason });
    }
    client::build(Reach::Any, system.connect_timeout, authorities).map_err(failed)
}

/// Whether an `allow` rule can ever allow something; else what is wrong with it. For whoever loads config.
pub fn check_rule(rule: &Allow) -> Result<(), &'static str> {
    let url = Url::parse(&rule.url).map_err(|_| "must be an absolute http or https URL")?;
    Prefix::try_new(&url).map(drop)
}

#[cfg(test)]
mod tests;
