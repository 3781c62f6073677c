//! What is exported: one table after the other. A new key space of the journal whose values follow from nothing else
//! is a line in [`TABLES`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stepmill_core::document::Body;
use stepmill_core::journal::JournalError;
use stepmill_core::workflow::Version;

use super::Line;
use crate::codec::{self, ClaimRow, CursorRow, KeptRow, StoredRow};
use crate::error::{damaged, io};
use crate::keys::{self, Span};
use crate::values::Values;
use crate::write::Deployed;

/// The tables, in the order in which they are exported. Runs come last: those that are accepted meanwhile are then
/// ahead of a backup for as long as possible.
pub(super) const TABLES: [Table; 10] = [
    rows::<u64>("version", || Span::prefix(keys::VERSION.to_vec())),
    rows::<String>("switches", keys::switches),
    rows::<Deployed>("deployed", || Span::prefix(keys::DEPLOYED.to_vec())),
    rows::<Version>("versions", keys::versions),
    Table { name: "components", span: keys::components, line: bytes, encode: Some(from_bytes) },
    table("fires", keys::fires, fire),
    table("claims", keys::claims, claim),
    table("values", keys::storage, value),
    table("events", keys::kept, event),
    table("runs", keys::states, run),
];

/// Makes a line of what stands at a key; the first argument is the table's name.
type Read = fn(&'static str, &Values, &[u8]) -> Result<Option<Line>, JournalError>;
/// Makes what is kept of a value that came as JSON.
type Encode = fn(Value) -> Result<Vec<u8>, JournalError>;

/// One key space.
pub(super) struct Table {
    /// Its name in counts, and in lines that say nothing else.
    pub(super) name: &'static str,
    /// Its keys.
    pub(super) span: fn() -> Span,
    /// What stands at a key now; none if nothing does.
    line: Read,
    /// How a value that came as JSON is kept; none if its lines have a form of their own.
    pub(super) encode: Option<Encode>,
}

/// A table whose lines have a form of their own.
const fn table(name: &'static str, span: fn() -> Span, line: Read) -> Table {
    Table { name, span, line, encode: None }
}

/// A table of values that are written as they are.
const fn rows<T: Serialize + DeserializeOwned>(name: &'static str, span: fn() -> Span) -> Table {
    Table { name, span, line: row::<T>, encode: Some(encode::<T>) }
}

impl Table {
    /// The line of what stands at a key now; none if nothing does.
    pub(super) fn line(&self, values: &Values, key: &[u8]) -> Result<Option<Line>, JournalError> {
        (self.line)(self.name, values, key)
    }
}

/// The place of a key's table among the tables.
pub(super) fn table_of(key: &[u8]) -> Option<usize> {
    TABLES.iter().position(|table| (table.span)().contains(key))
}

/// The exported key that a changed key is part of; none if it follows from others.
pub(super) fn exported(key: &[u8]) -> Option<(usize, Vec<u8>)> {
    let key = keys::kept_of_taken(key).unwrap_or_else(|| key.to_vec());
    Some((table_of(&key)?, key))
}

/// A key as it is written.
pub(super) fn to_body(key: &[u8]) -> Body {
    match std::str::from_utf8(key) {
        Ok(text) => Body::Text(text.to_owned()),
        Err(_) => Body::Binary(key.to_vec()),
    }
}

/// The bytes of a key, or of a value, as they were before they were written.
pub(super) fn to_bytes(body: Body) -> Vec<u8> {
    match body {
        Body::Text(text) => text.into_bytes(),
        Body::Binary(bytes) => bytes,
    }
}

fn row<T: Serialize + DeserializeOwned>(
    table: &'static str,
    values: &Values,
    key: &[u8],
) -> Result<Option<Line>, JournalError> {
    let Some(row) = values.get::<T>(key)? else { return Ok(None) };
    let value = serde_json::to_value(row).map_err(io("failed to encode a line of the export"))?;
    Ok(Some(Line::Row { table: table.to_owned(), key: to_body(key), value }))
}

fn encode<T: Serialize + DeserializeOwned>(value: Value) -> Result<Vec<u8>, JournalError> {
    let row: T = serde_json::from_value(value).map_err(io("failed to read a value of the export"))?;
    codec::encode(&row)
}

/// A value that is kept as it is.
fn bytes(table: &'static str, values: &Values, key: &[u8]) -> Result<Option<Line>, JournalError> {
    let Some(content) = values.content(key)? else { return Ok(None) };
    let value = serde_json::to_value(Body::Binary(content));
    let value = value.map_err(io("failed to encode a line of the export"))?;
    Ok(Some(Line::Row { table: table.to_owned(), key: to_body(key), value }))
}

fn from_bytes(value: Value) -> Result<Vec<u8>, JournalError> {
    let body: Body = serde_json::from_value(value).map_err(io("failed to read a value of the export"))?;
    Ok(to_bytes(body))
}

fn fire(_: &'static str, values: &Values, key: &[u8]) -> Result<Option<Line>, JournalError> {
    let schedule = keys::parse_fire(key).ok_or_else(|| damaged(key, "no schedule"))?.to_owned();
    let row = values.get::<CursorRow>(key)?;
    Ok(row.map(|CursorRow { at_ms, last }| Line::Fire { schedule, fire_ms: at_ms, run: last }))
}

fn claim(_: &'static str, values: &Values, key: &[u8]) -> Result<Option<Line>, JournalError> {
    let (scope, digest) = keys::parse_claim(key).ok_or_else(|| damaged(key, "no claim"))?;
    let (scope, key_sha256) = (scope.to_owned(), hex::encode(digest));
    let row = values.get::<ClaimRow>(key)?;
    Ok(row.map(|ClaimRow { run, expires_ms }| Line::Claim { scope, key_sha256, run, expires_ms }))
}

fn value(_: &'static str, values: &Values, key: &[u8]) -> Result<Option<Line>, JournalError> {
    let (namespace, name) = keys::parse_stored(key).ok_or_else(|| damaged(key, "no stored value"))?;
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let row = values.get::<StoredRow>(key)?;
    Ok(row.map(|stored| Line::Value { namespace, key: name, stored }))
}

fn event(_: &'static str, values: &Values, key: &[u8]) -> Result<Option<Line>, JournalError> {
    let Some(kept) = values.get::<KeptRow>(key)? else { return Ok(None) };
    let mut taken = Vec::new();
    values.each::<JournalError>(keys::takers(key), |taker, _| {
        let workflow = keys::parse_taken(taker, key).ok_or_else(|| damaged(taker, "no workflow"))?;
        taken.push(workflow.to_owned());
        Ok(())
    })?;
    Ok(Some(Line::Event { kept, taken }))
}

fn run(_: &'static str, values: &Values, key: &[u8]) -> Result<Option<Line>, JournalError> {
    let run = keys::parse_state(key).ok_or_else(|| damaged(key, "no run"))?;
    let found = values.run(run)?;
    Ok(found.map(|(state, entries)| Line::Run { state: Box::new(state), entries }))
}
