//! Carrying a journal over: NDJSON, one value a line, for backups, for moving to another engine, and to
//! give back disk space.
//!
//! Every line begins with `{"sum":"…",`, 16 hexadecimal digits of the SHA-256 of the rest of the line. The first is
//! the header, the last says how many there are of each table (`tables.rs`, which is where a new one is added).
//!
//! An export is made while writes wait (`export.rs`), a backup while they go on (`backup.rs`): there a line may take
//! the place of an earlier one for the same key, or say that it is gone.
//!
//! What follows from other values is not in it: places in queues and lanes, subscriptions. An export of the format
//! before is read too: its entries are taken as they are, and what they lead to is computed anew (`former.rs`).

mod backup;
mod export;
mod former;
mod import;
mod lines;
mod notes;
mod tables;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepmill_core::RunId;
use stepmill_core::document::Body;
use stepmill_core::run::{Entry, State};

use crate::codec::{KeptRow, StoredRow};

pub use import::verify;
pub(crate) use notes::Notes;

/// Format of exports.
const FORMAT: u32 = 2;

/// How many lines of each table were exported or imported, by the table's name. In a backup several may be of one
/// value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transferred(BTreeMap<String, u64>);

/// One line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// The first.
    Header {
        /// Format of the export.
        format: u32,
        /// When it was made, in milliseconds since the Unix epoch.
        exported_ms: u64,
        /// In the format before: the last version that a storage write was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// A run.
    Run { state: Box<State>, entries: Vec<Entry> },
    /// A deduplication claim; the key is known by its SHA-256 only.
    Claim { scope: String, key_sha256: String, run: RunId, expires_ms: u64 },
    /// A schedule's cursor: up to when all is decided, and the run of its last fire, if it has fired.
    Fire { schedule: String, fire_ms: u64, run: Option<RunId> },
    /// A value of plugin storage.
    Value { namespace: String, key: String, stored: StoredRow },
    /// An event that is kept, and the workflows of which a run has taken it.
    Event { kept: KeptRow, taken: Vec<String> },
    /// A value of another table, under its key in the journal.
    Row { table: String, key: Body, value: Value },
    /// Nothing stands at a key of the journal any more.
    Gone { key: Body },
    /// The last.
    End(Transferred),
}

impl Transferred {
    /// How many lines there are of a table.
    pub fn of(&self, table: &str) -> u64 {
        self.0.get(table).copied().unwrap_or_default()
    }

    /// How many lines there are of all tables.
    pub fn lines(&self) -> u64 {
        self.0.values().sum()
    }

    fn count(&mut self, line: &Line) {
        let table = match line {
            Line::Run { .. } => "runs",
            Line::Claim { .. } => "claims",
            Line::Fire { .. } => "fires",
            Line::Value { .. } => "values",
            Line::Event { .. } => "events",
            Line::Row { table, .. } => table,
            Line::Gone { .. } => "gone",
            Line::Header { .. } | Line::End(_) => return,
        };
        match self.0.get_mut(table) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.0.insert(table.to_owned(), 1)),
        }
    }
}

/// `6 runs, 1 claims`, in the order of the names.
impl fmt::Display for Transferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (table, count)) in self.0.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{count} {table}")?;
        }
        Ok(())
    }
}
