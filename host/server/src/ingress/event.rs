//! What a run is told of the request that began it.

use std::collections::{BTreeMap, HashMap};

use axum::http::{HeaderMap, Uri, header};
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::signature::Verified;
use stepmill_core::workflow::Webhook;

/// Headers that carry credentials; they never get into an event.
const SECRET_HEADERS: [header::HeaderName; 3] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// A request that is its sender's.
pub(super) struct Received {
    /// What a run is told of it.
    pub event: Event,
    /// What it has proved.
    pub verified: Verified,
}

/// The event that a request is.
pub(super) fn event(webhook: &Webhook, headers: &HeaderMap, uri: &Uri, document: Document) -> Event {
    Event {
        trigger: Trigger::Webhook { path: webhook.path.clone() },
        headers: kept_headers(headers),
        query: query(uri),
        document,
    }
}

fn kept_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !SECRET_HEADERS.contains(name)) {
        let value = String::from_utf8_lossy(value.as_bytes());
        kept.entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push_str(", ");
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    kept
}

fn query(uri: &Uri) -> BTreeMap<String, String> {
    let pairs: HashMap<String, String> = uri
        .query()
        .map(|query| url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
        .unwrap_or_default();
    pairs.into_iter().collect()
}
