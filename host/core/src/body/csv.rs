//! CSV of RFC 4180 with a header row, as objects of texts: the rules of the stock plugin `csv` without config.

use std::ops::Range;

use ::csv::{ErrorKind, Position, ReaderBuilder, StringRecord};

use super::output::Output;
use super::refused::{Format, Place, Refused};

/// Rows as JSON objects, and where each stands in the text.
pub(super) struct Rows {
    /// The objects, one after another.
    pub(super) json: String,
    /// Where each object is in `json`, and its row in the text.
    pub(super) rows: Vec<(Range<usize>, Range<usize>)>,
}

/// The rows as a JSON array.
pub(super) fn read(text: &str, limit: u64) -> Result<String, Refused> {
    let mut json = Output::new(limit);
    json.push("[")?;
    each(text, |names, record, _| {
        json.comma()?;
        object(names, record, &mut json)
    })?;
    json.push("]")?;
    Ok(json.into_text())
}

/// The rows each by itself; at most `records`.
pub(super) fn rows(text: &str, records: usize, limit: u64) -> Result<Rows, Refused> {
    let mut json = Output::new(limit);
    let mut rows = Vec::new();
    each(text, |names, record, row| {
        if rows.len() == records {
            return Err(Refused::TooManyRecords { limit: records });
        }
        let begin = json.len();
        object(names, record, &mut json)?;
        rows.push((begin..json.len(), row));
        Ok(())
    })?;
    Ok(Rows { json: json.into_text(), rows })
}

/// Takes each row with the names of its columns as JSON, and where it is in the text.
fn each(
    text: &str,
    mut take: impl FnMut(&[String], &StringRecord, Range<usize>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err(Refused::malformed(Format::Csv, Place::Whole, "a quote is not closed"));
    }
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let names = names(reader.headers().map_err(|error| malformed(&error))?)?;
    let mut record = StringRecord::new();
    loop {
        let begin = place(reader.position());
        if !reader.read_record(&mut record).map_err(|error| malformed(&error))? {
            return Ok(());
        }
        let begin = record.position().map_or(begin, place);
        take(&names, &record, begin..place(reader.position()))?;
    }
}

fn place(position: &Position) -> usize {
    usize::try_from(position.byte()).unwrap_or(usize::MAX)
}

/// The names of the columns, as JSON.
fn names(header: &StringRecord) -> Result<Vec<String>, Refused> {
    let mut names = indexmap::IndexSet::with_capacity(header.len());
    for name in header {
        if !names.insert(serde_json::Value::from(name).to_string()) {
            let name: String = name.chars().take(40).collect();
            let why = format!("the header has the column {name:?} twice");
            return Err(Refused::malformed(Format::Csv, Place::Line(1), why));
        }
    }
    Ok(names.into_iter().collect())
}

fn object(names: &[String], record: &StringRecord, json: &mut Output) -> Result<(), Refused> {
    json.push("{")?;
    for (name, cell) in names.iter().zip(record) {
        json.comma()?;
        json.push(name)?;
        json.push(":")?;
        json.value(cell)?;
    }
    json.push("}")
}

fn malformed(error: &::csv::Error) -> Refused {
    let line = error.position().map_or(0, Position::line);
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let why = format!("the row has {len} cells, the header {expected_len}");
            Refused::malformed(Format::Csv, Place::Line(line), why)
        }
        _ => Refused::malformed(Format::Csv, Place::Whole, error),
    }
}
