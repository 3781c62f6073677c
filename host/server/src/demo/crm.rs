//! A simulated CRM: takes what is new about customers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::patch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::simulator::{answer, lock, refuse, serve, text};

/// How long the CRM thinks.
const LATENCY: Duration = Duration::from_millis(5);

/// A running CRM.
pub(super) struct Crm {
    /// Its base URL.
    pub(super) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    authorization: String,
    /// The orders that each customer has been told of.
    customers: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl Crm {
    /// A CRM that believes this user.
    pub(super) async fn start(user: &str, password: &str) -> std::io::Result<Self> {
        let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let shared = Arc::new(Shared { authorization, customers: Mutex::default() });
        let router = Router::new().route("/customers/{id}", patch(update)).with_state(Arc::clone(&shared));
        Ok(Self { url: serve(router).await?, shared })
    }

    /// How many customers were updated, and for how many orders.
    pub(super) fn counts(&self) -> (u64, u64) {
        let customers = lock(&self.shared.customers);
        let orders: usize = customers.values().map(BTreeSet::len).sum();
        (u64::try_from(customers.len()).unwrap_or(u64::MAX), u64::try_from(orders).unwrap_or(u64::MAX))
    }
}

async fn update(
    State(crm): State<Arc<Shared>>,
    Path(customer): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    tokio::time::sleep(LATENCY).await;
    if text(&headers, "authorization") != crm.authorization {
        return refuse(StatusCode::UNAUTHORIZED, "who are you?");
    }
    let news: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(order) = news.get("last_order").and_then(Value::as_str) else {
        return refuse(StatusCode::BAD_REQUEST, "there is no last_order");
    };
    lock(&crm.customers).entry(customer.clone()).or_default().insert(order.to_owned());
    answer(StatusCode::OK, &json!({ "customer": customer, "last_order": order }))
}
