//! The simulated applications count what they are asked to, so that the demo's account can be trusted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use serde_json::json;
use stepmill_core::signature::sign;

use super::simulator::{answer, lock, refuse, serve, text};
use super::*;

#[tokio::test]
async fn the_erp_makes_one_order_a_key_and_counts_what_was_made_twice() {
    let erp = Erp::start("token").await.expect("it starts");
    let http = client::http().expect("a client");
    let make = async |key: &str, reference: &str| {
        let request =
            http.post(format!("{}/orders", erp.url)).bearer_auth("token").header("idempotency-key", key);
        let response =
            request.body(json!({ "reference": reference }).to_string()).send().await.expect("an answer");
        response.status().as_u16()
    };
    assert_eq!(make("run_1:create", "#1").await, 201);
    assert_eq!(make("run_1:create", "#1").await, 200);
    let counts = erp.counts();
    assert_eq!((counts.orders, counts.doubled, counts.repeated), (1, 0, 1));
    assert_eq!(make("run_2:create", "#1").await, 201);
    assert_eq!(erp.counts().doubled, 1, "another key makes another order");
    assert_eq!(make("", "#2").await, 400);
    erp.set_down(true);
    assert_eq!(make("run_3:create", "#3").await, 503);
    assert_eq!(erp.counts().unavailable, 1);
    assert_eq!(erp.missing(["#1", "#3"].into_iter()), 1);
    let stranger = http.get(format!("{}/inventory/STEP-7", erp.url)).send().await.expect("an answer");
    assert_eq!(stranger.status(), 401);
}

/// An ingress in miniature: verifies, dedupes, and is now and then out of order.
#[derive(Default)]
struct Ingress {
    runs: Mutex<BTreeMap<String, String>>,
    requests: AtomicU64,
    /// Forgets what it accepted: a fault that the shop must notice.
    forgets: bool,
}

async fn take(State(ingress): State<Arc<Ingress>>, headers: HeaderMap, body: Bytes) -> Response {
    if ingress.requests.fetch_add(1, Ordering::Relaxed) % 50 == 7 {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "come again");
    }
    if text(&headers, "x-shopify-hmac-sha256") != sign::shopify(b"secret", &body) {
        return refuse(StatusCode::UNAUTHORIZED, "not verified");
    }
    let mut runs = lock(&ingress.runs);
    let id = text(&headers, "x-shopify-webhook-id").to_owned();
    let next = format!("run_{}", ingress.requests.load(Ordering::Relaxed));
    match runs.get(&id).filter(|_| !ingress.forgets) {
        Some(run) => answer(StatusCode::ACCEPTED, &json!({ "run": run, "duplicate": true })),
        None => {
            runs.insert(id, next.clone());
            answer(StatusCode::ACCEPTED, &json!({ "run": next }))
        }
    }
}

async fn sell(ingress: Ingress) -> Arc<Shop> {
    let router = Router::new().route("/shop/orders", post(take)).with_state(Arc::new(ingress));
    let target = format!("{}/shop/orders", serve(router).await.expect("it listens"));
    let http = client::http().expect("a client");
    let shop = Arc::new(Shop::new(http, target, b"secret", 100, Duration::ZERO));
    Arc::clone(&shop).run().await;
    shop
}

#[tokio::test]
async fn the_shop_sends_every_order_until_it_is_taken_or_refused() {
    let shop = sell(Ingress::default()).await;
    let counts = shop.counts();
    assert_eq!((counts.sent, counts.accepted, counts.duplicates, counts.refused), (105, 97, 5, 3));
    assert!(counts.again >= 2, "{counts:?}");
    assert_eq!((shop.done(), shop.accepted().len(), shop.problems()), (100, 97, Vec::new()));
}

#[tokio::test]
async fn the_shop_notices_an_order_that_is_accepted_twice() {
    let shop = sell(Ingress { forgets: true, ..Ingress::default() }).await;
    assert_eq!(shop.counts().duplicates, 0);
    assert_eq!(shop.problems().len(), 5);
    assert!(shop.problems().iter().all(|problem| problem.contains("was accepted twice")));
}

#[tokio::test]
async fn the_carrier_tells_of_a_shipment_until_somebody_listens() {
    const SECRET: &str = "whsec_c2VjcmV0";
    let taken = Arc::new(Mutex::new(Vec::new()));
    let listen = async |State(taken): State<Arc<Mutex<Vec<bool>>>>, headers: HeaderMap, body: Bytes| {
        let at = text(&headers, "webhook-timestamp").parse().unwrap_or_default();
        let expected = sign::standard_webhooks(SECRET, text(&headers, "webhook-id"), at, &body);
        let mut taken = lock(&taken);
        taken.push(expected.as_deref() == Some(text(&headers, "webhook-signature")));
        if taken.len() < 2 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::ACCEPTED }
    };
    let router = Router::new().route("/hook", post(listen)).with_state(Arc::clone(&taken));
    let target = format!("{}/hook", serve(router).await.expect("it listens"));
    let http = client::http().expect("a client");
    let carrier = Carrier::start("key", SECRET, target, http.clone()).await.expect("it starts");
    for _ in 0..2 {
        let request = http.post(format!("{}/shipments", carrier.url)).header("x-api-key", "key");
        let request = request.header("idempotency-key", "run_1:ship");
        let response = request.body(r#"{"order":"SO-1","customer":"7"}"#).send().await.expect("an answer");
        assert!(response.status().is_success());
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while carrier.counts().pending > 0 {
        assert!(Instant::now() < deadline, "{:?}", carrier.counts());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let counts = carrier.counts();
    assert_eq!((counts.shipments, counts.repeated, counts.refused), (1, 1, 0));
    assert_eq!(*lock(&taken), [true, true]);
}
