//! Forms: `application/x-www-form-urlencoded` of the URL Standard (<https://url.spec.whatwg.org/#urlencoded-parsing>), as
//! an object of texts.

use std::borrow::Cow;

use encoding_rs::Encoding;
use indexmap::IndexMap;
use percent_encoding::percent_decode;

use super::charset;
use super::output::Output;
use super::refused::{Format, Place, Refused};

/// Most fields of a form.
pub(super) const FIELDS: usize = 10_000;

/// The form as JSON. A name that is there several times has a list of its values; what is in brackets after a name
/// belongs to it.
pub(super) fn read(bytes: &[u8], charset: &'static Encoding, limit: u64) -> Result<String, Refused> {
    let mut fields: IndexMap<String, Vec<String>> = IndexMap::new();
    let mut at = 0;
    for (number, pair) in bytes.split(|byte| *byte == b'&').enumerate() {
        if number == FIELDS {
            return Err(Refused::TooMany { what: "form fields", limit: FIELDS });
        }
        if !pair.is_empty() {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default(), charset, at, limit);
            let (name, value) = (half()?, half()?);
            fields.entry(name).or_default().push(value);
        }
        at += pair.len() + 1;
    }
    object(fields, limit)
}

/// An object with the members of a multi-map: a member with one value is that value.
pub(super) fn object<V: serde::Serialize>(
    fields: IndexMap<String, Vec<V>>,
    limit: u64,
) -> Result<String, Refused> {
    let mut json = Output::new(limit);
    json.push("{")?;
    for (name, values) in fields {
        json.comma()?;
        json.value(&name)?;
        json.push(":")?;
        match values.as_slice() {
            [value] => json.value(value)?,
            values => json.value(values)?,
        }
    }
    json.push("}")?;
    Ok(json.into_text())
}

/// A name or a value, which belongs to the pair at this byte.
fn decode(encoded: &[u8], charset: &'static Encoding, at: usize, limit: u64) -> Result<String, Refused> {
    let spaced: Cow<'_, [u8]> = if encoded.contains(&b'+') {
        encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect()
    } else {
        encoded.into()
    };
    let decoded: Cow<'_, [u8]> = percent_decode(&spaced).into();
    match charset::unmarked(&decoded, charset, limit) {
        Ok(text) => Ok(text.into_owned()),
        Err(Refused::Malformed { .. }) => {
            let why = format!("what is escaped is no text in {}", charset.name());
            Err(Refused::malformed(Format::Form, Place::Byte(at), why))
        }
        Err(refused) => Err(refused),
    }
}
