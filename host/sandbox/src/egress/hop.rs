//! One exchange: decide, wait for the system's turn, send, read within limits.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use reqwest::Client;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::client::{self, NotPublic, Unresolved};
use super::policy::{self, Asker, Decision, Denial};
use super::record::Recording;
use super::signer::Signer;
use super::system::Authentication;
use super::{Context, Egress, Error, Hop, Inner, Outgoing, Response, Sent, Transport, headers};

/// How long resolving and connecting may take where no system says otherwise.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the head of a response may take where no system says otherwise.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes that are set aside for a body before any has come, whatever its announced length.
const FIRST_BUFFER: u64 = 64 << 10;

/// What is known of a system while the host runs.
pub(super) struct Outlet {
    pub(super) name: String,
    pub(super) client: Client,
    pub(super) authentication: Option<Authentication>,
    pub(super) signer: Option<Signer>,
    pub(super) turns: Arc<Semaphore>,
    pub(super) concurrency: usize,
    pub(super) first_byte_timeout: Duration,
}

impl Outlet {
    /// Waits until one more request may be on its way to the system.
    async fn turn(&self, deadline: Deadline) -> Result<SemaphorePermit<'_>, Error> {
        let waiting = || {
            format!(
                "waiting for a turn at system {:?} (its `concurrency` is {})",
                self.name, self.concurrency
            )
        };
        let turn = timeout_at(deadline.at, self.turns.acquire()).await;
        turn.map_err(|_| deadline.reached(&waiting()))?
            // Nothing closes the semaphore.
            .map_err(|_| Error::Other("the host is shutting down".to_owned()))
    }
}

/// When one request must be over, and who says so.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    /// Whether the guest's own timeout is what ends first.
    pub(super) is_guests: bool,
}

impl Deadline {
    fn reached(self, doing: &str) -> Error {
        let who = if self.is_guests {
            "the request's timeout"
        } else {
            "the attempt's deadline (the step's `timeout`)"
        };
        Error::Timeout(format!("{who} was reached while {doing}"))
    }
}

/// A response, and what was asked for it.
pub(super) struct Answer {
    pub(super) url: Url,
    pub(super) is_systems: bool,
    pub(super) response: Response,
}

/// Makes one exchange.
pub(super) async fn send(
    egress: &Egress,
    context: &Context,
    recording: &mut Recording<'_>,
    outgoing: &Outgoing,
    asker: Asker,
    deadline: Deadline,
) -> Result<Answer, Error> {
    let method = headers::method(&outgoing.method)?;
    let limit = context.limits.request_bytes;
    if outgoing.body.as_ref().is_some_and(|body| body.len() as u64 > limit) {
        return Err(Error::RequestTooLarge(limit));
    }
    let denied = |denial: Denial| deny(context, &outgoing.method, &denial);
    let route = route(&egress.inner, context, outgoing, asker).map_err(denied)?;
    recording.decided(&route.url, route.name.as_deref());
    let authentication = route.outlet.and_then(|outlet| outlet.authentication.as_ref());
    let headers = headers::outgoing(&outgoing.headers, authentication, asker != Asker::Guest)?;
    let result = match &egress.transport {
        Some(transport) => stand_in(&**transport, context, route.sent(outgoing), deadline).await,
        None => send_out(context, outgoing, method, headers, &route, deadline).await,
    };
    if let Some(tape) = &egress.tape {
        tape.keep(|| Hop { sent: route.sent(outgoing), result: result.clone() });
    }
    Ok(Answer { url: route.url, is_systems: route.name.is_some(), response: result? })
}

/// Makes the exchange over the network.
async fn send_out(
    context: &Context,
    outgoing: &Outgoing,
    method: Method,
    mut headers: HeaderMap,
    Route { url, name, outlet, client }: &Route<'_>,
    deadline: Deadline,
) -> Result<Response, Error> {
    let denied = |denial: Denial| deny(context, &outgoing.method, &denial);
    let _turn = match outlet {
        Some(outlet) => Some(outlet.turn(deadline).await?),
        None => None,
    };
    if let Some(signer) = outlet.and_then(|outlet| outlet.signer.as_ref()) {
        // Not before it is its turn: receivers refuse what is old.
        signer.sign(&mut headers, outgoing.body.as_deref().unwrap_or_default(), context.clock.now_ms())?;
    }
    let mut request = client.request(method, url.clone()).headers(headers);
    if let Some(body) = &outgoing.body {
        request = request.body(body.clone());
    }
    let request = request
        .build()
        .map_err(|error| Error::InvalidRequest(text("the request cannot be built", &error)))?;
    let site = &url[..Position::BeforePath];
    let patience = outlet.map_or(FIRST_BYTE_TIMEOUT, |outlet| outlet.first_byte_timeout);
    let first_byte = Instant::now().checked_add(patience).unwrap_or(deadline.at);
    let response = match timeout_at(first_byte.min(deadline.at), client.execute(request)).await {
        Ok(sent) => sent.map_err(|error| match client::cause::<NotPublic>(&error) {
            Some(NotPublic(address)) => denied(Denial::Private {
                method: outgoing.method.clone(),
                site: policy::origin(url),
                address: *address,
            }),
            None => failed(site, &error),
        })?,
        Err(_) if first_byte < deadline.at => {
            return Err(Error::Timeout(format!(
                "{site} sent no response within {patience:?} (first byte timeout{})",
                name.as_ref().map(|name| format!(" of system {name:?}")).unwrap_or_default()
            )));
        }
        Err(_) => return Err(deadline.reached(&format!("waiting for the response of {site}"))),
    };
    let status = response.status().as_u16();
    let given = response.headers().clone();
    let body = read(response, context.limits.response_bytes, site, deadline).await?;
    let authentication = outlet.and_then(|outlet| outlet.authentication.as_ref());
    let (headers, body) = headers::incoming(&given, body, authentication);
    Ok(Response { status, headers, body })
}

