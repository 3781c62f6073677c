#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_csv::Csv;
//! use stepmill_sdk::{Body, Document, testing};
//!
//! let csv = Document { media_type: "text/csv".into(), body: Body::Text("sku,quantity\n0042,2\n".into()) };
//! let rows = testing::transform::<Csv>(r#"{"to": "json", "types": {"quantity": "number"}}"#, csv).unwrap();
//! assert_eq!(rows.text().unwrap(), r#"[{"sku":"0042","quantity":2}]"#);
//! let back = testing::transform::<Csv>(r#"{"to": "csv"}"#, rows).unwrap();
//! assert_eq!(back.text().unwrap(), "sku,quantity\r\n0042,2\r\n");
//! ```
//!
//! Start reading at [`Config`].

mod read;
mod write;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Context, Document, Failure, Transform};

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the step makes of its input: `json` of CSV, or `csv` of JSON.
    pub to: To,
    /// The character between cells.
    #[serde(default = "comma")]
    pub delimiter: String,
    /// The character around cells that have delimiters, quotes or line breaks in them; null reads quotes as any
    /// other character.
    #[serde(default = "double_quote")]
    pub quote: Option<String>,
    /// Whether the first row has the names of the columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// Names of the columns; see the plugin's page on what they do in each direction.
    pub columns: Option<Vec<String>>,
    /// Reading: what the cells of a column are, by its name. Text unless given; an empty cell is then null.
    #[serde(default)]
    pub types: BTreeMap<String, CellType>,
    /// Reading: whether spaces around cells are dropped.
    #[serde(default)]
    pub trim: bool,
    /// Reading: whether an empty cell is null and not an empty text.
    #[serde(default)]
    pub empty_is_null: bool,
    /// Writing: JSON pointer of the rows in the input; the whole input by default.
    #[serde(default)]
    pub rows: String,
    /// Writing: what ends a line, `crlf` as RFC 4180 has it or `lf`.
    #[serde(default)]
    pub line_end: LineEnd,
    /// Writing: whether text that a spreadsheet would run as a formula is made harmless.
    #[serde(default)]
    pub neutralize_formulas: bool,
    /// Writing: whether the text begins with a byte order mark, by which spreadsheets know UTF-8.
    #[serde(default)]
    pub byte_order_mark: bool,
    /// Writing: media type of the output.
    #[serde(default = "text_csv")]
    pub media_type: String,
}

/// What the step makes of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum To {
    /// JSON of CSV.
    Json,
    /// CSV of JSON.
    Csv,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CellType {
    /// Text, as it stands.
    Text,
    /// A number as JSON writes it, such as `-19.90`.
    Number,
    /// `true` or `false`, in any case.
    Boolean,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LineEnd {
    /// Carriage return and line feed.
    #[default]
    Crlf,
    /// Line feed.
    Lf,
}

fn comma() -> String {
    ",".to_owned()
}

fn double_quote() -> Option<String> {
    Some("\"".to_owned())
}

fn yes() -> bool {
    true
}

fn text_csv() -> String {
    "text/csv; charset=utf-8".to_owned()
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Csv {
    config: Config,
    delimiter: u8,
    quote: Option<u8>,
}

impl Transform for Csv {
    const NAME: &'static str = "csv";
    const SUMMARY: &'static str = "Reads CSV as JSON, and writes JSON as CSV.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let delimiter = character("delimiter", &config.delimiter)?;
        let quote = config.quote.as_deref().map(|quote| character("quote", quote)).transpose()?;
        if quote == Some(delimiter) {
            return Err(Failure::reject("config", "`delimiter` and `quote` are the same character"));
        }
        if let Some(columns) = &config.columns {
            check_columns(columns)?;
            if let Some(stray) = config.types.keys().find(|name| !columns.contains(name)) {
                let message = format!("`types` names the column `{stray}`, which is not in `columns`");
                return Err(Failure::reject("config", message));
            }
        }
        if config.to == To::Json && !config.header && config.columns.is_none() && !config.types.is_empty() {
            return Err(Failure::reject(
                "config",
                "`types` needs names: give `columns`, as there is no header",
            ));
        }
        if config.to == To::Csv && quote.is_none() {
            return Err(Failure::reject("config", "`quote` is null, but cells may need one to be written"));
        }
        Ok(Self { config, delimiter, quote })
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        match self.config.to {
            To::Json => Ok(Document::from_json(read::read(self, &input)?)),
            To::Csv => write::write(self, &input),
        }
    }
}

/// One ASCII character that does not end a line.
fn character(key: &str, text: &str) -> Result<u8, Failure> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Ok(*byte),
        _ => {
            let right = if key == "delimiter" { r#""," or ";" or "\t""# } else { r#""'""# };
            let message = format!("`{key}` is {text:?}: give one ASCII character, such as {right}");
            Err(Failure::reject("config", message))
        }
    }
}

fn check_columns(columns: &[String]) -> Result<(), Failure> {
    if columns.is_empty() {
        return Err(Failure::reject("config", "`columns` is empty: name at least one, or leave it out"));
    }
    match columns.iter().enumerate().find(|(at, name)| columns.iter().take(*at).any(|other| other == *name)) {
        Some((_, twice)) => Err(Failure::reject("config", format!("`columns` names `{twice}` twice"))),
        None => Ok(()),
    }
}

stepmill_sdk::export_transform!(Csv);

#[cfg(test)]
mod tests;
