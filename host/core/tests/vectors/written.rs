//! What all files of `tests/senders/vectors` have in common: requests, and the times at which they come.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde::Deserialize;

#[derive(Clone, Deserialize)]
pub struct Written {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Body {
    Text(String),
    Bytes { base64: String },
}

impl Body {
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes { base64 } => STANDARD.decode(base64).unwrap(),
        }
    }
}

/// Where the files are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/senders/vectors")
}

/// A time of RFC 3339, in milliseconds since the Unix epoch.
pub fn ms(time: &str) -> u64 {
    DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis().try_into().unwrap()
}