/// Makes the exchange without the network.
async fn stand_in(
    transport: &dyn Transport,
    context: &Context,
    sent: Sent,
    deadline: Deadline,
) -> Result<Response, Error> {
    let waiting = format!("waiting for the response of {}", &sent.url[..Position::BeforePath]);
    let exchange = transport.exchange(sent);
    let response = timeout_at(deadline.at, exchange).await.map_err(|_| deadline.reached(&waiting))??;
    let limit = context.limits.response_bytes;
    if response.body.len() as u64 > limit { Err(Error::ResponseTooLarge(limit)) } else { Ok(response) }
}

/// A decision with what it takes to follow it.
struct Route<'a> {
    url: Url,
    name: Option<String>,
    outlet: Option<&'a Outlet>,
    client: &'a Client,
}

impl Route<'_> {
    /// The request as it goes out by this route.
    fn sent(&self, outgoing: &Outgoing) -> Sent {
        let Outgoing { method, target, headers, body } = outgoing.clone();
        Sent { system: self.name.clone(), method, target, url: self.url.clone(), headers, body }
    }
}

fn route<'a>(
    inner: &'a Inner,
    context: &Context,
    outgoing: &Outgoing,
    asker: Asker,
) -> Result<Route<'a>, Denial> {
    match policy::decide(&context.grant, &inner.bases, &outgoing.method, &outgoing.target, asker)? {
        Decision::System { name, url } => match inner.outlets.get(&name) {
            Some(outlet) => Ok(Route { url, name: Some(name), outlet: Some(outlet), client: &outlet.client }),
            None => Err(Denial::UnknownSystem(name)),
        },
        Decision::Allowed { url, private, any_method } => {
            let overriding = outgoing.headers.iter().find(|(name, _)| headers::is_method_override(name));
            match overriding {
                Some((header, _)) if !any_method => {
                    Err(Denial::Override { site: policy::origin(&url), header: header.clone() })
                }
                Some(_) | None => {
                    let client = if private { &inner.private } else { &inner.public };
                    Ok(Route { url, name: None, outlet: None, client })
                }
            }
        }
    }
}

/// Reads a body; no more of it than `limit` bytes and one chunk is ever held.
async fn read(
    mut response: reqwest::Response,
    limit: u64,
    site: &str,
    deadline: Deadline,
) -> Result<Bytes, Error> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit {
        return Err(Error::ResponseTooLarge(limit));
    }
    let mut body = BytesMut::with_capacity(usize::try_from(announced.min(FIRST_BUFFER)).unwrap_or(0));
    loop {
        let chunk = timeout_at(deadline.at, response.chunk())
            .await
            .map_err(|_| deadline.reached(&format!("reading the response of {site}")))?
            .map_err(|error| failed(site, &error))?;
        let Some(chunk) = chunk else { return Ok(body.freeze()) };
        if (body.len() as u64).saturating_add(chunk.len() as u64) > limit {
            return Err(Error::ResponseTooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
}

/// What a failure of the client means, by its types. The order matters: a failure to resolve, and a timeout
/// while connecting, are failures to connect too.
fn failed(site: &str, error: &reqwest::Error) -> Error {
    if client::cause::<Unresolved>(error).is_some() {
        Error::Dns(text("", error))
    } else if error.is_timeout() && error.is_connect() {
        Error::Timeout(text(&format!("connecting to {site} took too long"), error))
    } else if error.is_timeout() {
        Error::Timeout(text(&format!("the connection to {site} timed out"), error))
    } else if error.is_connect() {
        Error::Connect(text(&format!("failed to connect to {site}"), error))
    } else if error.is_builder() {
        Error::InvalidRequest(text("the request cannot be built", error))
    } else if error.is_request() || error.is_body() || error.is_decode() {
        Error::Interrupted(text(&format!("the connection to {site} broke"), error))
    } else {
        Error::Other(text(&format!("the exchange with {site} failed"), error))
    }
}

/// What was done and its innermost cause. What lies between names reqwest's parts, and URLs with queries.
fn text(doing: &str, error: &reqwest::Error) -> String {
    let error = error as &(dyn StdError + 'static);
    match client::cause::<Unresolved>(error) {
        Some(unresolved) if unresolved.source().is_some() => format!("{unresolved}: {}", client::root(error)),
        Some(unresolved) => unresolved.to_string(),
        None => format!("{doing}: {}", client::root(error)),
    }
}

/// Tells the operator what would allow the request, and the guest that it is not.
fn deny(context: &Context, method: &str, denial: &Denial) -> Error {
    let message = denial.to_string();
    let Some(config) = denial.stanza() else {
        return Error::InvalidRequest(message);
    };
    let address = match denial {
        Denial::Private { address, .. } => Some(tracing::field::display(address)),
        Denial::Invalid(_)
        | Denial::NoSystem { .. }
        | Denial::UnknownSystem(_)
        | Denial::Target { .. }
        | Denial::Method { .. }
        | Denial::Override { .. } => None,
    };
    tracing::warn!(
        workflow = &*context.workflow,
        run = %context.run,
        step = &*context.step,
        method,
        address,
        reason = message,
        "request denied; this config of the step would allow it: {config}"
    );
    Error::Denied(message)
}
