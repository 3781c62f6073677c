//! JSON, looked at without building values of it: numbers keep their digits and members their order.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::refused::Refused;

/// Checks that bytes are JSON that every step can read.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refused> {
    serde_json::from_slice::<WellFormed>(bytes).map(drop).map_err(|error| Refused::json(&error))
}

/// What an RFC 6901 pointer points at in well-formed JSON. Of a member that is there twice the last counts.
pub(super) fn at<'t>(json: &'t str, pointer: &str) -> Option<&'t str> {
    let mut found = json;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        found = match found.trim_start().as_bytes().first() {
            Some(b'{') => member(found, &token)?,
            Some(b'[') => item(found, token.parse().ok()?)?,
            _ => return None,
        };
    }
    Some(found)
}

/// The items of an array; none if it is something else. Of more than `most` one more is kept.
pub(super) fn items(json: &str, most: usize) -> Option<Vec<&str>> {
    Items { from: 0, most: most.saturating_add(1) }
        .deserialize(&mut serde_json::Deserializer::from_str(json))
        .ok()
}

/// The members of an object in their order; none if it is something else, or has more than `most`.
pub(super) fn members(json: &str, most: usize) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut members = Vec::new();
    let each = Members(|name, value| {
        if members.len() < most {
            members.push((name, value));
            return true;
        }
        false
    });
    each.deserialize(&mut serde_json::Deserializer::from_str(json)).ok()?;
    Some(members)
}

fn member<'t>(json: &'t str, wanted: &str) -> Option<&'t str> {
    let mut found = None;
    let each = Members(|name: Cow<'t, str>, value| {
        if name == wanted {
            found = Some(value);
        }
        true
    });
    each.deserialize(&mut serde_json::Deserializer::from_str(json)).ok()?;
    found
}

fn item(json: &str, index: usize) -> Option<&str> {
    let items = Items { from: index, most: 1 };
    items.deserialize(&mut serde_json::Deserializer::from_str(json)).ok()?.pop()
}

/// A string, borrowed where it has no escapes.
struct Text<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(text.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(text.to_owned().into()))
            }
        }

        from.deserialize_str(Borrowed)
    }
}

/// The text of a string; none if it is another value.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(json).ok().map(|Text(text)| text)
}

/// Some items of an array.
struct Items {
    from: usize,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<&'de str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        for _ in 0..self.from {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(Vec::new());
            }
        }
        let mut found = Vec::new();
        while found.len() < self.most
            && let Some(item) = items.next_element::<&'de RawValue>()?
        {
            found.push(item.get());
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// The members of an object, one after another, until they are refused.
struct Members<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de str) -> bool> DeserializeSeed<'de> for Members<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Cow<'de, str>, &'de str) -> bool> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some((Text(name), value)) = members.next_entry::<Text<'de>, &'de RawValue>()? {
            if !self.0(name, value.get()) {
                return Err(A::Error::custom("too many members"));
            }
        }
        Ok(())
    }
}

/// Well-formed JSON, nested no deeper than serde_json reads (128 levels). Holds nothing.
struct WellFormed;

impl<'de> Deserialize<'de> for WellFormed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for WellFormed {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    use super::*;

    fn is_well_formed(text: &str) -> bool {
        check(text.as_bytes()).is_ok()
    }

    #[test]
    fn what_is_pointed_at_keeps_its_text() {
        let json = r#" {"a/b": [1, {"~\u0041": 2.50, "x": 1}, [3 , 4]], "a/b\u0020": 1, "x": 1, "x": {"y": 1e400}} "#;
        assert_eq!(at(json, "/a~1b/1/~0A"), Some("2.50"));
        assert_eq!(at(json, "/x/y"), Some("1e400"));
        assert_eq!(at(json, ""), Some(json));
        assert_eq!([at(json, "/a~1b/9"), at(json, "/a~1b/x"), at(json, "/x/y/z"), at(json, "/z")], [None; 4]);
        assert_eq!(items(at(json, "/a~1b/2").unwrap(), 9).unwrap(), ["3", "4"]);
        assert_eq!(items("[1,2,3,4]", 2).unwrap().len(), 3);
        assert_eq!(items("{}", 2), None);
        assert_eq!(members(r#"{"b":1,"a":2}"#, 2).unwrap(), [("b".into(), "1"), ("a".into(), "2")]);
        assert_eq!(members(r#"{"b":1,"a":2}"#, 1), None);
        assert_eq!(text(r#""\u0041b""#).unwrap(), "Ab");
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
