//! Looking into JSON without taking it apart: what is found keeps the text that it came as, so that members stay in
//! their order and numbers keep their digits, whatever their size.
//!
//! ```
//! use stepmill_sdk::{Document, raw};
//!
//! let order = Document::from_json(r#"{"lines": [{"sku": "A", "price": 19.90}]}"#);
//! let price = raw::at(raw::parse(&order)?, "/lines/0/price").expect("it is there");
//! assert_eq!(price.get(), "19.90");
//! # Ok::<(), stepmill_sdk::Failure>(())
//! ```

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
pub use serde_json::value::RawValue;

use crate::{Document, Failure};

/// A JSON value that is no array and no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with the digits that it came with.
    Number(&'a str),
    /// A string, without quotes and escapes.
    Text(Cow<'a, str>),
}

impl fmt::Display for Scalar<'_> {
    /// As text: without quotes, and nothing for null.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => value.fmt(f),
            Self::Number(digits) => digits.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The document as JSON. What does not parse is a rejection with code `input`.
pub fn parse(document: &Document) -> Result<&RawValue, Failure> {
    serde_json::from_slice(document.bytes())
        .map_err(|error| Failure::reject("input", format!("the input is not JSON: {error}")))
}

/// What an RFC 6901 pointer points at.
///
/// ```
/// use stepmill_sdk::raw::{self, RawValue};
/// let json: &RawValue = serde_json::from_str(r#"{"a/b": [1, 2.50]}"#)?;
/// assert_eq!(raw::at(json, "/a~1b/1").map(RawValue::get), Some("2.50"));
/// assert!(raw::at(json, "/a").is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn at<'a>(json: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    let mut found = json;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        found = if found.get().starts_with('[') {
            items(found)?.get(part.parse::<usize>().ok()?)?
        } else {
            // Of a name that stands twice the last counts, as it does for most readers.
            members(found)?.into_iter().rev().find(|(name, _)| *name == part)?.1
        };
    }
    Some(found)
}

/// The items of an array; none if it is something else.
///
/// ```
/// use stepmill_sdk::raw::{self, RawValue};
/// let json: &RawValue = serde_json::from_str("[1.0, {}]")?;
/// assert_eq!(raw::items(json).unwrap().len(), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn items(json: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json.get()).ok()
}

/// The members of an object in their order; none if it is something else.
///
/// ```
/// use stepmill_sdk::raw::{self, RawValue};
/// let json: &RawValue = serde_json::from_str(r#"{"b": 1, "a": 2}"#)?;
/// let names: Vec<_> = raw::members(json).unwrap().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["b", "a"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn members(json: &RawValue) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    serde_json::from_str(json.get()).ok().map(|Members(members)| members)
}

/// A value that is no array and no object.
///
/// ```
/// use stepmill_sdk::raw::{self, RawValue, Scalar};
/// let json: &RawValue = serde_json::from_str("1.50")?;
/// assert_eq!(raw::scalar(json), Some(Scalar::Number("1.50")));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn scalar(json: &RawValue) -> Option<Scalar<'_>> {
    match json.get() {
        "null" => Some(Scalar::Null),
        "true" => Some(Scalar::Bool(true)),
        "false" => Some(Scalar::Bool(false)),
        text if text.starts_with('"') => serde_json::from_str(text).ok().map(|Text(text)| Scalar::Text(text)),
        text if text.starts_with(['[', '{']) => None,
        digits => Some(Scalar::Number(digits)),
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(InOrder)
    }
}
