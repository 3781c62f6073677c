//! A system that counts what it is sent, and misbehaves when told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

/// One request that a stub was sent.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Path below the stub.
    pub path: String,
    /// The `Idempotency-Key` header, if any.
    pub key: Option<String>,
    /// The `Authorization` header, if any.
    pub authorization: Option<String>,
    /// The body as text.
    pub body: String,
}

/// A running stub. It answers 200 and `{"ok":true}` to every POST until told otherwise, always with
/// `Retry-After: 7`.
#[derive(Clone)]
pub struct Stub {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    status: AtomicU16,
}

impl Stub {
    /// Starts a stub on a free port of loopback.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared { seen: Mutex::new(Vec::new()), status: AtomicU16::new(200) });
        let router = Router::new().route("/{*path}", post(take)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, shared }
    }

    /// Base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The status of its answers from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// What it was sent so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How often each body came with a 200 as its answer.
    pub fn bodies(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for seen in self.shared.seen.lock().unwrap().iter() {
            *counts.entry(seen.body.clone()).or_default() += 1;
        }
        counts
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 2], &'static str) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap();
    if status.is_success() {
        shared.seen.lock().unwrap().push(Seen {
            path,
            key: header("idempotency-key"),
            authorization: header("authorization"),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
    }
    (status, [("content-type", "application/json"), ("retry-after", "7")], r#"{"ok":true}"#)
}
