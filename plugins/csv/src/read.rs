//! From CSV to JSON text.

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use stepmill_sdk::{Document, Failure};

use crate::{CellType, Config, Csv};

/// What becomes of a cell: where it stands in its row, its name and its type.
struct Column {
    at: usize,
    /// As JSON.
    name: String,
    cells: CellType,
}

/// The rows as a JSON array.
pub(crate) fn read(plugin: &Csv, input: &Document) -> Result<String, Failure> {
    let config = &plugin.config;
    let text = text(input)?;
    if let Some(quote) =
        plugin.quote.filter(|quote| text.bytes().filter(|byte| byte == quote).count() % 2 == 1)
    {
        let quote = char::from(quote);
        let message = format!("a quote {quote} is not closed; `quote: null` reads it as any other character");
        return Err(Failure::reject("csv", message));
    }
    let mut reader = ReaderBuilder::new();
    reader.has_headers(config.header).delimiter(plugin.delimiter).trim(trim(config.trim));
    match plugin.quote {
        Some(quote) => reader.quote(quote),
        None => reader.quoting(false),
    };
    let mut reader = reader.from_reader(text.as_bytes());
    let mut columns = match config.header {
        true => Some(by_header(config, reader.headers().map_err(|error| failure(&error))?)?),
        false => config.columns.as_ref().map(|names| by_position(config, names)).transpose()?,
    };
    let mut json = String::with_capacity(text.len().saturating_mul(2));
    json.push('[');
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| failure(&error))? {
        let line = record.position().map_or(0, csv::Position::line);
        if !config.header
            && let Some(columns) = columns.as_ref().filter(|columns| columns.len() != record.len())
        {
            let message = format!("line {line} has {} cells, `columns` {}", record.len(), columns.len());
            return Err(Failure::reject("csv", message));
        }
        if json.len() > 1 {
            json.push(',');
        }
        match &mut columns {
            Some(columns) => object(config, columns, &record, line, &mut json)?,
            None => array(config, &record, &mut json)?,
        }
    }
    json.push(']');
    Ok(json)
}

fn text(input: &Document) -> Result<&str, Failure> {
    let mut parameters = input.media_type.split(';').skip(1);
    let charset = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let is_known =
        |name: &str| ["utf-8", "utf8", "us-ascii"].iter().any(|known| known.eq_ignore_ascii_case(name));
    if let Some(other) = charset.filter(|name| !is_known(name)) {
        return Err(Failure::reject("charset", format!("the input is {other}; only UTF-8 can be read")));
    }
    let text = input.text()?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn trim(trims: bool) -> Trim {
    if trims { Trim::All } else { Trim::None }
}

/// Those of the header, or of them those of `columns`, in that order.
fn by_header(config: &Config, header: &StringRecord) -> Result<Vec<Column>, Failure> {
    let place = |name: &str| -> Result<usize, Failure> {
        let mut places = header.iter().enumerate().filter(|(_, cell)| *cell == name).map(|(at, _)| at);
        match (places.next(), places.next()) {
            (Some(at), None) => Ok(at),
            (Some(_), Some(_)) => {
                Err(Failure::reject("csv", format!("the header has the column `{name}` twice")))
            }
            (None, _) => {
                let there: Vec<&str> = header.iter().take(50).collect();
                let message = format!("the header has no column `{name}`; it has {}", there.join(", "));
                Err(Failure::reject("csv", message))
            }
        }
    };
    let all = || header.iter().map(str::to_owned).collect();
    let names: Vec<String> = config.columns.clone().unwrap_or_else(all);
    // A type for a column that is not there would else go unnoticed.
    for name in config.types.keys() {
        place(name)?;
    }
    names.iter().map(|name| column(config, place(name)?, name)).collect()
}

fn by_position(config: &Config, names: &[String]) -> Result<Vec<Column>, Failure> {
    names.iter().enumerate().map(|(at, name)| column(config, at, name)).collect()
}

fn column(config: &Config, at: usize, name: &str) -> Result<Column, Failure> {
    let cells = config.types.get(name).copied().unwrap_or(CellType::Text);
    Ok(Column { at, name: serde_json::to_string(name)?, cells })
}

fn object(
    config: &Config,
    columns: &[Column],
    record: &StringRecord,
    line: u64,
    json: &mut String,
) -> Result<(), Failure> {
    json.push('{');
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str(&column.name);
        json.push(':');
        let cell = record.get(column.at).unwrap_or_default();
        match column.cells {
            CellType::Text => write_text(config, cell, json)?,
            CellType::Number | CellType::Boolean if cell.is_empty() => json.push_str("null"),
            CellType::Number if serde_json::from_str::<serde_json::Number>(cell).is_ok() => {
                json.push_str(cell.trim());
            }
            CellType::Boolean if cell.eq_ignore_ascii_case("true") => json.push_str("true"),
            CellType::Boolean if cell.eq_ignore_ascii_case("false") => json.push_str("false"),
            CellType::Number | CellType::Boolean => {
                let what = if column.cells == CellType::Number { "number" } else { "boolean" };
                let cell: String = cell.chars().take(40).collect();
                let message = format!("line {line}, column {}: {cell:?} is no {what}", column.name);
                return Err(Failure::reject("csv-type", message));
            }
        }
    }
    json.push('}');
    Ok(())
}

fn array(config: &Config, record: &StringRecord, json: &mut String) -> Result<(), Failure> {
    json.push('[');
    for (index, cell) in record.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_text(config, cell, json)?;
    }
    json.push(']');
    Ok(())
}

fn write_text(config: &Config, cell: &str, json: &mut String) -> Result<(), Failure> {
    match cell {
        "" if config.empty_is_null => json.push_str("null"),
        cell => json.push_str(&serde_json::to_string(cell)?),
    }
    Ok(())
}

fn failure(error: &csv::Error) -> Failure {
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            let message = format!("line {line} has {len} cells, the first one {expected_len}");
            Failure::reject("csv", message)
        }
        _ => Failure::reject("csv", error.to_string()),
    }
}
