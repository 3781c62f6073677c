//! Identifiers. A run's id is ordered by acceptance, so it is also the order of listings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{Builder, Uuid};

/// Id of a run: a UUID version 7 (RFC 9562), written `run_` and 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Uuid);

impl RunId {
    /// An id for a run accepted at `at_ms` (milliseconds since the Unix epoch).
    pub fn new(at_ms: u64, random: [u8; 10]) -> Self {
        Self(Builder::from_unix_timestamp_millis(at_ms, &random).into_uuid())
    }

    /// The 16 bytes, in an order that is the order of acceptance to the millisecond.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id that [`RunId::as_bytes`] gave the bytes of.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// What an attempt of `step` sends to systems that can recognise a repeated request.
    pub fn idempotency_key(&self, step: &str) -> String {
        format!("{self}:{step}")
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run_{}", self.0.simple())
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no run id.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no run id (expected run_ and 32 hexadecimal digits)")]
pub struct InvalidRunId(String);

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, InvalidRunId> {
        text.strip_prefix("run_")
            .filter(|hex| hex.len() == 32)
            .and_then(|hex| Uuid::try_parse(hex).ok())
            .map(Self)
            .ok_or_else(|| InvalidRunId(text.chars().take(80).collect()))
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::RunId;

    #[test]
    fn ids_are_ordered_by_acceptance_and_survive_text() {
        let early = RunId::new(1_000, [255; 10]);
        let late = RunId::new(1_001, [0; 10]);
        assert!(early < late);
        assert_eq!(early.to_string().parse::<RunId>().ok(), Some(early));
        assert!("run_12".parse::<RunId>().is_err());
    }
}
