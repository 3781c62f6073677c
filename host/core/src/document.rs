//! What flows from step to step: a media type and a body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Media type of JSON documents.
pub const JSON: &str = "application/json";

/// A body and what kind of thing it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// RFC 9110 media type.
    pub media_type: String,
    /// The content.
    pub body: Body,
}

/// The content of a [`Document`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// UTF-8 text; JSON always travels as text.
    Text(String),
    /// Other bytes.
    Binary(#[serde(with = "bytes")] Vec<u8>),
}

/// A document that is not JSON, or not well-formed JSON.
#[derive(Debug, thiserror::Error)]
pub enum NotJson {
    /// The body is binary.
    #[error("a binary body of type {media_type} is not JSON")]
    Binary {
        /// The document's media type.
        media_type: String,
    },
    /// The text does not parse.
    #[error("the body is not well-formed JSON")]
    Syntax(#[from] serde_json::Error),
}

impl Document {
    /// A JSON document.
    pub fn json(value: &Value) -> Self {
        Self { media_type: JSON.into(), body: Body::Text(value.to_string()) }
    }

    /// A document of bytes as they came: text if they are UTF-8 and the type is a textual one.
    pub fn from_bytes(media_type: &str, bytes: Vec<u8>) -> Self {
        let media_type = if media_type.is_empty() { "application/octet-stream" } else { media_type };
        let body = if is_textual(media_type) {
            String::from_utf8(bytes).map_or_else(|error| Body::Binary(error.into_bytes()), Body::Text)
        } else {
            Body::Binary(bytes)
        };
        Self { media_type: media_type.to_owned(), body }
    }

    /// The parsed body of a JSON document.
    pub fn to_json(&self) -> Result<Value, NotJson> {
        match &self.body {
            Body::Text(text) => Ok(serde_json::from_str(text)?),
            Body::Binary(_) => Err(NotJson::Binary { media_type: self.media_type.clone() }),
        }
    }

    /// The content as a JSON value: JSON as it is; text that is not JSON as a string; other bytes as a string
    /// of base64.
    pub fn to_value(&self) -> Value {
        match &self.body {
            Body::Text(text) if is_json(&self.media_type) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
            }
            Body::Text(text) => Value::from(text.as_str()),
            Body::Binary(bytes) => Value::from(STANDARD.encode(bytes)),
        }
    }

    /// Length of the body in bytes.
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.len(),
            Body::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether the body is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether a media type says that the body is JSON: `application/json`, or the suffix `+json` of RFC 6839.
pub fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == JSON || essence.ends_with("+json")
}

/// The type and subtype, without parameters, in lower case.
pub(crate) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type says that the body is text.
pub(crate) fn is_textual(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence.starts_with("text/")
        || matches!(essence.as_str(), JSON | "application/xml" | "application/x-www-form-urlencoded")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

/// Bytes as base64 text where the format is for people, as bytes where it is binary.
pub(crate) mod bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&STANDARD.encode(bytes))
        } else {
            serializer.serialize_bytes(bytes)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        if deserializer.is_human_readable() {
            STANDARD.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)
        } else {
            deserializer.deserialize_byte_buf(Bytes)
        }
    }

    struct Bytes;

    impl de::Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}
