//! What one would write by hand instead of using Stepmill: no journal, no sandbox, no retries.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, Mac as _};
use jsonschema::Validator;
use reqwest::Client;
use serde_json::{Value, json};
use sha2::Sha256;
use stepmill_test_support::sender;

use crate::payload::key;
use crate::runs;

const ACCEPTED: (StatusCode, &str) =
    (StatusCode::ACCEPTED, r#"{"run":"run_00000000000000000000000000000000"}"#);

/// Verifies and answers.
pub(super) fn bare() -> Router {
    Router::new().route("/{*path}", post(verify_only)).with_state(Arc::new(key()))
}

/// Verifies, validates, reshapes, posts and answers.
pub(super) fn native(stub: &str) -> Router {
    let schema: Value = serde_json::from_str(runs::SCHEMA).unwrap();
    let native = Native {
        key: key(),
        validator: jsonschema::validator_for(&schema).unwrap(),
        client: sender::client(),
        target: format!("{stub}/orders"),
    };
    Router::new().route("/{*path}", post(integrate)).with_state(Arc::new(native))
}

struct Native {
    key: Hmac<Sha256>,
    validator: Validator,
    client: Client,
    target: String,
}

async fn verify_only(
    State(key): State<Arc<Hmac<Sha256>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    if is_signed(&key, &headers, &body) { ACCEPTED } else { (StatusCode::UNAUTHORIZED, "") }
}

async fn integrate(
    State(native): State<Arc<Native>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    if !is_signed(&native.key, &headers, &body) {
        return (StatusCode::UNAUTHORIZED, "");
    }
    let Ok(order) = serde_json::from_slice::<Value>(&body) else { return (StatusCode::BAD_REQUEST, "") };
    if !native.validator.is_valid(&order) {
        return (StatusCode::UNPROCESSABLE_ENTITY, "");
    }
    let post = native.client.post(&native.target).header("content-type", "application/json");
    let id = headers.get("x-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let sent = post.header("idempotency-key", id).body(reshape(&order).to_string()).send().await;
    let Ok(response) = sent else { return (StatusCode::BAD_GATEWAY, "") };
    match (response.status().is_success(), response.bytes().await) {
        (true, Ok(_)) => ACCEPTED,
        _ => (StatusCode::BAD_GATEWAY, ""),
    }
}

/// What the `map` step's program says.
pub(crate) fn reshape(order: &Value) -> Value {
    let lines = order["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    let price =
        |line: &Value| line["price"].as_f64().unwrap_or(0.0) * line["quantity"].as_f64().unwrap_or(0.0);
    json!({
        "number": order["number"],
        "customer": order["customer"]["id"],
        "items": lines.iter().map(|line| json!({ "item": line["sku"], "count": line["quantity"] })).collect::<Vec<_>>(),
        "total": lines.iter().map(price).sum::<f64>(),
    })
}

fn is_signed(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8]) -> bool {
    let signature = headers.get("x-signature").and_then(|value| hex::decode(value.as_bytes()).ok());
    let mut mac = key.clone();
    mac.update(body);
    signature.is_some_and(|signature| mac.verify_slice(&signature).is_ok())
}
