//! `wasi:http/outgoing-handler@0.2`, so that ordinary clients and `fetch` work. It ends in the same
//! egress as `stepmill:plugin/http`, under the same grant.
//!
//! A request names an absolute URL. One that lies within the base URL of the step's system gets the
//! system's credentials; others must be listed in the step's grant and get none. The guest's
//! timeouts (connect and first byte, added up) bound the whole exchange and are clamped to the attempt.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Semaphore;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

use crate::egress::{self, Request, Response, Target};
use crate::host::Connected;
use crate::host::http::Http;
use crate::state::State;

/// Requests of one attempt that are on their way at once; the others wait.
const CONCURRENT: u32 = 8;
/// Bytes of one headers resource.
const FIELDS: usize = 32 << 10;
/// The interface whose setters are bounded, as the library has it.
const TYPES: &str = "wasi:http/types@0.2.12";
/// Bytes of a request's authority: a name of 253 and a port, generously.
const AUTHORITY: usize = 1 << 10;
/// Bytes of a method or scheme that is none of the known ones.
const METHOD: usize = 32;
/// Bytes of one write to a body's stream.
const CHUNK: usize = 64 << 10;
/// How long an attempt that has ended waits for its requests to be broken off.
const BREAK_OFF: Duration = Duration::from_millis(500);

type Answer = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// An attempt's share of `wasi:http`.
pub(crate) struct WasiHttp {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    http: Http,
    turns: Arc<Semaphore>,
    /// Bytes of bodies that the host holds for the guest, and how many it may.
    held: Arc<AtomicU64>,
    may_hold: u64,
}

impl WasiHttp {
    /// Bodies that the host holds count against `may_hold`, the attempt's limit of memory.
    pub(crate) fn new(http: Http, may_hold: u64) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(FIELDS);
        let turns = Arc::new(Semaphore::new(CONCURRENT as usize));
        Self { ctx, hooks: Hooks { http, turns, held: Arc::default(), may_hold } }
    }

    /// What ends when every request has ended or has been broken off. Await it after the store is dropped.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let turns = self.hooks.turns.clone();
        async move {
            let all = turns.acquire_many(CONCURRENT);
            drop(tokio::time::timeout(BREAK_OFF, all).await);
        }
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<State<Connected>>) -> wasmtime::Result<()> {
    let options = types::LinkOptions::default();
    types::add_to_linker::<_, wasmtime_wasi_http::WasiHttp>(linker, &options, view)?;
    bound_texts(linker)?;
    outgoing_handler::add_to_linker::<_, wasmtime_wasi_http::WasiHttp>(linker, view)
}

