#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode as Status;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use futures::future::join_all;
use tokio::net::TcpListener;

use super::*;

const NOW_MS: u64 = 1_700_000_000_000;

/// A server of documents that counts what it is asked.
async fn server(asked: &Arc<AtomicUsize>) -> String {
    let asked = Arc::clone(asked);
    let router = Router::new().route(
        "/{name}",
        get(move |Path(name): Path<String>| async move {
            asked.fetch_add(1, Ordering::SeqCst);
            match &*name {
                "long" => vec![0; MOST_BYTES + 1].into_response(),
                "elsewhere" => Redirect::to("/key").into_response(),
                "broken" => Status::INTERNAL_SERVER_ERROR.into_response(),
                "short" => ([("cache-control", "public, max-age=1")], "key").into_response(),
                _ => "key".into_response(),
            }
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

#[tokio::test]
async fn a_key_is_fetched_once_however_many_ask() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (base, cache) = (server(&asked).await, KeyCache::default());
    let url = format!("{base}/key");
    let all = join_all((0..50).map(|_| cache.get(&url, false, NOW_MS))).await;
    assert!(all.into_iter().all(|document| document.unwrap().as_slice() == b"key"));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let known = cache.get(&url, false, NOW_MS).await.unwrap();
    // What was fetched a moment ago is not fetched again for a key that is not in it.
    assert!(Arc::ptr_eq(&cache.get_newer(&url, &known, false, NOW_MS).await.unwrap(), &known));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_key_that_is_not_to_be_had_is_not_asked_for_again_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (base, cache) = (server(&asked).await, KeyCache::default());
    for name in ["long", "elsewhere", "broken"] {
        asked.store(0, Ordering::SeqCst);
        let url = format!("{base}/{name}");
        assert!(!matches!(cache.get(&url, false, NOW_MS).await, Ok(_) | Err(Unavailable::Again)), "{name}");
        assert!(matches!(cache.get(&url, false, NOW_MS).await, Err(Unavailable::Again)), "{name}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{name}");
    }
}

#[tokio::test]
async fn whoever_names_one_address_after_another_is_stopped() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (base, cache) = (server(&asked).await, KeyCache::default());
    let mut refused = 0;
    for name in 0..3 * MOST_KEPT {
        match cache.get(&format!("{base}/{name}"), false, NOW_MS).await {
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(error, Unavailable::TooMany), "{error}");
                refused += 1;
            }
        }
        assert!(cache.slots.lock().unwrap().len() <= MOST_KEPT);
    }
    assert_eq!(asked.load(Ordering::SeqCst), PER_MINUTE as usize);
    assert_eq!(refused, 3 * MOST_KEPT - PER_MINUTE as usize);
}

/// Where an address comes with a request, none of this machine or its network is asked.
#[tokio::test]
async fn names_of_a_request_lead_to_the_internet_alone() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (base, cache) = (server(&asked).await, KeyCache::default());
    let url = format!("{}/key", base.replace("127.0.0.1", "localhost"));
    assert!(matches!(cache.get(&url, true, NOW_MS).await, Err(Unavailable::Failed(_))));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert!(cache.get(&format!("{base}/key"), false, NOW_MS).await.is_ok());
}

#[test]
fn a_server_says_how_long_its_keys_are_kept_within_bounds() {
    let kept = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, value.parse().unwrap());
        keep(&headers).as_secs()
    };
    assert_eq!(kept("public, max-age=7200"), 7_200);
    assert_eq!(kept("MAX-AGE=\"600\""), 600);
    assert_eq!((kept("max-age=0"), kept("max-age=99999999"), kept("no-store")), (300, 86_400, 3_600));
    assert_eq!(keep(&HeaderMap::new()), KEEP);
}
