//! Plugins tested on the machine they are written on, without a host.
//!
//! [`transform`], [`validate`] and [`connect`] run a plugin as the host does, from config text and input
//! to output; [`context`] and [`connector_context`] are for calling its functions by themselves.
//! The outside world is a [`FakeHttp`] and a [`MemoryStorage`]. [`verify`] asks a verifying plugin about a [`request`], and a
//! webhook's keys are [`FakeKeys`].

mod http;
mod keys;
mod storage;

use std::rc::Rc;

use std::cell::RefCell;

use crate::export::Slot;
#[cfg(not(target_arch = "wasm32"))]
use crate::log::{Field, Level};
use crate::verify::{Header, Request, Unverified, Verified};
use crate::{
    Attempt, Connector, ConnectorContext, Context, Document, Failure, Transform, Validate, Verify, Violation,
    export,
};
pub use http::FakeHttp;
pub use keys::FakeKeys;
pub use storage::MemoryStorage;

/// The first attempt of step `step` of a run of workflow `test`.
///
/// ```
/// assert_eq!(stepmill_sdk::testing::attempt().workflow, "test");
/// ```
pub fn attempt() -> Attempt {
    Attempt {
        workflow: "test".to_owned(),
        run: "run_00000000000000000000000000000001".to_owned(),
        step: "step".to_owned(),
        number: 1,
        idempotency_key: "test-key".to_owned(),
        accepted_at_ms: 1_700_000_000_000,
        timeout_ms: 30_000,
    }
}

/// A context of [`attempt`].
///
/// ```
/// assert_eq!(stepmill_sdk::testing::context().idempotency_key(), "test-key");
/// ```
pub fn context() -> Context {
    Context::new(attempt())
}

/// A connector's context of [`attempt`].
///
/// ```
/// use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
/// let http = FakeHttp::new().reply("GET", "/ping", 200, "pong");
/// let ctx = connector_context(&http, &MemoryStorage::new());
/// assert_eq!(ctx.http().get("/ping").send().unwrap().text().unwrap(), "pong");
/// ```
pub fn connector_context(http: &FakeHttp, storage: &MemoryStorage) -> ConnectorContext {
    ConnectorContext::new(attempt(), Rc::new(http.clone()), Rc::new(storage.clone()))
}

/// Runs a transform on JSON, or on a [`Document`]. See the [crate's example](crate).
pub fn transform<T: Transform>(config: &str, input: impl Into<Document>) -> Result<Document, Failure> {
    export::transform(&Slot::<T>::empty(), input.into(), config, attempt())
}

/// Runs a validate on JSON, or on a [`Document`]. See [`Validate`]'s example.
pub fn validate<T: Validate>(config: &str, input: impl Into<Document>) -> Result<Vec<Violation>, Failure> {
    export::validate(&Slot::<T>::empty(), input.into(), config, attempt())
}

/// Runs a connector on JSON, or on a [`Document`]. As on the host, what it wrote to storage is committed
/// if it succeeds and dropped if it fails. See [`Connector`]'s example.
pub fn connect<T: Connector>(
    config: &str,
    input: impl Into<Document>,
    http: &FakeHttp,
    storage: &MemoryStorage,
) -> Result<Document, Failure> {
    let answer = export::connector(
        &Slot::<T>::empty(),
        input.into(),
        config,
        attempt(),
        Rc::new(http.clone()),
        Rc::new(storage.clone()),
    );
    match &answer {
        Ok(_) => storage.commit(),
        Err(_) => storage.roll_back(),
    }
    answer
}

/// A POST to a webhook with these headers and this body, received when [`attempt`] was accepted.
///
/// ```
/// assert_eq!(stepmill_sdk::testing::request(&[("x-id", "1")], "{}").method, "POST");
/// ```
pub fn request(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Request {
    let header = |(name, value): &(&str, &str)| Header {
        name: name.to_ascii_lowercase(),
        value: value.as_bytes().to_vec(),
    };
    Request {
        method: "POST".to_owned(),
        url: "https://hooks.example.com/test".to_owned(),
        headers: headers.iter().map(header).collect(),
        body: body.into(),
        received_at_ms: attempt().accepted_at_ms,
    }
}

/// Asks a verifying plugin about a request. See [`Verify`]'s example.
pub fn verify<T: Verify>(config: &str, request: &Request, keys: &FakeKeys) -> Result<Verified, Unverified> {
    export::verify(&Slot::<T>::empty(), request, config, &keys.keys())
}

impl From<&str> for Document {
    fn from(json: &str) -> Self {
        Self::from_json(json)
    }
}

impl From<serde_json::Value> for Document {
    fn from(json: serde_json::Value) -> Self {
        Self::from_json(json.to_string())
    }
}

thread_local! {
    static LOGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The lines that this thread has logged since the last call, as `level: message name=value …`.
///
/// ```
/// stepmill_sdk::log::warn!("slow", ms = 900);
/// assert_eq!(stepmill_sdk::testing::logs(), ["warn: slow ms=900"]);
/// assert!(stepmill_sdk::testing::logs().is_empty());
/// ```
pub fn logs() -> Vec<String> {
    LOGS.with_borrow_mut(std::mem::take)
}

/// What `log` does where there is no host.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn keep_log(level: Level, message: &str, fields: &[Field]) {
    let level = match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    let mut line = format!("{level}: {message}");
    for field in fields {
        line.push_str(&format!(" {}={}", field.name, field.value));
    }
    LOGS.with_borrow_mut(|logs| logs.push(line));
}
