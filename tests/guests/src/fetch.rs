//! A connector that sends what its config says, as often as it says, and answers what came of the last:
//! `{"status", "headers", "len", "body"}` (the body's first 4 KiB) or `{"error", "message"}`.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

const BODY_BYTES: usize = 4096;

/// What to send.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fetch {
    /// `GET` by default.
    #[serde(default = "get")]
    method: String,
    /// A path at the step's system.
    path: Option<String>,
    /// An absolute URL, in place of `path`.
    url: Option<String>,
    /// Headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Send the input's body.
    #[serde(default)]
    send_input: bool,
    /// Limit for the exchange.
    timeout_ms: Option<u64>,
    /// How many times to send it; 1 by default.
    #[serde(default = "once")]
    times: u32,
}

fn get() -> String {
    "GET".to_owned()
}

fn once() -> u32 {
    1
}

/// What came of it.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Answer {
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its headers, names in lower case.
        headers: BTreeMap<String, String>,
        /// The length of its body.
        len: usize,
        /// The beginning of its body.
        body: String,
    },
    /// None.
    Error {
        /// Name of the error's variant.
        error: String,
        /// What it says.
        message: String,
    },
}

impl Connector for Fetch {
    const NAME: &'static str = "fetch";
    const SUMMARY: &'static str = "Sends a request and answers what came of it.";
    type Config = Self;
    type Input = Document;
    type Output = Answer;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Answer, Failure> {
        let mut answer = send(&input, self, ctx);
        for _ in 1..self.times {
            answer = send(&input, self, ctx);
        }
        Ok(answer)
    }
}

fn send(input: &Document, fetch: &Fetch, ctx: &ConnectorContext) -> Answer {
    let target = fetch.url.clone().or_else(|| fetch.path.clone()).unwrap_or_default();
    let mut request = ctx.http().request(fetch.method.clone(), target);
    for (name, value) in &fetch.headers {
        request = request.header(name, value);
    }
    if fetch.send_input {
        request = request.body(input.bytes());
    }
    if let Some(timeout) = fetch.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout));
    }
    match request.send() {
        Ok(response) => {
            let headers = response
                .headers()
                .iter()
                .map(|header| {
                    (header.name.to_ascii_lowercase(), String::from_utf8_lossy(&header.value).into_owned())
                })
                .collect();
            let body = response.bytes();
            let start = body.get(..BODY_BYTES).unwrap_or(body);
            Answer::Response {
                status: response.status(),
                headers,
                len: body.len(),
                body: String::from_utf8_lossy(start).into_owned(),
            }
        }
        Err(error) => Answer::Error { error: error.name().to_owned(), message: error.message() },
    }
}

stepmill_sdk::export_connector!(Fetch);
