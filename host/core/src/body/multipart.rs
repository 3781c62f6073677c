//! `multipart/form-data` (RFC 7578) and `multipart/mixed` (RFC 2046, section 5.1) as an object of texts and files.
//!
//! multer, which servers have for this, takes a part without headers for one whose headers are its content up to the next
//! blank line; so the lines of boundaries are looked for here, and headers are httparse's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::UTF_8;
use indexmap::IndexMap;
use memchr::memmem;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::refused::{Format, Place, QUOTED_BYTES, Refused};
use super::{charset, form, media};
use crate::attempt::capped;
use crate::document::is_textual;

/// Most parts of a body.
pub(super) const PARTS: usize = 1_000;
/// Most headers of a part.
const HEADERS: usize = 32;
/// Longest boundary: RFC 2046, section 5.1.1.
const BOUNDARY: usize = 70;
/// Media type of a part that says none: RFC 7578, section 4.4.
const TEXT: &str = "text/plain";

/// What a part is read as.
#[derive(Serialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    File { filename: Option<String>, media_type: String, base64: String },
}

/// The parts as JSON, by their names. A name that is there several times has a list; a part without one is
/// `part-N`, from 1.
pub(super) fn read(media_type: &str, bytes: &[u8], limit: u64) -> Result<String, Refused> {
    let boundary = media::parameter(media_type, "boundary").unwrap_or_default();
    if !(1..=BOUNDARY).contains(&boundary.len()) {
        let why = format!("the content-type has no boundary of 1 to {BOUNDARY} characters");
        return Err(Refused::malformed(Format::Multipart, Place::Whole, why));
    }
    let mut parts: IndexMap<String, Vec<Part>> = IndexMap::new();
    each(bytes, &boundary, |number, part| {
        let Headers { name, filename, media_type, is_base64 } = headers(part.headers, number)?;
        let name = name.unwrap_or_else(|| format!("part-{number}"));
        let content = content(part.content, is_base64, number)?;
        let part = if filename.is_some() || !is_textual(&media_type) {
            Part::File { filename, media_type, base64: STANDARD.encode(&content) }
        } else {
            Part::Text(text(&content, &media_type, number, limit)?)
        };
        parts.entry(name).or_default().push(part);
        Ok(())
    })?;
    form::object(parts, limit)
}

/// A part as it stands between two boundaries.
struct Piece<'b> {
    headers: &'b [u8],
    content: &'b [u8],
}

/// Takes each part with its number, from 1. What stands before the first boundary and after the last one is not read.
fn each<'b>(
    bytes: &'b [u8],
    boundary: &str,
    mut take: impl FnMut(usize, Piece<'b>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(&delimiter);
    // A line of a boundary from some byte on: where it begins, where it ends, and whether it is the last one.
    let line = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        finder.find_iter(rest).find_map(|at| {
            let (length, is_last) = line_end(rest.get(at + delimiter.len()..)?)?;
            Some((from + at, from + at + delimiter.len() + length, is_last))
        })
    };
    let first = bytes.strip_prefix(delimiter.get(2..).unwrap_or_default().as_bytes()).and_then(line_end);
    let first = first.map(|(length, is_last)| (delimiter.len() - 2 + length, is_last));
    let first = first.or_else(|| line(0).map(|(_, end, is_last)| (end, is_last)));
    let (mut begin, mut is_last) = first.ok_or_else(|| {
        Refused::malformed(Format::Multipart, Place::Whole, "there is no line of its boundary")
    })?;
    let mut number = 0;
    while !is_last {
        number += 1;
        if number > PARTS {
            return Err(Refused::TooMany { what: "parts", limit: PARTS });
        }
        let malformed = |why: &str| Refused::malformed(Format::Multipart, Place::Part(number), why);
        // The line break before a boundary belongs to it; of a part without anything it is the one that begins it.
        let (end, next, is_end) = line(begin).ok_or_else(|| malformed("no boundary follows it"))?;
        let part = bytes.get(begin..end).unwrap_or_default();
        let headers = match part {
            [] | [b'\r', b'\n', ..] => part.len().min(2),
            _ => memmem::find(part, b"\r\n\r\n").ok_or_else(|| malformed("its headers do not end"))? + 4,
        };
        let (headers, content) = part.split_at_checked(headers).unwrap_or((part, &[]));
        take(number, Piece { headers, content })?;
        (begin, is_last) = (next, is_end);
    }
    Ok(())
}

