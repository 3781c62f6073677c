//! How values are written: MessagePack with named fields behind a byte that says so, or a pointer to a
//! file for a value that is too large for the tree.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stepmill_core::RunId;
use stepmill_core::document::Body;
use stepmill_core::journal::JournalError;
use stepmill_core::storage::{Stored, StoredValue};

use crate::error::{damaged, io};

/// First byte of a value: MessagePack, named fields.
const NAMED: u8 = 1;
/// First byte of a value that is in a file: SHA-256 and length of the content follow.
const POINTER: u8 = 0x81;

/// Writes a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, JournalError> {
    let mut bytes = vec![NAMED];
    rmp_serde::encode::write_named(&mut bytes, value)
        .map_err(io("failed to encode a value of the journal"))?;
    Ok(bytes)
}

/// Reads a value that [`encode`] wrote at `key`.
pub(crate) fn decode<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, JournalError> {
    match bytes.split_first() {
        Some((&NAMED, rest)) => rmp_serde::from_slice(rest).map_err(|error| damaged(key, error.to_string())),
        Some((format, _)) => Err(damaged(key, format!("the value's format {format} is unknown"))),
        None => Err(damaged(key, "the value is empty")),
    }
}

/// Where the content of a large value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    digest: [u8; 32],
    length: u64,
}

impl Pointer {
    /// The first byte of a raw value that is a pointer, and of no other.
    pub(crate) const FIRST_BYTE: u8 = POINTER;

    /// The pointer to `content`.
    pub(crate) fn to(content: &[u8]) -> Self {
        Self { digest: Sha256::digest(content).into(), length: content.len() as u64 }
    }

    /// The pointer in a raw value, if it is one.
    pub(crate) fn parse(raw: &[u8]) -> Option<Self> {
        let (digest, rest) = raw.strip_prefix(&[POINTER])?.split_first_chunk::<32>()?;
        Some(Self { digest: *digest, length: u64::from_be_bytes(rest.try_into().ok()?) })
    }

    /// The raw value.
    pub(crate) fn to_raw(self) -> Vec<u8> {
        [&[POINTER], self.digest.as_slice(), &self.length.to_be_bytes()].concat()
    }

    /// Whether `content` is what it points to.
    pub(crate) fn matches(&self, content: &[u8]) -> bool {
        Self::to(content) == *self
    }

    /// Name of the file. It names the owner too, so that a file has one owner and needs no count of
    /// references.
    pub(crate) fn file_name(&self, key: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.digest);
        hash.update(key);
        hex::encode(hash.finalize())
    }
}

/// A deduplication claim as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimRow {
    /// The run that was accepted under it.
    pub(crate) run: RunId,
    /// When it ends.
    pub(crate) expires_ms: u64,
}

/// A schedule's cursor as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FireRow {
    /// The last accepted fire; without one, when the schedule was first seen.
    pub(crate) fire_ms: u64,
    /// The run of that fire.
    pub(crate) run: Option<RunId>,
}

/// A value of plugin storage as it is kept: bytes as text where they are UTF-8, which a person can
/// read in an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRow {
    /// What is stored.
    pub(crate) value: Content,
    /// Its version.
    pub(crate) version: u64,
    /// When it disappears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_ms: Option<u64>,
}

/// Bytes or a counter, see [`StoredRow`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// Bytes.
    Bytes(Body),
    /// A counter.
    Counter(i64),
}

impl From<Stored> for StoredRow {
    fn from(stored: Stored) -> Self {
        let value = match stored.value {
            StoredValue::Bytes(bytes) => Content::Bytes(
                String::from_utf8(bytes).map_or_else(|error| Body::Binary(error.into_bytes()), Body::Text),
            ),
            StoredValue::Counter(count) => Content::Counter(count),
        };
        Self { value, version: stored.version, expires_ms: stored.expires_ms }
    }
}

impl From<StoredRow> for Stored {
    fn from(row: StoredRow) -> Self {
        let value = match row.value {
            Content::Bytes(Body::Text(text)) => StoredValue::Bytes(text.into_bytes()),
            Content::Bytes(Body::Binary(bytes)) => StoredValue::Bytes(bytes),
            Content::Counter(count) => StoredValue::Counter(count),
        };
        Self { value, version: row.version, expires_ms: row.expires_ms }
    }
}
