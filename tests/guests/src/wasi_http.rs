//! A connector that asks for a URL through the standard `wasi:http/outgoing-handler`, as ordinary HTTP
//! clients do, and answers `{"status", "body"}` or `{"error"}`. It must end in the same egress function.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

const CHUNK_BYTES: u64 = 64 * 1024;

/// Whom to ask.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WasiHttp {
    /// An absolute URL.
    url: String,
}

/// What came of it.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Answer {
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// None.
    Error {
        /// The error code of `wasi:http`, such as `HTTP-request-denied`.
        error: String,
    },
}

impl Connector for WasiHttp {
    const NAME: &'static str = "wasi-http";
    const SUMMARY: &'static str = "Asks for a URL by wasi:http.";
    type Config = Self;
    type Input = Document;
    type Output = Answer;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, _: Document, _: &ConnectorContext) -> Result<Answer, Failure> {
        Ok(match get(&self.url) {
            Ok((status, body)) => Answer::Response { status, body },
            Err(error) => Answer::Error { error },
        })
    }
}

fn get(url: &str) -> Result<(u16, String), String> {
    let (scheme, rest) = url.split_once("://").ok_or("not a URL")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };

    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Get).map_err(|()| "the method was refused")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "the scheme was refused")?;
    request.set_authority(Some(authority)).map_err(|()| "the authority was refused")?;
    request.set_path_with_query(Some(path)).map_err(|()| "the path was refused")?;

    let pending = outgoing_handler::handle(request, None).map_err(|error| error.to_string())?;
    pending.subscribe().block();
    let response = pending
        .get()
        .ok_or("the response is not there after all")?
        .map_err(|()| "the response was taken before")?
        .map_err(|error| error.to_string())?;

    let status = response.status();
    let body = response.consume().map_err(|()| "the body was taken before")?;
    let stream = body.stream().map_err(|()| "the stream was taken before")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

stepmill_sdk::export_connector!(WasiHttp);
