//! How values are written: MessagePack with named fields behind a byte that says so. What becomes of one that is too
//! large for the tree is in `pieces.rs`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stepmill_core::RunId;
use stepmill_core::document::Body;
use stepmill_core::event::Event;
use stepmill_core::journal::{Cursor, JournalError};
use stepmill_core::storage::{Stored, StoredValue};

use crate::error::{damaged, io};

/// First byte of a value: MessagePack, named fields.
pub(crate) const NAMED: u8 = 1;

/// Bytes that are set aside for a value: a state, or a small entry.
const USUAL_BYTES: usize = 512;

/// Writes a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.push(NAMED);
    rmp_serde::encode::write_named(&mut bytes, value)
        .map_err(io("failed to encode a value of the journal"))?;
    // It may be kept for long.
    if bytes.capacity() > 2 * bytes.len() {
        bytes.shrink_to_fit();
    }
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

/// A deduplication claim as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimRow {
    /// The run that was accepted under it or gathered its event; for a published event its id.
    pub(crate) run: RunId,
    /// When it ends.
    pub(crate) expires_ms: u64,
}

/// A schedule's cursor as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CursorRow {
    /// Up to when everything is decided.
    pub(crate) at_ms: u64,
    /// The run of its last fire.
    pub(crate) last: Option<RunId>,
}

impl From<CursorRow> for Cursor {
    fn from(CursorRow { at_ms, last }: CursorRow) -> Self {
        Self { at_ms, last }
    }
}

/// A lane as it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LaneRow {
    /// How many runs have their turn.
    pub(crate) having: u32,
    /// How many wait for it.
    pub(crate) waiting: u32,
    /// How many may have it at once: as the last run to come says.
    pub(crate) width: u32,
    /// The last ticket that was given.
    pub(crate) ticket: u64,
}

/// An event as it is kept for runs that begin to wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptRow {
    /// Its id.
    pub(crate) id: RunId,
    /// Its name.
    pub(crate) name: String,
    /// Its key.
    pub(crate) key: String,
    /// When it was accepted.
    pub(crate) at_ms: u64,
    /// Until when it is kept.
    pub(crate) until_ms: u64,
    /// The event.
    pub(crate) event: Event,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_event_of_a_time_when_no_bytes_were_kept_is_read_and_written_as_it_was() {
        let document = json!({ "media_type": "application/json", "body": { "text": "1" } });
        let old = json!({ "trigger": "manual", "document": document });
        let event: Event = decode(b"key", &encode(&old).unwrap()).unwrap();
        assert_eq!(event.raw, None);
        let new: Value = decode(b"key", &encode(&event).unwrap()).unwrap();
        assert_eq!(new, old);
    }
}
