//! From hyper's requests to the router: what is asked of every request, who has sent it, and for how long its connection
//! is in use.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, Request, Response, Uri, Version, header};
use axum::response::IntoResponse as _;
use axum::routing::future::RouteFuture;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::Service as HyperService;
use pin_project_lite::pin_project;
use stepmill_core::network::Network;
use tower::Service as _;

use super::activity::Activity;
use super::body::{Pace, Paced};
use super::fault::Fault;
use super::forwarded;
use super::peer::Peer;
use super::wire::Limits;
use crate::config::ForwardedBy;
use crate::metrics;

/// Answers the requests of one connection.
pub(super) struct Exchanges {
    pub(super) router: Router,
    pub(super) activity: Arc<Activity>,
    pub(super) listener: &'static str,
    pub(super) limits: Limits,
    pub(super) pace: Pace,
    /// Who holds the connection.
    pub(super) peer: Peer,
    /// Of a trusted proxy: how it says for whom it calls, and which others are trusted.
    pub(super) proxy: Option<(ForwardedBy, Arc<[Network]>)>,
}

impl HyperService<Request<Incoming>> for Exchanges {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Exchange;

    fn call(&self, mut request: Request<Incoming>) -> Exchange {
        // Those of HTTP/1 are counted, and checked, where they are read.
        if request.version() == Version::HTTP_2 {
            self.activity.requested(1);
        }
        let guard =
            Guard { activity: Arc::clone(&self.activity), listener: self.listener, is_answered: false };
        if request.version() == Version::HTTP_2
            && let Err(fault) = check(request.uri(), request.headers(), self.limits)
        {
            metrics::connection_refused(self.listener, fault.code());
            return Exchange { guard: Some(guard), answer: None, refusal: Some(fault) };
        }
        let mut peer = self.peer.clone();
        if let Some((by, trusted)) = &self.proxy {
            forwarded::believe(&mut peer, request.headers(), *by, trusted);
        }
        request.extensions_mut().insert(peer);
        let request = request.map(|body| {
            if body.is_end_stream() { Body::empty() } else { Body::new(Paced::new(body, self.pace)) }
        });
        Exchange { guard: Some(guard), answer: Some(self.router.clone().call(request)), refusal: None }
    }
}

/// What HTTP/1 is checked for by its bytes.
fn check(uri: &Uri, headers: &HeaderMap, limits: Limits) -> Result<(), Fault> {
    let length: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()))
        .fold(0, usize::saturating_add);
    if headers.len() > limits.count || length > limits.bytes {
        return Err(Fault::Headers { count: limits.count, bytes: limits.bytes });
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (uri.authority(), hosts.next(), hosts.next()) {
        (_, _, Some(_)) => Err(Fault::Host("there are several host headers")),
        // RFC 9113, section 8.3.1.
        (Some(authority), Some(host), None)
            if !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()) =>
        {
            Err(Fault::Host("the host header is not that of the request's authority"))
        }
        (None, None, None) => Err(Fault::Host("there is no host")),
        (Some(_) | None, Some(_) | None, None) => Ok(()),
    }
}

/// Counts a request until its answer is sent, or is not to be.
struct Guard {
    activity: Arc<Activity>,
    listener: &'static str,
    is_answered: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.activity.answered();
        if self.activity.ended(self.is_answered) {
            metrics::connection_refused(self.listener, "too-many-resets");
        }
    }
}

pin_project! {
    /// A request that is being answered.
    pub(super) struct Exchange {
        guard: Option<Guard>,
        #[pin]
        answer: Option<RouteFuture<Infallible>>,
        refusal: Option<Fault>,
    }
}

impl Future for Exchange {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match (this.answer.as_pin_mut(), this.refusal.take()) {
            (Some(answer), _) => match ready!(answer.poll(cx)) {
                Ok(response) => response,
                Err(never) => match never {},
            },
            (None, Some(fault)) => fault.into_response(),
            // It is not asked again once it has answered.
            (None, None) => Response::default(),
        };
        let mut guard = this.guard.take();
        if let Some(guard) = &mut guard {
            guard.activity.given();
            guard.is_answered = true;
        }
        Poll::Ready(Ok(response.map(|body| Answer { body, guard })))
    }
}

pin_project! {
    /// The body of an answer. The request counts until it is dropped.
    pub(super) struct Answer {
        #[pin]
        body: Body,
        guard: Option<Guard>,
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.project();
        let frame = this.body.poll_frame(cx);
        if let Some(guard) = this.guard {
            match &frame {
                Poll::Pending => guard.activity.asked_for(),
                Poll::Ready(_) => guard.activity.given(),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
