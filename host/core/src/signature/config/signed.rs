//! What a sender signs, as an operator writes it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::signature::recipe::Part;

/// What is signed: text with names in braces, such as `{timestamp}.{body}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed(Vec<Part>);

/// A text that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSigned {
    /// A brace that is not closed.
    #[error("signed has a brace that is not closed: write names such as {{body}}")]
    Open,
    /// A name that is not known.
    #[error(
        "signed has {{{0}}} in it: the names are {{id}}, {{timestamp}}, {{method}}, {{url}}, {{path}}, {{body}} and \
         {{body_sha256}}"
    )]
    Unknown(String),
    /// The signature would be good for any body.
    #[error(
        "signed leaves out the body, so that a signature is good for any: write {{body}} or {{body_sha256}} in it"
    )]
    NoBody,
}

impl Default for Signed {
    fn default() -> Self {
        Self(vec![Part::Body])
    }
}

impl Signed {
    /// The parts.
    pub(in crate::signature) fn parts(&self) -> &[Part] {
        &self.0
    }
}

impl FromStr for Signed {
    type Err = InvalidSigned;

    fn from_str(text: &str) -> Result<Self, InvalidSigned> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(InvalidSigned::Open)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(Cow::Owned(literal.to_owned())));
            }
            parts.push(named(name).ok_or_else(|| InvalidSigned::Unknown(name.to_owned()))?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(Cow::Owned(rest.to_owned())));
        }
        if parts.iter().any(|part| matches!(part, Part::Body | Part::BodySha256)) {
            Ok(Self(parts))
        } else {
            Err(InvalidSigned::NoBody)
        }
    }
}

fn named(name: &str) -> Option<Part> {
    let parts =
        [Part::Id, Part::Timestamp, Part::Method, Part::Url, Part::Path, Part::Body, Part::BodySha256];
    parts.into_iter().find(|part| part.to_string().trim_matches(['{', '}']) == name)
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| part.fmt(f))
    }
}

impl Serialize for Signed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Signed {
    fn schema_name() -> Cow<'static, str> {
        "Signed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Text with {id}, {timestamp}, {method}, {url}, {path}, {body} or {body_sha256} in it.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidSigned, Signed};

    #[test]
    fn what_is_signed_survives_text_and_holds_the_body() {
        for text in [
            "{body}",
            "v0:{timestamp}:{body}",
            "{method}{url}{body_sha256}",
            "{id}.{path}{timestamp}.{body}!",
        ] {
            assert_eq!(text.parse::<Signed>().map(|signed| signed.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("{timestamp}.".parse::<Signed>(), Err(InvalidSigned::NoBody));
        assert_eq!("".parse::<Signed>(), Err(InvalidSigned::NoBody));
        assert_eq!("{body".parse::<Signed>(), Err(InvalidSigned::Open));
        assert_eq!("{Body}".parse::<Signed>(), Err(InvalidSigned::Unknown("Body".into())));
    }
}
