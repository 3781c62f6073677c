//! Bodies and stored values as case files write them: JSON, text, or base64 of other bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use stepmill_core::document::{JSON, is_json};
use stepmill_core::storage::StoredValue;

use super::finding::Finding;
use crate::author::difference;

/// Bytes, and how they are compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// As JSON.
    Json(Value),
    /// As text.
    Text(String),
    /// As bytes.
    Bytes(Vec<u8>),
}

/// What is wrong with content, and the key of it.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) key: &'static str,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

impl Content {
    /// What the three keys give; none if none of them is there.
    pub(crate) fn of(
        json: Option<&Value>,
        text: Option<&String>,
        base64: Option<&String>,
    ) -> Result<Option<Self>, Unusable> {
        let one = |key, other: &str| Unusable {
            key,
            message: format!("`{key}` stands beside `{other}`"),
            help: "give one of json, text and base64",
        };
        match (json, text, base64) {
            (None, None, None) => Ok(None),
            (Some(json), None, None) => Ok(Some(Self::Json(json.clone()))),
            (None, Some(text), None) => Ok(Some(Self::Text(text.clone()))),
            (None, None, Some(base64)) => decode(base64).map(Self::Bytes).map(Some),
            (Some(_), Some(_), _) => Err(one("text", "json")),
            (Some(_), None, Some(_)) => Err(one("base64", "json")),
            (None, Some(_), Some(_)) => Err(one("base64", "text")),
        }
    }

    /// The bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Json(json) => json.to_string().into_bytes(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }

    /// What such content most likely is.
    pub(crate) fn media_type(&self) -> &'static str {
        match self {
            Self::Json(_) => JSON,
            Self::Text(_) => "text/plain; charset=utf-8",
            Self::Bytes(_) => "application/octet-stream",
        }
    }

    /// In what `got` is something else; `about` says what it is.
    pub(crate) fn compare(&self, about: &str, got: &[u8]) -> Option<Finding> {
        match self {
            Self::Json(expected) => match serde_json::from_slice::<Value>(got) {
                Ok(got) => Finding::of_changes(about, difference::json(expected, &got)),
                Err(error) => {
                    let got = told(got);
                    Some(Finding::new(about, vec![format!("expected JSON, got {got} ({error})")]))
                }
            },
            Self::Text(expected) => match std::str::from_utf8(got) {
                Ok(text) if !expected.contains('\n') && !text.contains('\n') => {
                    let line = || format!("expected {}, got {}", told(expected.as_bytes()), told(got));
                    (expected != text).then(|| Finding::new(about, vec![line()]))
                }
                Ok(got) => Finding::of_lines(about, difference::lines(expected, got)),
                Err(_) => Some(Finding::new(about, vec![format!("expected text, got {}", told(got))])),
            },
            Self::Bytes(expected) if expected == got => None,
            Self::Bytes(expected) => {
                let line = format!("expected {}, got {}", told(expected), told(got));
                Some(Finding::new(about, vec![line]))
            }
        }
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Unusable> {
    // YAML folds long texts over several lines.
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).map_err(|error| Unusable {
        key: "base64",
        message: format!("this is no base64: {}", error.to_string().trim_end_matches('.').to_lowercase()),
        help: "give RFC 4648 base64 with its padding, as `base64 FILE` prints it",
    })
}

/// Bytes in one line.
pub(crate) fn told(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok("") => "nothing".into(),
        Ok(text) => format!("{:?}", difference::excerpt(text)),
        Err(_) => {
            let start = bytes.get(..48).unwrap_or(bytes);
            let more = if start.len() < bytes.len() { "…" } else { "" };
            format!("{} bytes {}{more}", bytes.len(), STANDARD.encode(start))
        }
    }
}

/// A value of plugin storage as a case writes it: a mapping with `json`, `text`, `base64` or `counter` alone, or any
/// other JSON as it is.
pub(crate) enum Held {
    /// Bytes.
    Bytes(Content),
    /// A counter.
    Counter(i64),
}

impl Held {
    /// What a case writes.
    pub(crate) fn of(value: &Value) -> Result<Self, Unusable> {
        let only =
            value.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
        let wrong = |key, message: &str| Unusable {
            key,
            message: message.to_owned(),
            help: "JSON that looks like this is written { json: … }",
        };
        match only.map(|(key, value)| (key.as_str(), value)) {
            Some(("json", json)) => Ok(Self::Bytes(Content::Json(json.clone()))),
            Some(("text", Value::String(text))) => Ok(Self::Bytes(Content::Text(text.clone()))),
            Some(("text", _)) => Err(wrong("text", "expected text")),
            Some(("base64", Value::String(text))) => {
                decode(text).map(|bytes| Self::Bytes(Content::Bytes(bytes)))
            }
            Some(("base64", _)) => Err(wrong("base64", "expected base64 of bytes")),
            Some(("counter", count)) => {
                count.as_i64().map(Self::Counter).ok_or_else(|| wrong("counter", "expected a whole number"))
            }
            Some(_) | None => Ok(Self::Bytes(Content::Json(value.clone()))),
        }
    }

    /// The value itself.
    pub(crate) fn to_stored(&self) -> StoredValue {
        match self {
            Self::Bytes(content) => StoredValue::Bytes(content.to_bytes()),
            Self::Counter(count) => StoredValue::Counter(*count),
        }
    }

    /// In what `got` is something else.
    pub(crate) fn compare(&self, key: &str, got: Option<&StoredValue>) -> Option<Finding> {
        let line = |expected: String, got: String| {
            Some(Finding::new("storage", vec![format!("{key}: expected {expected}, got {got}")]))
        };
        match (self, got) {
            (Self::Bytes(content), Some(StoredValue::Bytes(bytes))) => {
                content.compare(&format!("storage {key}"), bytes)
            }
            (Self::Counter(expected), Some(StoredValue::Counter(got))) if expected == got => None,
            (expected, got) => {
                line(stored(&expected.to_stored()), got.map_or_else(|| "nothing".to_owned(), stored))
            }
        }
    }
}

/// A stored value in one line.
pub(crate) fn stored(value: &StoredValue) -> String {
    match value {
        StoredValue::Bytes(bytes) => told(bytes),
        StoredValue::Counter(count) => format!("the counter {count}"),
    }
}

/// A body as a cassette has it: JSON where nothing of it is lost by that.
pub(crate) fn recorded(media_type: &str, bytes: &[u8]) -> Option<Content> {
    if bytes.is_empty() {
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Some(Content::Bytes(bytes.to_vec())) };
    let json = serde_json::from_str::<Value>(text).ok().filter(|_| is_json(media_type));
    match json.filter(|json| keeps_numbers(json, text)) {
        Some(json) => Some(Content::Json(json)),
        None => Some(Content::Text(text.to_owned())),
    }
}

/// Whether no number loses digits: one that has more than 64 bits hold would.
fn keeps_numbers(json: &Value, text: &str) -> bool {
    match json {
        Value::Number(number) => !number.is_f64() || text.contains(&number.to_string()),
        Value::Array(items) => items.iter().all(|item| keeps_numbers(item, text)),
        Value::Object(members) => members.values().all(|member| keeps_numbers(member, text)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}
