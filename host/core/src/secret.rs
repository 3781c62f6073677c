//! Secrets are named in config, never written there, and never shown.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a secret is found: `env:NAME` or `file:PATH`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// An environment variable of the host.
    Env(String),
    /// A file, relative to the config's folder; a line break at its end is not part of the secret.
    File(PathBuf),
}

/// A text that names no secret. Does not hold the text: it may well be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretRef {
    /// Neither `env:` nor `file:`.
    #[error("a secret is named, not written here: give env:NAME or file:PATH")]
    NoReference,
    /// Not a name of an environment variable.
    #[error("env: is followed by a variable's name of letters, digits and _, such as env:SHOP_SECRET")]
    BadName,
    /// No path.
    #[error("file: is followed by a path, such as file:/run/secrets/shop")]
    NoPath,
}

impl FromStr for SecretRef {
    type Err = InvalidSecretRef;

    fn from_str(text: &str) -> Result<Self, InvalidSecretRef> {
        if let Some(name) = text.strip_prefix("env:") {
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if is_name { Ok(Self::Env(name.into())) } else { Err(InvalidSecretRef::BadName) }
        } else if let Some(path) = text.strip_prefix("file:") {
            if path.is_empty() { Err(InvalidSecretRef::NoPath) } else { Ok(Self::File(path.into())) }
        } else {
            Err(InvalidSecretRef::NoReference)
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
            "description": "Where a secret is found: env:NAME or file:PATH.",
        })
    }
}

/// The value of a secret. Neither `Debug` nor `Display` shows it, and it cannot be serialised.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for the one place that uses them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The text, for the one place that uses it; none if it is not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether it is empty, as an unset variable's would be: no secret at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    #[test]
    fn a_reference_survives_text_and_nothing_else_is_one() {
        for text in ["env:SHOP_SECRET", "file:/run/secrets/shop", "file:secrets/a b"] {
            let reference: SecretRef = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(&reference).unwrap(), text);
        }
        assert_eq!("env:".parse::<SecretRef>(), Err(InvalidSecretRef::BadName));
        assert_eq!("env:A-B".parse::<SecretRef>(), Err(InvalidSecretRef::BadName));
        assert_eq!("file:".parse::<SecretRef>(), Err(InvalidSecretRef::NoPath));
    }

    #[test]
    fn neither_a_secret_nor_one_written_in_place_of_a_reference_is_shown() {
        let shown = format!("{0:?} {0}", Secret::new("hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
        let error = serde_json::from_value::<SecretRef>("hunter2".into()).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("give env:NAME or file:PATH"), "{error}");
    }
}
