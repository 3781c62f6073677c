//! CloudEvents 1.0 over HTTP: binary, structured and batched mode.
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use super::json;
use super::refused::{Format, Place, Refused};
use crate::workflow::KEY_BYTES;

/// Before the names of attributes where they are headers.
const PREFIX: &str = "ce-";
/// What every event has, and is not empty.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
/// The version that is read.
const VERSION: &str = "1.0";
/// Most members of an event.
const MEMBERS: usize = 1_000;

/// The attributes of an event. In every mode expressions have them as headers: `headers['ce-id']`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent(BTreeMap<String, String>);

/// An event in structured mode.
pub(super) struct Structured<'t> {
    pub(super) event: CloudEvent,
    pub(super) data: Data<'t>,
}

/// What an event in structured mode is about.
pub(super) enum Data<'t> {
    /// Nothing.
    None,
    /// A JSON value.
    Json(&'t str),
    /// Text of another type.
    Text(Cow<'t, str>),
    /// Bytes.
    Binary(Vec<u8>),
}

impl CloudEvent {
    /// Whether a request with these headers, which have lower-case names, is an event in binary mode.
    pub(super) fn is_binary(headers: &BTreeMap<String, String>) -> bool {
        headers.contains_key("ce-specversion")
    }

    /// The attributes of an event in binary mode.
    pub(super) fn of_headers(
        headers: &BTreeMap<String, String>,
        media_type: Option<&str>,
    ) -> Result<Self, Refused> {
        let mut attributes = BTreeMap::new();
        for (name, value) in headers {
            let Some(name) = name.strip_prefix(PREFIX) else { continue };
            attributes.insert(name.to_owned(), header_value(name, value)?);
        }
        attributes.extend(media_type.map(|media_type| ("datacontenttype".into(), media_type.to_owned())));
        Self(attributes).checked(Place::Whole)
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// By what an event is known: `source` and `id` together, says the specification.
    pub fn key(&self) -> String {
        let [source, id] = ["source", "id"].map(|name| self.attribute(name).unwrap_or_default());
        // A source is a URI, which has no spaces.
        short(format!("{source} {id}"))
    }

    /// By what a part of its data is known.
    pub(super) fn key_of_part(&self, index: usize) -> String {
        short(format!("{} {index}", self.key()))
    }

    /// Puts the attributes among headers, in the place of all that say they were some.
    pub fn put(&self, headers: &mut BTreeMap<String, String>) {
        headers.retain(|name, _| !name.starts_with(PREFIX));
        let attributes = self.0.iter();
        headers.extend(attributes.map(|(name, value)| (format!("{PREFIX}{name}"), value.clone())));
    }

    /// How many bytes its attributes have.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| PREFIX.len() + name.len() + value.len()).sum()
    }

    fn checked(self, place: Place) -> Result<Self, Refused> {
        let malformed = |why: String| Refused::malformed(Format::CloudEvent, place, why);
        if let Some(missing) =
            REQUIRED.into_iter().find(|name| self.attribute(name).is_none_or(str::is_empty))
        {
            return Err(malformed(format!("it has no attribute `{missing}`")));
        }
        match self.attribute("specversion") {
            Some(VERSION) => Ok(self),
            other => {
                let other = other.unwrap_or_default();
                Err(malformed(format!("`specversion` is {other:?}, and only {VERSION} is read")))
            }
        }
    }
}

/// A key, or its hash if it is too long for one.
fn short(key: String) -> String {
    if key.len() <= KEY_BYTES { key } else { hex::encode(Sha256::digest(key)) }
}

/// An attribute in a header, whose characters may be quoted and escaped: section 3.1.3.2 of the binding.
fn header_value(name: &str, value: &str) -> Result<String, Refused> {
    let value = value.trim();
    let unquoted = match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(quoted) => {
            let mut plain = String::with_capacity(quoted.len());
            let mut characters = quoted.chars();
            while let Some(character) = characters.next() {
                plain.extend(if character == '\\' { characters.next() } else { Some(character) });
            }
            Cow::Owned(plain)
        }
        None => Cow::Borrowed(value),
    };
    let decoded = percent_decode_str(&unquoted).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| {
        let why = format!("what is escaped in `{PREFIX}{name}` is no UTF-8");
        Refused::malformed(Format::CloudEvent, Place::Whole, why)
    })
}

/// An event in structured mode, in well-formed JSON.
pub(super) fn structured(text: &str, place: Place) -> Result<Structured<'_>, Refused> {
    let malformed = |why: String| Refused::malformed(Format::CloudEvent, place, why);
    let members = json::members(text, MEMBERS)
        .ok_or_else(|| malformed(format!("it is no object of at most {MEMBERS} members")))?;
    let mut attributes = BTreeMap::new();
    let (mut data, mut base64) = (None, None);
    for (name, value) in members {
        match &*name {
            "data" => data = Some(value),
            "data_base64" => base64 = Some(value),
            _ if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) => {
                return Err(malformed(format!("{name:?} is no name of an attribute: a to z and 0 to 9")));
            }
            _ if value == "null" => {}
            _ => {
                let text = attribute(value)
                    .ok_or_else(|| malformed(format!("`{name}` is no string, whole number or boolean")))?;
                attributes.insert(name.into_owned(), text.into_owned());
            }
        }
    }
    let event = CloudEvent(attributes).checked(place)?;
    let is_json = event.attribute("datacontenttype").is_none_or(crate::document::is_json);
    let data = match (data.filter(|data| *data != "null" || is_json), base64) {
        (Some(_), Some(_)) => return Err(malformed("it has both `data` and `data_base64`".into())),
        (None, Some(base64)) => {
            let bytes = json::text(base64).and_then(|text| STANDARD.decode(&*text).ok());
            Data::Binary(bytes.ok_or_else(|| malformed("`data_base64` is no base64".into()))?)
        }
        (Some(data), None) if is_json => Data::Json(data),
        // Section 3.1.1 of the format: a string is the text, anything else is the JSON value.
        (Some(data), None) => json::text(data).map_or(Data::Json(data), Data::Text),
        (None, None) => Data::None,
    };
    Ok(Structured { event, data })
}

/// A value of the type system in its canonical form, which is also that in JSON.
fn attribute(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => json::text(json),
        b'[' | b'{' => None,
        _ if json.contains(['.', 'e', 'E']) && json != "true" && json != "false" => None,
        _ => Some(json.into()),
    }
}
