//! A simulated carrier: takes shipments, and some time later sends a signed webhook that the parcel is
//! on its way, again and again until it reads a 2xx.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};
use stepmill_core::signature::sign;

use super::simulator::{answer, lock, refuse, serve, text};

/// How long the carrier thinks.
const LATENCY: Duration = Duration::from_millis(6);
/// Pause after a webhook that was not taken.
const AGAIN: Duration = Duration::from_millis(250);

/// A running carrier.
pub(super) struct Carrier {
    /// Its base URL.
    pub(super) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    api_key: String,
    secret: String,
    /// Where its webhooks go.
    target: String,
    client: reqwest::Client,
    books: Mutex<Books>,
    pending: AtomicU64,
    refused: AtomicU64,
}

#[derive(Default)]
struct Books {
    by_key: HashMap<String, String>,
    repeated: u64,
}

/// What the carrier counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Shipments booked.
    pub(super) shipments: u64,
    /// Repeated requests that it recognised.
    pub(super) repeated: u64,
    /// Webhooks that nobody has taken yet.
    pub(super) pending: u64,
    /// Webhooks that were refused for good.
    pub(super) refused: u64,
}

impl Carrier {
    /// A carrier that believes who shows this key, and signs its webhooks to `target` with `secret`.
    pub(super) async fn start(
        api_key: &str,
        secret: &str,
        target: String,
        client: reqwest::Client,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            api_key: api_key.to_owned(),
            secret: secret.to_owned(),
            target,
            client,
            books: Mutex::default(),
            pending: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let router = Router::new().route("/shipments", post(ship)).with_state(Arc::clone(&shared));
        Ok(Self { url: serve(router).await?, shared })
    }

    /// What it has counted so far.
    pub(super) fn counts(&self) -> Counts {
        let books = lock(&self.shared.books);
        Counts {
            shipments: u64::try_from(books.by_key.len()).unwrap_or(u64::MAX),
            repeated: books.repeated,
            pending: self.shared.pending.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
        }
    }
}

async fn ship(State(carrier): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    tokio::time::sleep(LATENCY).await;
    if text(&headers, "x-api-key") != carrier.api_key {
        return refuse(StatusCode::UNAUTHORIZED, "who are you?");
    }
    let key = text(&headers, "idempotency-key");
    if key.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "there is no Idempotency-Key");
    }
    let shipment: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (Some(order), Some(customer)) = (
        shipment.get("order").and_then(Value::as_str).map(str::to_owned),
        shipment.get("customer").and_then(Value::as_str).map(str::to_owned),
    ) else {
        return refuse(StatusCode::BAD_REQUEST, "the shipment has no order or no customer");
    };
    let (number, ordinal) = {
        let mut books = lock(&carrier.books);
        if let Some(number) = books.by_key.get(key).cloned() {
            books.repeated += 1;
            return answer(StatusCode::OK, &json!({ "shipment": number }));
        }
        let ordinal = books.by_key.len() + 1;
        let number = format!("SHP-{ordinal:06}");
        books.by_key.insert(key.to_owned(), number.clone());
        carrier.pending.fetch_add(1, Ordering::Relaxed);
        (number, ordinal)
    };
    tokio::spawn(dispatch(Arc::clone(&carrier), number.clone(), ordinal, order, customer));
    answer(StatusCode::CREATED, &json!({ "shipment": number }))
}

/// Packs the parcel and tells of it until somebody listens.
async fn dispatch(carrier: Arc<Shared>, number: String, ordinal: usize, order: String, customer: String) {
    let packing = 150 + u64::try_from(ordinal % 17).unwrap_or_default() * 50;
    tokio::time::sleep(Duration::from_millis(packing)).await;
    let now = SystemTime::now();
    let body = json!({
        "type": "shipment.dispatched",
        "timestamp": humantime::format_rfc3339_millis(now).to_string(),
        "data": { "shipment": number, "order": order, "customer": customer, "tracking": format!("TRK{ordinal:09}") },
    })
    .to_string();
    let id = format!("evt_{number}");
    loop {
        let seconds =
            SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default();
        let signature =
            sign::standard_webhooks(&carrier.secret, &id, seconds, body.as_bytes()).unwrap_or_default();
        let request = carrier
            .client
            .post(&carrier.target)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature)
            .body(body.clone());
        match request.send().await.map(|response| response.status()) {
            Ok(status) if status.is_success() => break,
            Ok(status) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                carrier.refused.fetch_add(1, Ordering::Relaxed);
                break;
            }
            Ok(_) | Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
    carrier.pending.fetch_sub(1, Ordering::Relaxed);
}
