//! The seam to plugin storage, and what an attempt asks to be written.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::journal::JournalError;

/// A committed value of plugin storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The value.
    pub value: StoredValue,
    /// Changes with every committed write of the key; never 0.
    pub version: u64,
    /// When it disappears, in milliseconds since the Unix epoch.
    pub expires_ms: Option<u64>,
}

/// Bytes or a counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredValue {
    /// Bytes of a `put`.
    Bytes(Vec<u8>),
    /// Sum of all `add`s.
    Counter(i64),
}

/// One write that commits with an attempt's success. The writes of an attempt apply in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageWrite {
    /// The namespace.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// What to do with it.
    pub op: StorageOp,
}

/// What a [`StorageWrite`] does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageOp {
    /// Writes bytes if `condition` holds of what is committed when the attempt commits.
    Put {
        /// The bytes.
        value: Vec<u8>,
        /// Checked inside the commit.
        condition: Condition,
        /// Time to live from the commit, in milliseconds.
        ttl_ms: Option<u64>,
    },
    /// Removes the value or counter.
    Delete,
    /// Adds to the counter, saturating.
    Add(i64),
}

/// When a put takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The last writer wins.
    Always,
    /// Only if there is nothing.
    IfAbsent,
    /// Only if the version is this one.
    IfVersion(u64),
}

/// Reads committed plugin storage. Writes go through [`crate::Journal::commit`] alone.
#[async_trait]
pub trait PluginStorage: Send + Sync {
    /// The committed, unexpired value of a key.
    async fn get(&self, namespace: &str, key: &str) -> Result<Option<Stored>, JournalError>;

    /// At most `limit` keys that begin with `prefix`, ascending, from after `after`.
    async fn keys(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError>;
}
