//! Types that many plugins' configs have.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// A text, number or boolean: what an expression may give where text is wanted.
///
/// ```
/// use stepmill_sdk::config::Scalar;
/// let key: Scalar = serde_json::from_str("4711")?;
/// assert_eq!(key.to_string(), "4711");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(description = "A text, number or boolean.")]
pub enum Scalar {
    /// As it is.
    Text(String),
    /// In decimal.
    Number(#[schemars(with = "f64")] serde_json::Number),
    /// `true` or `false`.
    Bool(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Bool(value) => value.fmt(f),
        }
    }
}

/// A length of time as people write it: `500ms`, `10s`, `5m`, `2h`, `7d`, also joined as `1h30m`.
///
/// ```
/// use stepmill_sdk::config::Span;
/// let span: Span = serde_json::from_str("\"1h30m\"")?;
/// assert_eq!(span.duration().as_secs(), 5400);
/// assert!(serde_json::from_str::<Span>("\"soon\"").is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(Duration);

impl Span {
    /// How long it is.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// How long it is, in milliseconds; the longest there is if it is longer.
    pub fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            let message =
                format!("{text:?} is no duration (expected one such as 500ms, 10s, 5m or 7d): {error}");
            serde::de::Error::custom(message)
        })
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]+ *[a-zA-Z]+ *)+$", "examples": ["500ms", "10s", "7d"] })
    }
}

/// Reads a key that may be null, and tells that from one that is not given: serde takes null for a missing one.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::{Value, json};
/// use stepmill_sdk::config;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Config {
///     /// What is sent: any JSON, null included.
///     #[serde(default, deserialize_with = "config::present")]
///     #[schemars(schema_with = "config::any")]
///     body: Option<Value>,
/// }
///
/// let config: Config = serde_json::from_value(json!({"body": null}))?;
/// assert_eq!(config.body, Some(Value::Null));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The JSON Schema of a key that may be any JSON; see [`present`].
pub fn any(_: &mut SchemaGenerator) -> Schema {
    true.into()
}
