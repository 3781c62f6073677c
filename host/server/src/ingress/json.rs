//! Checks that a body is JSON that every step can read, without building a value of it.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Well-formed JSON, nested no deeper than serde_json reads (128 levels). Holds nothing.
pub(super) struct WellFormed;

impl<'de> Deserialize<'de> for WellFormed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for WellFormed {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::WellFormed;

    fn is_well_formed(text: &str) -> bool {
        serde_json::from_str::<WellFormed>(text).is_ok()
    }

    #[test]
    fn what_serde_json_reads_is_well_formed_and_nothing_else() {
        for good in [
            "null",
            "-1.5e3",
            r#"{"a":[true,{"b":"\u00e9"}]}"#,
            &format!("{}{}", "[".repeat(100), "]".repeat(100)),
        ] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in [
            "",
            "{",
            r#"{"a":1,}"#,
            "[1] 2",
            "nul",
            &"[".repeat(100_000),
            &format!("{}{}", "[".repeat(200), "]".repeat(200)),
        ] {
            assert!(!is_well_formed(bad), "{}", bad.len());
        }
    }
}
