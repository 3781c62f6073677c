//! Carrying a journal over: NDJSON, one value a line, for backups, for moving to another engine, and to
//! give back disk space.
//!
//! Every line begins with `{"sum":"…",`, 16 hexadecimal digits of the SHA-256 of the rest of the line. The first is
//! the header, the last says how many there are.
//!
//! What follows from other values is not in it: places in queues and lanes, subscriptions. An export of the format
//! before is read too: its entries are taken as they are, and what they lead to is computed anew (`former.rs`).

mod export;
mod former;
mod import;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stepmill_core::RunId;
use stepmill_core::run::{Entry, State};

use crate::codec::{KeptRow, StoredRow};

/// Format of exports.
const FORMAT: u32 = 2;
const SUM_BEGIN: &[u8] = b"{\"sum\":\"";
const SUM_END: &[u8] = b"\",";

/// How much was exported or imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    /// Runs, with their entries.
    pub runs: u64,
    /// Deduplication claims.
    pub claims: u64,
    /// Cursors of schedules.
    pub fires: u64,
    /// Values of plugin storage.
    pub values: u64,
    /// Events that are kept.
    #[serde(default)]
    pub events: u64,
    /// Switches.
    #[serde(default)]
    pub switches: u64,
}

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
        /// The last version that a storage write was given.
        version: u64,
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
    /// A switch.
    Switch { name: String, value: String },
    /// The last.
    End(Transferred),
}

impl Transferred {
    fn count(&mut self, line: &Line) {
        let counter = match line {
            Line::Run { .. } => &mut self.runs,
            Line::Claim { .. } => &mut self.claims,
            Line::Fire { .. } => &mut self.fires,
            Line::Value { .. } => &mut self.values,
            Line::Event { .. } => &mut self.events,
            Line::Switch { .. } => &mut self.switches,
            Line::Header { .. } | Line::End(_) => return,
        };
        *counter = counter.saturating_add(1);
    }
}

/// Puts the sum of a JSON object in front of its first member.
fn seal(json: &[u8]) -> Vec<u8> {
    let rest = json.strip_prefix(b"{").unwrap_or(json);
    [SUM_BEGIN, sum(rest).as_bytes(), SUM_END, rest, b"\n"].concat()
}

/// Checks the sum of a line and takes it off again.
fn unseal(line: &[u8]) -> Option<Vec<u8>> {
    let (found, rest) = line.strip_prefix(SUM_BEGIN)?.split_at_checked(16)?;
    let rest = rest.strip_prefix(SUM_END)?;
    (sum(rest).as_bytes() == found).then(|| [b"{", rest].concat())
}

fn sum(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    hex::encode(digest.get(..8).unwrap_or_default())
}
