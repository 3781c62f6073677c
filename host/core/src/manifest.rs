//! What a component says of itself, checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a component is for: which step interface it exports, or `verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Pure: a document from a document.
    Transform,
    /// Pure: what is wrong with a document.
    Validate,
    /// Talks to other systems.
    Connector,
    /// No step. Pure: whether a webhook's request is its sender's.
    Verify,
}

impl Kind {
    /// Whether attempts may be repeated freely because nothing but their answer comes of them.
    pub fn is_pure(self) -> bool {
        match self {
            Self::Transform | Self::Validate | Self::Verify => true,
            Self::Connector => false,
        }
    }

    /// Whether it is a step: what a workflow's `use` may name.
    pub fn is_step(self) -> bool {
        match self {
            Self::Transform | Self::Validate | Self::Connector => true,
            Self::Verify => false,
        }
    }

    /// The kind as people write it; also the name of its interface in WIT.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Validate => "validate",
            Self::Connector => "connector",
            Self::Verify => "verify",
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

impl Manifest {
    /// The keyword of a config schema under which it says which keys it asks a webhook's config for.
    pub const KEYS: &'static str = "x-stepmill-keys";

    /// The names of the keys that it asks for, and what each is; none if it does not say.
    pub fn keys(&self) -> Option<impl Iterator<Item = (&str, &str)> + Clone> {
        let keys = self.config_schema.get(Self::KEYS)?.as_object()?;
        Some(keys.iter().map(|(name, is)| (name.as_str(), is.as_str().unwrap_or_default())))
    }
}
