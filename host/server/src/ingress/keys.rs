//! Keys of providers that stand elsewhere: certificates and key sets, fetched when a signature needs one, and kept.
//!
//! Threats: a sender that names one address after another, to have the host call them (the scheme lets through those of
//! the provider alone, their number in a minute is bounded, and names resolve to addresses of the Internet only); an
//! answer that is long, slow or leads elsewhere (capped, timed, not followed); a provider that is down (what was fetched
//! serves on for a day). A key that cannot be had is no proof either way: the sender is told to come again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use reqwest::{Client, StatusCode};
use stepmill_core::flow::rate::{Bucket, Config, Rate};
use stepmill_sandbox::egress::host_client;
use tokio::time::{Instant, timeout};

/// Longest time of a fetch: the sender waits for it, most of them for 10 s or more.
const FETCH: Duration = Duration::from_secs(5);
/// Largest document in bytes; key sets have some KiB.
const MOST_BYTES: usize = 256 << 10;
/// How long a document is kept whose server does not say.
const KEEP: Duration = Duration::from_secs(3600);
/// Shortest time that a document is kept, whatever its server says.
const KEEP_MIN: Duration = Duration::from_secs(300);
/// Longest time that a document is kept, and by which an old one may outlive its time while its server is down.
const KEEP_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long nobody asks again after a failure, or for a key that is not in the document.
const AGAIN: Duration = Duration::from_secs(60);
/// Documents that are kept.
const MOST_KEPT: usize = 256;
/// Fetches in a minute: providers have one certificate for years.
const PER_MINUTE: u32 = 60;

/// The documents that were fetched, by their URLs.
#[derive(Default)]
pub struct KeyCache {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    /// What is left of the fetches.
    left: Mutex<Option<Bucket>>,
    public: OnceLock<Option<Client>>,
    any: OnceLock<Option<Client>>,
}

/// One document. Whoever fetches it has the lock, and the others wait for what that gives.
#[derive(Default)]
struct Slot(tokio::sync::Mutex<State>);

#[derive(Clone, Default)]
struct State {
    held: Option<Held>,
    /// When asking makes sense again.
    next: Option<Instant>,
}

#[derive(Clone)]
struct Held {
    document: Arc<Vec<u8>>,
    until: Instant,
}

/// A document cannot be had now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unavailable {
    #[error("it was tried a moment ago")]
    Again,
    #[error("too many fetches in a minute")]
    TooMany,
    #[error("no answer within {}", humantime::format_duration(FETCH))]
    Slow,
    #[error("the answer is {0}, not 200")]
    Status(StatusCode),
    #[error("the answer is longer than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("the request failed")]
    Failed(#[source] reqwest::Error),
    #[error("there is no HTTP client")]
    NoClient,
}

/// Without the URL: that of a confirmation holds a token.
impl From<reqwest::Error> for Unavailable {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(error.without_url())
    }
}

impl KeyCache {
    /// The document at a URL.
    pub(super) async fn get(
        &self,
        url: &str,
        is_public: bool,
        now_ms: u64,
    ) -> Result<Arc<Vec<u8>>, Unavailable> {
        let slot = self.slot(url);
        let mut state = slot.0.lock().await;
        let now = Instant::now();
        match &state.held {
            Some(held) if now < held.until => Ok(Arc::clone(&held.document)),
            _ => self.renew(&mut state, url, is_public, now_ms).await,
        }
    }

    /// The document at a URL once more, because the key is not in the one that was `known`; none where that was not long
    /// ago.
    pub(super) async fn get_newer(
        &self,
        url: &str,
        known: &Arc<Vec<u8>>,
        is_public: bool,
        now_ms: u64,
    ) -> Option<Arc<Vec<u8>>> {
        let slot = self.slot(url);
        let mut state = slot.0.lock().await;
        match &state.held {
            // Somebody else has fetched it meanwhile.
            Some(held) if !Arc::ptr_eq(&held.document, known) => Some(Arc::clone(&held.document)),
            _ => self.renew(&mut state, url, is_public, now_ms).await.ok(),
        }
    }

