//! Sets of statuses, as config has them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// A status or range of statuses: `201`, `"2xx"` or `"200-204"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    first: u16,
    last: u16,
}

/// A list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Statuses(Vec<Status>);

impl Statuses {
    /// Whether a status is among them.
    ///
    /// ```
    /// let statuses: stepmill_plugin_rest::Statuses = serde_json::from_str(r#"[201, "4xx"]"#).unwrap();
    /// assert!(statuses.contains(404) && !statuses.contains(200));
    /// ```
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| (range.first..=range.last).contains(&status))
    }
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (first.trim().parse().ok()?, last.trim().parse().ok()?),
            None => match text.strip_suffix("xx") {
                Some(class) => {
                    let class: u16 = class.parse().ok()?;
                    (class.checked_mul(100)?, class.checked_mul(100)?.checked_add(99)?)
                }
                None => (text.parse().ok()?, text.parse().ok()?),
            },
        };
        (first >= 100 && first <= last && last <= 599).then_some(Self { first, last })
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u16),
            Text(String),
        }
        let text = match Form::deserialize(from)? {
            Form::Number(number) => number.to_string(),
            Form::Text(text) => text,
        };
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no status such as 201, \"2xx\" or \"200-204\""))
        })
    }
}

impl JsonSchema for Status {
    fn schema_name() -> Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A status, a class (`2xx`) or a range (`200-204`).",
            "oneOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": "^([1-5]xx|[1-5][0-9][0-9](-[1-5][0-9][0-9])?)$" },
            ],
        })
    }
}
