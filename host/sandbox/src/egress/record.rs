//! The record of one exchange: for the operator's eyes, capped, without credentials.

use std::time::Instant;

use stepmill_core::attempt::{Exchange, ExchangeResponse, Lack, Unanswered, capped};
use stepmill_core::limits::Limits;
use url::Url;

use super::system::REDACTED;
use super::{Error, Ledger, Outgoing, Response, Target, headers};

/// Bytes of a header's value and of a URL that are kept.
const VALUE_BYTES: usize = 1 << 10;
/// Headers that are kept.
const HEADERS: usize = 100;
/// Bytes of headers and bodies that are kept of one attempt: they go into the journal with each attempt.
pub(super) const TOTAL_BYTES: usize = 256 << 10;
/// Exchanges that are kept of one attempt.
pub(super) const EXCHANGES: usize = 200;

/// An exchange that goes on. It reaches the ledger however it ends, also when its future is dropped because
/// the attempt's time is over.
pub(super) struct Recording<'a> {
    ledger: &'a mut Ledger,
    exchange: Option<Exchange>,
    /// Bytes of a body that are kept.
    body_bytes: usize,
    started: Instant,
}

impl<'a> Recording<'a> {
    pub(super) fn begin(ledger: &'a mut Ledger, outgoing: &Outgoing, limits: &Limits) -> Self {
        let body_bytes = usize::try_from(limits.exchange_bytes).unwrap_or(usize::MAX);
        let body = outgoing.body.as_deref().unwrap_or_default();
        let url = match &outgoing.target {
            Target::Path(path) => path.clone(),
            Target::Url(url) => url.parse().map_or_else(|_| url.clone(), |url| without_userinfo(&url)),
        };
        let (request_body, lack) = kept(body, body_bytes);
        let exchange = Exchange {
            system: None,
            method: capped(outgoing.method.clone(), VALUE_BYTES),
            url: capped(url, VALUE_BYTES),
            request_headers: recorded(&outgoing.headers, None),
            request_body,
            request_bytes: body.len() as u64,
            request_lack: lack.or_else(|| headers_lack(&outgoing.headers)),
            result: Err("the attempt ended before the exchange did".to_owned()),
            unanswered: Some(Unanswered::Unfinished),
            took_us: 0,
        };
        Self { ledger, exchange: Some(exchange), body_bytes, started: Instant::now() }
    }

    /// Notes where the request goes, and the header that the system's credentials are in.
    pub(super) fn decided(&mut self, url: &Url, system: Option<&str>) {
        if let Some(exchange) = &mut self.exchange {
            let url = without_userinfo(url);
            if url.len() > VALUE_BYTES {
                exchange.request_lack.get_or_insert(Lack::Headers);
            }
            exchange.url = capped(url, VALUE_BYTES);
            exchange.system = system.map(str::to_owned);
        }
    }

    /// Notes how it ended. `secret` is the name of the header that carries the system's credentials.
    pub(super) fn end(mut self, result: Result<&Response, &Error>, secret: Option<&str>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.unanswered = result.err().map(Error::kind);
            exchange.result = result.map_err(ToString::to_string).map(|response| {
                let (body, lack) = kept(&response.body, self.body_bytes);
                ExchangeResponse {
                    status: response.status,
                    headers: recorded(&response.headers, secret),
                    body,
                    body_bytes: response.body.len() as u64,
                    lack: lack.or_else(|| headers_lack(&response.headers)),
                }
            });
        }
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.took_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(
                system = exchange.system,
                method = exchange.method,
                url = exchange.url.split('?').next(),
                request_bytes = exchange.request_bytes,
                status = exchange.result.as_ref().ok().map(|response| response.status),
                error = exchange.result.as_ref().err(),
                took_us = exchange.took_us,
                "exchange"
            );
            self.ledger.keep(exchange);
        }
    }
}

impl Ledger {
    /// A ledger of an attempt that has spent so many requests already.
    pub(crate) fn after(requests: u32) -> Self {
        Self { requests, ..Self::default() }
    }

    /// Adds an exchange, as far as there is room.
    pub(crate) fn keep(&mut self, mut exchange: Exchange) {
        if self.exchanges.len() >= EXCHANGES {
            return;
        }
        let bytes = bulk(&exchange);
        if self.recorded.saturating_add(bytes) > TOTAL_BYTES {
            exchange.request_headers.clear();
            exchange.request_body.clear();
            exchange.request_lack = Some(Lack::NoRoom);
            if let Ok(response) = &mut exchange.result {
                response.headers.clear();
                response.body.clear();
                response.lack = Some(Lack::NoRoom);
            }
        } else {
            self.recorded += bytes;
        }
        self.exchanges.push(exchange);
    }
}

/// Bytes of an exchange's headers and bodies.
fn bulk(exchange: &Exchange) -> usize {
    let headers = |headers: &[(String, String)]| -> usize {
        headers.iter().map(|(name, value)| name.len() + value.len()).sum()
    };
    let response =
        exchange.result.as_ref().map_or(0, |response| headers(&response.headers) + response.body.len());
    headers(&exchange.request_headers) + exchange.request_body.len() + response
}

fn recorded(headers: &[(String, Vec<u8>)], secret: Option<&str>) -> Vec<(String, String)> {
    headers
        .iter()
        .take(HEADERS)
        .map(|(name, value)| {
            let hidden =
                headers::is_sensitive(name) || secret.is_some_and(|secret| name.eq_ignore_ascii_case(secret));
            let value = if hidden { REDACTED.to_owned() } else { text(value, VALUE_BYTES) };
            (capped(name.clone(), VALUE_BYTES), value)
        })
        .collect()
}

/// What is kept of a body, and why that is not all of it.
fn kept(body: &[u8], limit: usize) -> (String, Option<Lack>) {
    let lack = if body.len() > limit {
        Some(Lack::Cut)
    } else {
        std::str::from_utf8(body).is_err().then_some(Lack::NotText)
    };
    (text(body, limit), lack)
}

/// Whether headers are not kept as they are, but for what is secret.
fn headers_lack(headers: &[(String, Vec<u8>)]) -> Option<Lack> {
    let is_kept = |(name, value): &(String, Vec<u8>)| name.len() <= VALUE_BYTES && value.len() <= VALUE_BYTES;
    (headers.len() > HEADERS || !headers.iter().all(is_kept)).then_some(Lack::Headers)
}

/// The first `limit` bytes as text, with U+FFFD for what is none.
fn text(bytes: &[u8], limit: usize) -> String {
    let head = bytes.get(..limit).unwrap_or(bytes);
    capped(String::from_utf8_lossy(head).into_owned(), limit)
}

fn without_userinfo(url: &Url) -> String {
    let mut url = url.clone();
    // An error says that this URL cannot have any.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}
