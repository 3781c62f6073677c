//! From JSON to CSV.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use csv::{Terminator, Writer, WriterBuilder};
use stepmill_sdk::raw::{self, RawValue, Scalar};
use stepmill_sdk::{Body, Document, Failure};

use crate::{Config, Csv, LineEnd};

/// What makes spreadsheets take a cell for a formula, as OWASP lists it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A row's members, or its items.
enum Row<'a> {
    Object(Vec<(Cow<'a, str>, &'a RawValue)>),
    Array(Vec<&'a RawValue>),
}

/// The input's rows as CSV.
pub(crate) fn write(plugin: &Csv, input: &Document) -> Result<Document, Failure> {
    let config = &plugin.config;
    let rows = rows(config, input)?;
    let columns = columns(config, &rows);
    if config.header && columns.is_none() && !rows.is_empty() {
        let message = "the rows are arrays: give the names of their columns in `columns`, or `header: false`";
        return Err(Failure::reject("csv", message));
    }
    let mut writer = WriterBuilder::new();
    writer.delimiter(plugin.delimiter).terminator(match config.line_end {
        LineEnd::Crlf => Terminator::CRLF,
        LineEnd::Lf => Terminator::Any(b'\n'),
    });
    if let Some(quote) = plugin.quote {
        writer.quote(quote);
    }
    let mut text = Vec::new();
    if config.byte_order_mark {
        text.extend_from_slice("\u{feff}".as_bytes());
    }
    let mut writer = writer.from_writer(text);
    if let Some(columns) = columns.as_ref().filter(|_| config.header) {
        let names = columns.iter().map(|name| harmless(config, Scalar::Text(name.as_str().into())));
        record(&mut writer, names)?;
    }
    for (index, row) in rows.iter().enumerate() {
        write_row(config, &mut writer, columns.as_deref(), row, index)?;
    }
    let bytes = writer.into_inner().map_err(|error| Failure::reject("csv", error.to_string()))?;
    Ok(Document { media_type: config.media_type.clone(), body: Body::Text(String::from_utf8(bytes)?) })
}

fn rows<'a>(config: &Config, input: &'a Document) -> Result<Vec<Row<'a>>, Failure> {
    let pointer = &config.rows;
    let list = raw::at(raw::parse(input)?, pointer)
        .and_then(raw::items)
        .ok_or_else(|| Failure::reject("csv", format!("the input has no array at `{pointer}` (`rows`)")))?;
    let row = |(index, row): (usize, &'a RawValue)| {
        if let Some(members) = raw::members(row) {
            return Ok(Row::Object(members));
        }
        raw::items(row)
            .map(Row::Array)
            .ok_or_else(|| Failure::reject("csv", format!("row {index} is neither an object nor an array")))
    };
    list.into_iter().enumerate().map(row).collect()
}

/// The names of the columns; none for rows that are arrays, unless config gives them.
fn columns(config: &Config, rows: &[Row<'_>]) -> Option<Vec<String>> {
    if let Some(columns) = &config.columns {
        return Some(columns.clone());
    }
    let mut seen = HashSet::new();
    let mut columns = Vec::new();
    for row in rows {
        let Row::Object(members) = row else { continue };
        for (name, _) in members {
            if seen.insert(name.as_ref()) {
                columns.push(name.to_string());
            }
        }
    }
    (!columns.is_empty()).then_some(columns)
}

fn write_row(
    config: &Config,
    writer: &mut Writer<Vec<u8>>,
    columns: Option<&[String]>,
    row: &Row<'_>,
    index: usize,
) -> Result<(), Failure> {
    let cells: Result<Vec<String>, Failure> = match (row, columns) {
        (Row::Object(members), Some(columns)) => {
            let members: HashMap<&str, &RawValue> =
                members.iter().map(|(name, value)| (name.as_ref(), *value)).collect();
            columns
                .iter()
                .map(|name| cell(config, members.get(name.as_str()).copied(), index, name))
                .collect()
        }
        (Row::Array(items), Some(columns)) if items.len() != columns.len() => {
            let message =
                format!("row {index} has {} items, but there are {} columns", items.len(), columns.len());
            Err(Failure::reject("csv", message))
        }
        (Row::Array(items), _) => {
            let numbered = items.iter().enumerate();
            numbered.map(|(at, item)| cell(config, Some(item), index, &at.to_string())).collect()
        }
        // Objects without a single member give no names.
        (Row::Object(_), None) => Ok(Vec::new()),
    };
    record(writer, cells?.into_iter())
}

fn cell(config: &Config, value: Option<&RawValue>, row: usize, column: &str) -> Result<String, Failure> {
    let Some(value) = value else { return Ok(String::new()) };
    let scalar = raw::scalar(value).ok_or_else(|| {
        let message =
            format!("row {row}, column `{column}`: a cell holds no array and no object; let a `map` step make text of it");
        Failure::reject("csv", message)
    })?;
    Ok(harmless(config, scalar))
}

/// A cell's text; if asked for, such that no spreadsheet runs it.
fn harmless(config: &Config, scalar: Scalar<'_>) -> String {
    match scalar {
        Scalar::Text(text) if config.neutralize_formulas && text.starts_with(FORMULA) => format!("'{text}"),
        scalar => scalar.to_string(),
    }
}

fn record(writer: &mut Writer<Vec<u8>>, cells: impl Iterator<Item = String>) -> Result<(), Failure> {
    writer.write_record(cells).map_err(|error| match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let message = format!("a row has {len} items, but the first one {expected_len}");
            Failure::reject("csv", message)
        }
        _ => Failure::reject("csv", error.to_string()),
    })
}
