//! What a component says of itself, checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which step interface a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Pure: a document from a document.
    Transform,
    /// Pure: what is wrong with a document.
    Validate,
    /// Talks to other systems.
    Connector,
}

impl Kind {
    /// Whether attempts may be repeated freely because nothing but their answer comes of them.
    pub fn is_pure(self) -> bool {
        match self {
            Self::Transform | Self::Validate => true,
            Self::Connector => false,
        }
    }

    /// The kind as people write it; also the name of its step interface in WIT.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Validate => "validate",
            Self::Connector => "connector",
        }
    }
}

/// A plugin's manifest, with its schemas parsed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name, as in `use:`.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Which world it targets.
    pub kind: Kind,
    /// JSON Schema of `with:`.
    pub config_schema: Value,
    /// JSON Schema of the input, where there is one.
    pub input_schema: Option<Value>,
    /// JSON Schema of the output, where there is one.
    pub output_schema: Option<Value>,
}