/// What ends the line of a boundary: its length, and whether the line is the last one. Otherwise it was none.
fn line_end(rest: &[u8]) -> Option<(usize, bool)> {
    if rest.starts_with(b"--") {
        return Some((2, true));
    }
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    rest.get(padding..)?.starts_with(b"\r\n").then_some((padding + 2, false))
}

/// What the headers of a part say.
struct Headers {
    name: Option<String>,
    filename: Option<String>,
    media_type: String,
    is_base64: bool,
}

fn headers(bytes: &[u8], number: usize) -> Result<Headers, Refused> {
    let malformed =
        |why: &dyn std::fmt::Display| Refused::malformed(Format::Multipart, Place::Part(number), why);
    let mut found = Headers { name: None, filename: None, media_type: TEXT.to_owned(), is_base64: false };
    if bytes.is_empty() {
        return Ok(found);
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let headers = match httparse::parse_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete((_, headers))) => headers,
        Ok(httparse::Status::Partial) => return Err(malformed(&"its headers do not end")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Refused::TooMany { what: "headers in a part", limit: HEADERS });
        }
        Err(error) => return Err(malformed(&error)),
    };
    for httparse::Header { name, value } in headers {
        let value =
            std::str::from_utf8(value).map_err(|_| malformed(&format!("its {name} is no UTF-8")))?.trim();
        if name.eq_ignore_ascii_case("content-disposition") {
            found.name = media::parameter(value, "name").map(Into::into);
            found.filename = filename(value);
        } else if name.eq_ignore_ascii_case("content-type") {
            value.clone_into(&mut found.media_type);
        } else if name.eq_ignore_ascii_case("content-transfer-encoding") {
            found.is_base64 = match value.to_ascii_lowercase().as_str() {
                "7bit" | "8bit" | "binary" => false,
                "base64" => true,
                _ => {
                    let value = capped(value.to_owned(), QUOTED_BYTES);
                    return Err(malformed(&format!(
                        "its content-transfer-encoding {value:?} is not read: send binary"
                    )));
                }
            };
        }
    }
    Ok(found)
}

/// The name of a file, which RFC 8187 may have escaped.
fn filename(disposition: &str) -> Option<String> {
    let extended = media::parameter(disposition, "filename*").and_then(|value| {
        let (charset, escaped) = value.split_once('\'')?;
        let (_, escaped) = escaped.split_once('\'')?;
        let decoded = percent_decode_str(escaped).decode_utf8().ok()?;
        charset.eq_ignore_ascii_case("utf-8").then(|| decoded.into_owned())
    });
    extended.or_else(|| media::parameter(disposition, "filename").map(Into::into))
}

fn content(bytes: &[u8], is_base64: bool, number: usize) -> Result<std::borrow::Cow<'_, [u8]>, Refused> {
    if !is_base64 {
        return Ok(bytes.into());
    }
    // Its lines end as those of mail do.
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let decoded = STANDARD.decode(text);
    decoded.map(Into::into).map_err(|error| Refused::malformed(Format::Multipart, Place::Part(number), error))
}

fn text(content: &[u8], media_type: &str, number: usize, limit: u64) -> Result<String, Refused> {
    let encoding = match media::parameter(media_type, "charset") {
        Some(charset) => charset::named(&charset)?,
        None => UTF_8,
    };
    charset::text(content, encoding, limit).map(Into::into).map_err(|refused| match refused {
        Refused::Malformed { .. } => {
            let why = format!("it is no text in {}", encoding.name());
            Refused::malformed(Format::Multipart, Place::Part(number), why)
        }
        other => other,
    })
}
