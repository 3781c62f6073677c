//! What becomes of a request that is not refused.

use std::collections::BTreeMap;

/// Longest id by which a request is known: more is no id. It fits into a dedupe key.
const ID_BYTES: usize = 512;

/// What a verifier says of a request that it does not refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is its sender's.
    Genuine(Verified),
    /// That cannot be told without what is at this address, of which the scheme has checked that it is the
    /// provider's: ask again with it among the [`Keys`].
    NeedsKey {
        /// An absolute URL: of https, or of http at this machine where config says so.
        url: String,
        /// Whether it comes with the request, so that it may lead to the Internet alone.
        is_public: bool,
    },
    /// That is for the webhook's plugin to say, which may ask the verifier's [`Keyring`](super::Keyring).
    AskPlugin,
}

/// What a request has proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The provider's id of the event or of its delivery, by which one that is sent again is known.
    pub id: Option<String>,
}

impl Verified {
    /// With an id, if it can be one: an empty or an over-long one is none.
    pub fn by(id: Option<String>) -> Self {
        Self { id: id.filter(|id| (1..=ID_BYTES).contains(&id.len())) }
    }
}

/// What was fetched for verifiers that asked for it: documents by their URLs.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, Vec<u8>>);

impl Keys {
    /// Nothing yet.
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// With a document.
    #[must_use]
    pub fn with(mut self, url: impl Into<String>, document: impl Into<Vec<u8>>) -> Self {
        self.0.insert(url.into(), document.into());
        self
    }

    /// The document at a URL.
    pub fn at(&self, url: &str) -> Option<&[u8]> {
        self.0.get(url).map(Vec::as_slice)
    }
}
