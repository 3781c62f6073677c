//! What a run is told of the request that began it.

use std::collections::{BTreeMap, HashMap};

use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use stepmill_core::body::Record;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::signature::Verified;
use stepmill_core::workflow::Webhook;

/// Headers that carry credentials; they never get into an event.
const SECRET_HEADERS: [header::HeaderName; 3] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// A request, as far as runs are told of it.
#[derive(Clone)]
pub(super) struct Arrived {
    trigger: Trigger,
    /// The headers that an event keeps, with lower-case names; all values of one with commas between them.
    pub(super) headers: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    /// What its sender's scheme knows it by.
    id: Option<String>,
}

/// An event, and the key under which it is recognised if the webhook says none.
pub(super) struct Arrival {
    pub(super) event: Event,
    pub(super) key: Option<String>,
}

impl Arrived {
    pub(super) fn new(webhook: &Webhook, parts: &Parts, verified: Verified) -> Self {
        Self {
            trigger: Trigger::Webhook { path: webhook.path.clone() },
            headers: kept_headers(&parts.headers),
            query: query(&parts.uri),
            id: verified.id,
        }
    }

    /// About how many bytes each run is told of it.
    pub(super) fn bytes(&self) -> usize {
        self.headers.iter().chain(&self.query).map(|(name, value)| name.len() + value.len()).sum()
    }

    /// The same for one record of its body: what the sender knows the whole by is each one's with its number.
    pub(super) fn of_record(&self, number: usize) -> Self {
        let id = self.id.as_ref().map(|id| format!("{id}/{number}"));
        Self { id, ..self.clone() }
    }

    /// The event that it is with a document.
    pub(super) fn with(self, record: Record) -> Arrival {
        let Self { trigger, mut headers, query, id } = self;
        let Record { document, raw, event, key } = record;
        if let Some(event) = event {
            event.put(&mut headers);
        }
        Arrival { event: Event { trigger, headers, query, document, raw }, key: key.or(id) }
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