/// Puts a length on the texts that a request resource keeps: the library's setters keep any, and a guest may
/// hold many requests that it never sends.
fn bound_texts(linker: &mut Linker<State<Connected>>) -> wasmtime::Result<()> {
    type Own = Resource<HostOutgoingRequest>;
    type Set = Result<(), ()>;
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store, (request, authority): (Own, Option<String>)| -> wasmtime::Result<(Set,)> {
            if authority.as_ref().is_some_and(|text| text.len() > AUTHORITY) {
                return Ok((Err(()),));
            }
            Ok((types::HostOutgoingRequest::set_authority(&mut view(store.data_mut()), request, authority)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Own, types::Method)| -> wasmtime::Result<(Set,)> {
            if matches!(&method, types::Method::Other(text) if text.len() > METHOD) {
                return Ok((Err(()),));
            }
            Ok((types::HostOutgoingRequest::set_method(&mut view(store.data_mut()), request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store, (request, scheme): (Own, Option<types::Scheme>)| -> wasmtime::Result<(Set,)> {
            if matches!(&scheme, Some(types::Scheme::Other(text)) if text.len() > METHOD) {
                return Ok((Err(()),));
            }
            Ok((types::HostOutgoingRequest::set_scheme(&mut view(store.data_mut()), request, scheme)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

fn view(state: &mut State<Connected>) -> WasiHttpCtxView<'_> {
    let WasiHttp { ctx, hooks } = &mut state.reach.wasi_http;
    WasiHttpCtxView { ctx, table: &mut state.table, hooks }
}

impl WasiHttpHooks for Hooks {
    // Egress names the host itself, after the policy.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let (http, turns) = (self.http.clone(), self.turns.clone());
        let held = Holding { held: self.held.clone(), may_hold: self.may_hold, bytes: 0 };
        Box::new(async move {
            let _turn = turns.acquire_owned().await.map_err(|_| Error::InternalError(None))?;
            let response = send(&http, request, options, held).await?;
            let done: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

async fn send(
    http: &Http,
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
    mut held: Holding,
) -> Result<http::Response<WasiBody>, Error> {
    let (parts, body) = request.into_parts();
    let limit = http.context().limits.request_bytes;
    let body = collect(body, limit, &mut held).await?;
    let headers = parts.headers.iter();
    let request = Request {
        method: parts.method.as_str().to_owned(),
        target: Target::Url(parts.uri.to_string()),
        headers: headers
            // Checked against the body by wasmtime, and set again by egress.
            .filter(|(name, _)| **name != CONTENT_LENGTH)
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body: (!body.is_empty()).then_some(body),
        timeout: options.and_then(whole_timeout),
    };
    let response = http.send(request).await.map_err(guest_error)?;
    held.release();
    answer(response, held)
}

fn answer(response: Response, mut held: Holding) -> Result<http::Response<WasiBody>, Error> {
    held.take(response.body.len()).map_err(|limit| Error::HttpResponseBodySize(Some(limit)))?;
    let body = Bytes::from_owner(Held { bytes: response.body, _holding: held });
    let mut builder = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name, value);
    }
    let body = Full::new(body).map_err(Error::from).boxed_unsync();
    builder.body(body).map_err(|_| Error::HttpProtocolError)
}

/// The whole body, limited while it is read.
async fn collect(mut body: WasiBody, limit: u64, held: &mut Holding) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = Pin::new(&mut body).frame().await {
        // Trailers are not sent.
        if let Ok(data) = frame?.into_data() {
            if (bytes.len() as u64).saturating_add(data.len() as u64) > limit {
                return Err(Error::HttpRequestBodySize(Some(limit)));
            }
            held.take(data.len()).map_err(|limit| Error::HttpRequestBodySize(Some(limit)))?;
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

fn whole_timeout(options: RequestOptions) -> Option<Duration> {
    let first_byte = options.first_byte_timeout?;
    Some(first_byte.saturating_add(options.connect_timeout.unwrap_or_default()))
}

/// A share of the bytes that the host may hold for the guest; given back when dropped.
struct Holding {
    held: Arc<AtomicU64>,
    may_hold: u64,
    bytes: u64,
}

impl Holding {
    /// Errs with the limit.
    fn take(&mut self, bytes: usize) -> Result<(), u64> {
        let bytes = bytes as u64;
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before.saturating_add(bytes) > self.may_hold { Err(self.may_hold) } else { Ok(()) }
    }

    fn release(&mut self) {
        self.held.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.release();
    }
}

/// Bytes that are held until the guest has dropped them.
struct Held {
    bytes: Bytes,
    _holding: Holding,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

// wasi:http has no place for a text but `internal-error`, so what needs one goes there.
fn guest_error(error: egress::Error) -> Error {
    match error {
        egress::Error::Denied(_) => Error::HttpRequestDenied,
        egress::Error::InvalidRequest(text) | egress::Error::Other(text) => Error::InternalError(Some(text)),
        egress::Error::Dns(text) => Error::DnsError { rcode: Some(text), info_code: None },
        egress::Error::Connect(_) => Error::ConnectionRefused,
        egress::Error::Timeout(_) => Error::HttpResponseTimeout,
        egress::Error::Interrupted(_) => Error::ConnectionTerminated,
        egress::Error::ResponseTooLarge(limit) => Error::HttpResponseBodySize(Some(limit)),
        egress::Error::RequestTooLarge(limit) => Error::HttpRequestBodySize(Some(limit)),
        egress::Error::TooManyRequests(_) => Error::ConnectionLimitReached,
    }
}
