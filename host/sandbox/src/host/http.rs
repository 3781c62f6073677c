//! `stepmill:plugin/http`, and what it shares with `wasi:http`: the attempt's ledger and its egress.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use stepmill_core::attempt::Exchange;
use wasmtime::component::HasData;

use crate::bindings::http;
use crate::egress::{Context, Egress, Error, Ledger, Request, Response, Target};
use crate::host::Connected;
use crate::limits::Away;
use crate::state::State;

/// An attempt's way out; a cheap handle.
#[derive(Clone)]
pub(crate) struct Http(Arc<Inner>);

struct Inner {
    egress: Egress,
    context: Context,
    spent: Mutex<Ledger>,
}

impl Http {
    pub(crate) fn new(egress: Egress, context: Context) -> Self {
        Self(Arc::new(Inner { egress, context, spent: Mutex::default() }))
    }

    pub(crate) fn context(&self) -> &Context {
        &self.0.context
    }

    /// Sends a request. Several may be on their way at once; the ledger counts them together.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, Error> {
        let mut entry = Entry::begin(&self.0.spent);
        self.0.egress.send(&self.0.context, &mut entry.ledger, request).await
    }

    /// The exchanges so far, in the order in which they ended.
    pub(crate) fn take_exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut lock(&self.0.spent).exchanges)
    }
}

/// The part of the ledger that one request writes. Given back however the request ends.
struct Entry<'a> {
    spent: &'a Mutex<Ledger>,
    began_with: u32,
    ledger: Ledger,
}

impl<'a> Entry<'a> {
    fn begin(spent: &'a Mutex<Ledger>) -> Self {
        let mut all = lock(spent);
        let began_with = all.requests;
        // Counted at once, so that requests side by side cannot pass the limit together.
        all.requests = began_with.saturating_add(1);
        Self { spent, began_with, ledger: Ledger::after(began_with) }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut all = lock(self.spent);
        let used = self.ledger.requests.saturating_sub(self.began_with);
        all.requests = all.requests.saturating_add(used.saturating_sub(1));
        for exchange in self.ledger.exchanges.drain(..) {
            all.keep(exchange);
        }
    }
}

fn lock(spent: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    spent.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct HasHttp;

impl HasData for HasHttp {
    type Data<'a> = View<'a>;
}

pub(crate) struct View<'a> {
    http: &'a Http,
    away: &'a Away,
}

pub(crate) fn view(state: &mut State<Connected>) -> View<'_> {
    View { http: &state.reach.http, away: state.cpu.away() }
}

impl http::Host for View<'_> {
    async fn send(&mut self, request: http::Request) -> Result<http::Response, http::HttpError> {
        let request = Request {
            method: request.method,
            target: match request.target {
                http::Target::Path(path) => Target::Path(path),
                http::Target::Url(url) => Target::Url(url),
            },
            headers: request.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            body: request.body.map(Bytes::from),
            timeout: request.timeout_ms.map(Duration::from_millis),
        };
        let response = self.away.during(self.http.send(request)).await.map_err(guest_error)?;
        let header = |(name, value)| http::Header { name, value };
        Ok(http::Response {
            status: response.status,
            headers: response.headers.into_iter().map(header).collect(),
            body: response.body.into(),
        })
    }
}

fn guest_error(error: Error) -> http::HttpError {
    match error {
        Error::Denied(text) => http::HttpError::Denied(text),
        Error::InvalidRequest(text) => http::HttpError::InvalidRequest(text),
        Error::Dns(text) => http::HttpError::Dns(text),
        Error::Connect(text) => http::HttpError::Connect(text),
        Error::Timeout(text) => http::HttpError::Timeout(text),
        Error::Interrupted(text) => http::HttpError::Interrupted(text),
        Error::ResponseTooLarge(limit) => http::HttpError::ResponseTooLarge(limit),
        Error::RequestTooLarge(limit) => http::HttpError::RequestTooLarge(limit),
        Error::TooManyRequests(limit) => http::HttpError::TooManyRequests(limit),
        Error::Other(text) => http::HttpError::Other(text),
    }
}
