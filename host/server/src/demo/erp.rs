//! A simulated ERP: tells what is in stock and takes orders.
//!
//! It recognises a repeated request by its `Idempotency-Key` and answers with the order that it made.
//! Two requests for the same order of the shop under different keys make two orders, as they would in an
//! ERP that only trusts keys: that is what the demo must never see.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::simulator::{answer, lock, refuse, serve, text};

/// The article that is out of stock.
pub(super) const SOLD_OUT: &str = "MILL-000";
/// How long the ERP thinks.
const LATENCY: Duration = Duration::from_millis(8);
/// One in so many orders is made and its answer lost.
const LOST_ANSWER_IN: usize = 50;

/// A running ERP.
pub(super) struct Erp {
    /// Its base URL.
    pub(super) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    authorization: String,
    is_down: AtomicBool,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// The order made under each key.
    by_key: HashMap<String, String>,
    /// How many orders were made for each of the shop's.
    by_reference: HashMap<String, u32>,
    repeated: u64,
    unavailable: u64,
}

/// What the ERP counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Orders made.
    pub(super) orders: u64,
    /// Orders of the shop that were made more than once.
    pub(super) doubled: u64,
    /// Repeated requests that it recognised.
    pub(super) repeated: u64,
    /// Requests it answered 503.
    pub(super) unavailable: u64,
}

impl Erp {
    /// An ERP that believes who shows this bearer token.
    pub(super) async fn start(token: &str) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            authorization: format!("Bearer {token}"),
            is_down: AtomicBool::new(false),
            books: Mutex::default(),
        });
        let router = Router::new()
            .route("/inventory/{sku}", get(inventory))
            .route("/orders", post(order))
            .with_state(Arc::clone(&shared));
        Ok(Self { url: serve(router).await?, shared })
    }

    /// Answers 503 to everything, or no longer.
    pub(super) fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::Relaxed);
    }

    /// What it has counted so far.
    pub(super) fn counts(&self) -> Counts {
        let books = lock(&self.shared.books);
        let count = |made: &u32| u64::from(*made);
        Counts {
            orders: books.by_reference.values().map(count).sum(),
            doubled: books.by_reference.values().map(|made| u64::from(made.saturating_sub(1))).sum(),
            repeated: books.repeated,
            unavailable: books.unavailable,
        }
    }

    /// How many of these orders of the shop it does not know.
    pub(super) fn missing<'a>(&self, references: impl Iterator<Item = &'a str>) -> u64 {
        let books = lock(&self.shared.books);
        references.map(|reference| u64::from(!books.by_reference.contains_key(reference))).sum()
    }
}

async fn inventory(State(erp): State<Arc<Shared>>, Path(sku): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refusal) = erp.refusal(&headers).await {
        return refusal;
    }
    let available = if sku == SOLD_OUT { 0 } else { 5_000 };
    answer(StatusCode::OK, &json!({ "sku": sku, "available": available }))
}

async fn order(State(erp): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = erp.refusal(&headers).await {
        return refusal;
    }
    let key = text(&headers, "idempotency-key");
    if key.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "there is no Idempotency-Key");
    }
    let order: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(reference) = order.get("reference").and_then(Value::as_str) else {
        return refuse(StatusCode::BAD_REQUEST, "the order has no reference");
    };
    let mut books = lock(&erp.books);
    if let Some(number) = books.by_key.get(key).cloned() {
        books.repeated += 1;
        return answer(StatusCode::OK, &json!({ "number": number, "reference": reference }));
    }
    let number = format!("SO-{:06}", books.by_key.len() + 1);
    books.by_key.insert(key.to_owned(), number.clone());
    *books.by_reference.entry(reference.to_owned()).or_default() += 1;
    if books.by_key.len().is_multiple_of(LOST_ANSWER_IN) {
        return refuse(
            StatusCode::BAD_GATEWAY,
            "the order was made, and this answer replaces the one that says so",
        );
    }
    answer(StatusCode::CREATED, &json!({ "number": number, "reference": reference }))
}

impl Shared {
    /// Thinks, and answers why the request goes no further, if it does not.
    async fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        tokio::time::sleep(LATENCY).await;
        if text(headers, "authorization") != self.authorization {
            return Some(refuse(StatusCode::UNAUTHORIZED, "who are you?"));
        }
        if !self.is_down.load(Ordering::Relaxed) {
            return None;
        }
        lock(&self.books).unavailable += 1;
        let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, "down for maintenance");
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        Some(response)
    }
}
