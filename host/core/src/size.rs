//! Numbers of bytes as operators write them: `1048576`, `512KiB`, `1GiB`, `10GB`.

use serde::{Deserialize, Deserializer, Serializer, de};

/// The units, the longer ones before those that they end in.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Parses a number of bytes.
///
/// # Errors
/// A sentence that names the text and what is expected.
pub fn parse(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let unit = UNITS.iter().find_map(|(unit, bytes)| Some((trimmed.strip_suffix(unit)?, *bytes)));
    let (number, bytes) = unit.unwrap_or((trimmed, 1));
    let number = number.trim_end().parse::<u64>().ok().and_then(|number| number.checked_mul(bytes));
    number.ok_or_else(|| format!("{text:?} is no size (expected one such as 1048576, 512KiB, 1GiB or 10GB)"))
}

/// Writes a size as [`parse`] reads it.
pub fn format(bytes: u64) -> String {
    let fits = |unit: &&(&str, u64)| bytes >= unit.1 && bytes.is_multiple_of(unit.1);
    let unit = UNITS.iter().filter(|(unit, _)| unit.ends_with("iB")).rev().find(fits);
    match unit {
        Some((unit, of)) => format!("{}{unit}", bytes / of),
        None => bytes.to_string(),
    }
}

/// A size as serde has it: a text or a number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a size such as 1GiB, or a number of bytes")]
enum Size {
    Bytes(u64),
    Text(String),
}

impl Size {
    fn bytes<E: de::Error>(self) -> Result<u64, E> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Text(text) => parse(&text).map_err(E::custom),
        }
    }
}

/// Writes a size, for serde.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format(*bytes))
}

/// Reads a size, for serde.
///
/// # Errors
/// It is none.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Size::deserialize(deserializer)?.bytes()
}

/// Optional sizes, as serde has them: a text or a number.
pub mod option {
    use super::{Deserialize, Deserializer, Serializer, Size};

    /// Writes a size or nothing.
    pub fn serialize<S: Serializer>(bytes: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.collect_str(&super::format(*bytes)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a size or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Option::<Size>::deserialize(deserializer)?.map(Size::bytes).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_with_and_without_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("7", 7),
            ("7B", 7),
            ("512KiB", 512 << 10),
            (" 1 GiB", 1 << 30),
            ("10GB", 10_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
            assert_eq!(parse(&format(bytes)), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "1.5GiB", "-1", "1gib", "1 XiB", "99999999TiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
