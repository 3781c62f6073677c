//! One member of a body that is JSON, found without making a tree of the rest.
//!
//! A name that is there twice on the way to it is nothing: which of the two a program reads, is its own affair.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// The text at a path.
pub(super) fn text(body: &[u8], path: &[&str]) -> Option<String> {
    match at(body, path)? {
        Leaf::Text(text) => Some(text),
        Leaf::Number(_) => None,
    }
}

/// The whole number at a path, from 0.
pub(super) fn number(body: &[u8], path: &[&str]) -> Option<u64> {
    match at(body, path)? {
        Leaf::Number(number) => Some(number),
        Leaf::Text(_) => None,
    }
}

enum Leaf {
    Text(String),
    Number(u64),
}

fn at(body: &[u8], path: &[&str]) -> Option<Leaf> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let leaf = Path(path).deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| leaf)
}

struct Path<'p>(&'p [&'p str]);

impl<'de> DeserializeSeed<'de> for Path<'_> {
    type Value = Leaf;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Leaf, D::Error> {
        if self.0.is_empty() {
            deserializer.deserialize_any(self)
        } else {
            deserializer.deserialize_map(self)
        }
    }
}

impl<'de> Visitor<'de> for Path<'_> {
    type Value = Leaf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Leaf, A::Error> {
        let (name, rest) = self.0.split_first().ok_or_else(|| A::Error::custom("an object"))?;
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key != *name {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value_seed(Path(rest))?).is_some() {
                return Err(A::Error::custom("a name that is there twice"));
            }
        }
        found.ok_or_else(|| A::Error::custom("nothing there"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Leaf, E> {
        Ok(Leaf::Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Leaf, E> {
        Ok(Leaf::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::{number, text};

    #[test]
    fn a_member_is_found_once_or_not_at_all() {
        let body = br#" {"a": [1, {"b": 2}], "c": {"d": "\u00e9", "e": 7, "f": -1, "g": 1.5}} "#;
        assert_eq!(text(body, &["c", "d"]).as_deref(), Some("é"));
        assert_eq!(number(body, &["c", "e"]), Some(7));
        for path in [&["c", "f"][..], &["c", "g"], &["c"], &["a"], &["a", "b"], &["c", "d", "e"], &["x"]] {
            assert_eq!((text(body, path), number(body, path)), (None, None), "{path:?}");
        }
        for twice in
            [&br#"{"a": "1", "a": "2"}"#[..], br#"{"a": "1", "\u0061": "2"}"#, br#"{"a": "1"} {}"#, b"\xff"]
        {
            assert_eq!(text(twice, &["a"]), None);
        }
    }
}