    /// Calls an address once, as a provider asks for it.
    pub(super) async fn visit(&self, url: &str, is_public: bool, now_ms: u64) -> Result<(), Unavailable> {
        self.take(now_ms)?;
        self.fetch(url, is_public).await.map(|_| ())
    }

    async fn renew(
        &self,
        state: &mut State,
        url: &str,
        is_public: bool,
        now_ms: u64,
    ) -> Result<Arc<Vec<u8>>, Unavailable> {
        let now = Instant::now();
        let fetched = if state.next.is_some_and(|next| now < next) {
            Err(Unavailable::Again)
        } else {
            state.next = Some(now + AGAIN);
            match self.take(now_ms) {
                Ok(()) => self.fetch(url, is_public).await,
                Err(error) => Err(error),
            }
        };
        match fetched {
            Ok((document, keep)) => {
                tracing::info!(url, keep_s = keep.as_secs(), "fetched a key of a provider");
                let document = Arc::new(document);
                state.held = Some(Held { document: Arc::clone(&document), until: Instant::now() + keep });
                Ok(document)
            }
            Err(error) => {
                if !matches!(error, Unavailable::Again) {
                    let cause: &dyn std::error::Error = &error;
                    tracing::warn!(url, cause, "failed to fetch a key of a provider");
                }
                match &state.held {
                    Some(held) if now < held.until + KEEP_MAX => Ok(Arc::clone(&held.document)),
                    _ => Err(error),
                }
            }
        }
    }

    fn slot(&self, url: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST_KEPT && !slots.contains_key(url) {
            // Those that nothing was found at go first; a full table of good ones is begun anew.
            slots.retain(|_, slot| slot.0.try_lock().is_ok_and(|state| state.held.is_some()));
            if slots.len() >= MOST_KEPT {
                slots.clear();
            }
        }
        Arc::clone(slots.entry(url.to_owned()).or_default())
    }

    fn take(&self, now_ms: u64) -> Result<(), Unavailable> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.is_none() {
            let per_minute = Config { requests: PER_MINUTE, per: Duration::from_secs(60), burst: None };
            *left = Rate::try_new(&per_minute).ok().map(Bucket::new);
        }
        let is_left = left.as_mut().is_some_and(|bucket| bucket.take(now_ms).is_ok());
        if is_left { Ok(()) } else { Err(Unavailable::TooMany) }
    }

    async fn fetch(&self, url: &str, is_public: bool) -> Result<(Vec<u8>, Duration), Unavailable> {
        let client = if is_public { &self.public } else { &self.any };
        let client = client.get_or_init(|| {
            let failed = |error: &_| tracing::error!(%error, "failed to build the HTTP client for keys");
            host_client(is_public).inspect_err(failed).ok()
        });
        let client = client.as_ref().ok_or(Unavailable::NoClient)?;
        timeout(FETCH, read(client, url)).await.map_err(|_| Unavailable::Slow)?
    }
}

async fn read(client: &Client, url: &str) -> Result<(Vec<u8>, Duration), Unavailable> {
    let mut response = client.get(url).send().await?;
    if response.status() != StatusCode::OK {
        return Err(Unavailable::Status(response.status()));
    }
    let keep = keep(response.headers());
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if document.len() + chunk.len() > MOST_BYTES {
            return Err(Unavailable::TooLarge);
        }
        document.extend_from_slice(&chunk);
    }
    Ok((document, keep))
}

/// How long a document is kept, by its `Cache-Control` (RFC 9111 section 5.2) within bounds.
fn keep(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let max_age = directives.flat_map(|list| list.split(',')).find_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok()).flatten()
    });
    max_age.map_or(KEEP, Duration::from_secs).clamp(KEEP_MIN, KEEP_MAX)
}

#[cfg(test)]
mod tests;
