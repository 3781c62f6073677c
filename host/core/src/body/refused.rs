//! Why a body is not taken: a stable code and a sentence for its sender.

use std::fmt;

use super::rules::As;
use crate::attempt::capped;

/// Most bytes of what a library says is wrong.
const WHY_BYTES: usize = 200;
/// Most bytes that a sender is quoted with; escaped they are up to six times as many.
pub(super) const QUOTED_BYTES: usize = 100;

/// Why a body is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its `Content-Encoding` is none that is read, or there are too many.
    Encoding(String),
    /// It comes to more than may be kept: once inflated, as UTF-8, or as JSON.
    Inflated {
        /// The limit in bytes.
        limit: u64,
    },
    /// It is not what it says it is.
    Malformed {
        /// What it should be.
        format: Format,
        /// Where it is not.
        place: Place,
        /// What is wrong; may be empty.
        why: String,
    },
    /// Its media type is none that the webhook takes.
    MediaType {
        /// The type; empty if it has none.
        given: String,
        /// What the webhook takes.
        wants: As,
    },
    /// Its charset is unknown.
    Charset(String),
    /// There are more things in it than are read.
    TooMany {
        /// What things.
        what: &'static str,
        /// How many may be there.
        limit: usize,
    },
    /// There are more records in it than become runs at once.
    TooManyRecords {
        /// How many may be there.
        limit: usize,
    },
    /// There is no array of records at the pointer.
    NoRecords {
        /// The pointer; empty for the whole body.
        pointer: String,
    },
}

/// What a body should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Format {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    Text,
    Json,
    Xml,
    Form,
    Multipart,
    Csv,
    Ndjson,
    CloudEvent,
}

/// Where a body is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As a whole.
    Whole,
    /// After so many bytes, as they are once inflated.
    Byte(usize),
    /// In this line, from 1.
    Line(u64),
    /// In this line, at this column; both from 1.
    Column(u64, u64),
    /// In this part, from 1.
    Part(usize),
    /// In this record, from 1.
    Record(usize),
}

impl Format {
    fn code(self) -> &'static str {
        match self {
            Self::Gzip | Self::Deflate | Self::Brotli | Self::Zstd => "malformed-encoding",
            Self::Text => "malformed-text",
            Self::Json => "malformed-json",
            Self::Xml => "malformed-xml",
            Self::Form => "malformed-form",
            Self::Multipart => "malformed-multipart",
            Self::Csv => "malformed-csv",
            Self::Ndjson => "malformed-ndjson",
            Self::CloudEvent => "malformed-cloudevent",
        }
    }

    /// What it would be if it were well-formed.
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Text => "text of its charset",
            Self::Json => "JSON",
            Self::Xml => "XML",
            Self::Form => "form",
            Self::Multipart => "multipart",
            Self::Csv => "CSV",
            Self::Ndjson => "NDJSON",
            Self::CloudEvent => "CloudEvent",
        }
    }
}

impl Refused {
    /// What is wrong with a body of this format.
    pub(super) fn malformed(format: Format, place: Place, why: impl fmt::Display) -> Self {
        Self::Malformed { format, place, why: capped(why.to_string(), WHY_BYTES) }
    }

    /// JSON that does not parse.
    pub(super) fn json(error: &serde_json::Error) -> Self {
        let place = |number| u64::try_from(number).unwrap_or(u64::MAX);
        let place = Place::Column(place(error.line()), place(error.column()));
        Self::Malformed { format: Format::Json, place, why: String::new() }
    }

    /// A media type that the webhook does not take.
    pub(super) fn media_type(given: &str, wants: As) -> Self {
        Self::MediaType { given: capped(given.to_owned(), QUOTED_BYTES), wants }
    }

    /// The stable code, as in the README's table and the metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "unsupported-encoding",
            Self::Inflated { .. } => "inflated-too-large",
            Self::Malformed { format, .. } => format.code(),
            Self::MediaType { .. } => "unsupported-media-type",
            Self::Charset(_) => "unsupported-charset",
            Self::TooMany { .. } => "too-complex",
            Self::TooManyRecords { .. } => "too-many-records",
            Self::NoRecords { .. } => "no-records",
        }
    }

    /// The status of RFC 9110 that goes with it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 400,
            Self::Inflated { .. } | Self::TooMany { .. } | Self::TooManyRecords { .. } => 413,
            Self::Encoding(_) | Self::MediaType { .. } | Self::Charset(_) => 415,
            Self::NoRecords { .. } => 422,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding(given) => write!(
                f,
                "the content-encoding {given:?} is not read: send gzip, deflate, br or zstd, at most two of them, or none"
            ),
            Self::Inflated { limit } => {
                write!(f, "the body comes to more than {limit} bytes when it is decoded")
            }
            Self::Malformed { format, place, why } => {
                write!(f, "the body is not well-formed {}{place}", format.name())?;
                if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
            }
            Self::MediaType { given, wants } if given.is_empty() => {
                write!(f, "the body says no content-type: this webhook takes {}", wants.describes())
            }
            Self::MediaType { given, wants } => {
                write!(f, "a body of type {given:?} is not taken: this webhook takes {}", wants.describes())
            }
            Self::Charset(given) => write!(f, "the charset {given:?} is not known: send UTF-8"),
            Self::TooMany { what, limit } => write!(f, "the body has more than {limit} {what}"),
            Self::TooManyRecords { limit } => {
                write!(f, "there are more than {limit} records in the body: send fewer at once")
            }
            Self::NoRecords { pointer } if pointer.is_empty() => {
                f.write_str("the body is no list of records")
            }
            Self::NoRecords { pointer } => write!(f, "the body has no list of records at {pointer:?}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Byte(at) => write!(f, " at byte {at}"),
            Self::Line(line) => write!(f, " at line {line}"),
            Self::Column(line, column) => write!(f, " at line {line}, column {column}"),
            Self::Part(number) => write!(f, " in part {number}"),
            Self::Record(number) => write!(f, " in record {number}"),
        }
    }
}

impl std::error::Error for Refused {}
