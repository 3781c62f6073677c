//! What a webhook says of the bodies that it takes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often the document may be larger than what was sent, unless the webhook says.
const INFLATES: u64 = 8;
/// Largest document: it must fit into one journal entry.
pub const INFLATED_MAX: u64 = 256 << 20;
/// Deepest elements of XML: each is at most two levels of JSON, which readers take 127 of.
pub const XML_DEPTH_MAX: u32 = 63;
/// Records of a body, unless the webhook says.
const RECORDS: u32 = 1_000;
/// Most records that a webhook may allow: they become runs in one commit.
pub const RECORDS_MAX: u32 = 10_000;

/// How a webhook's bodies become documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BodyRules")]
pub struct Rules {
    /// What the bodies are. `auto`, unless given, goes by their content type; any other takes only bodies of that kind.
    #[serde(default, rename = "as")]
    pub kind: As,
    /// Most bytes of the document, when a body is inflated and decoded: 8 times `max_body_bytes` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_inflated_bytes: Option<u64>,
    /// How XML is read.
    #[serde(default, skip_serializing_if = "XmlRules::is_default")]
    pub xml: XmlRules,
    /// Makes a run of each record: `true` if the body is the list, or a JSON pointer to the list in it, such as
    /// `/events`.
    #[serde(default, skip_serializing_if = "Split::is_off")]
    pub split: Split,
    /// Most records of a body that is split; 1000 unless given.
    #[serde(default = "records", skip_serializing_if = "is_records")]
    pub max_records: u32,
}

/// What a webhook's bodies are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum As {
    /// What their content type says: all of the following, and what is not known as it is. Without one, JSON.
    #[default]
    Auto,
    /// JSON.
    Json,
    /// XML, as JSON in the way of the stock plugin `xml`.
    Xml,
    /// A form's fields, as an object of texts.
    Form,
    /// `multipart/form-data` or `multipart/mixed`, as an object of texts and files.
    Multipart,
    /// CSV with a header row, as a list of objects.
    Csv,
    /// JSON values in lines, as a list.
    Ndjson,
    /// Text in UTF-8, under the media type that it came with.
    Text,
    /// Bytes as they came, but inflated.
    Binary,
    /// CloudEvents in any of their three modes.
    Cloudevents,
}

/// How XML is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XmlRules {
    /// How deep elements may lie within each other; 63 unless given, which is the most.
    #[serde(default = "deepest")]
    #[schemars(range(min = 1, max = 63))]
    pub max_depth: u32,
}

/// Which records of a body become runs of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, or a JSON pointer to the list such as /events")]
pub enum Split {
    /// Whether the body is a list of records.
    Whole(bool),
    /// The list is at this RFC 6901 pointer.
    At(String),
}

impl Rules {
    /// Most bytes of a document that is made of a body of at most `max_body_bytes`.
    pub fn inflated_bytes(&self, max_body_bytes: u64) -> u64 {
        let usual = max_body_bytes.saturating_mul(INFLATES).min(INFLATED_MAX);
        self.max_inflated_bytes.unwrap_or(usual)
    }

    /// Most records of a body.
    pub fn records(&self) -> usize {
        usize::try_from(self.max_records).unwrap_or(usize::MAX)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            kind: As::Auto,
            max_inflated_bytes: None,
            xml: XmlRules::default(),
            split: Split::default(),
            max_records: RECORDS,
        }
    }
}

impl Default for XmlRules {
    fn default() -> Self {
        Self { max_depth: XML_DEPTH_MAX }
    }
}

impl XmlRules {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Split {
    fn default() -> Self {
        Self::Whole(false)
    }
}

impl Split {
    /// Whether a body is one document.
    pub fn is_off(&self) -> bool {
        self.pointer().is_none()
    }

    /// Where the list of records is, if bodies are split: empty for the whole body.
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Whole(false) => None,
            Self::Whole(true) => Some(""),
            Self::At(pointer) => Some(pointer),
        }
    }
}

impl As {
    /// What a sender may send, in words.
    pub(super) fn describes(self) -> &'static str {
        match self {
            Self::Auto => "what has records: JSON, XML, forms, CSV, NDJSON or CloudEvents",
            Self::Json => "application/json",
            Self::Xml => "application/xml",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Multipart => "multipart/form-data or multipart/mixed",
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            Self::Text => "text",
            Self::Binary => "anything",
            Self::Cloudevents => {
                "CloudEvents: ce- headers, application/cloudevents+json or application/cloudevents-batch+json"
            }
        }
    }
}

fn deepest() -> u32 {
    XML_DEPTH_MAX
}

fn records() -> u32 {
    RECORDS
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_records(records: &u32) -> bool {
    *records == RECORDS
}
