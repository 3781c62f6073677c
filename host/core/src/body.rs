//! From the bytes of a request to documents: content codings, charsets, and what media types say.
//!
//! Everything here is a function of its arguments that neither panics nor grows beyond its limits, whatever it is given:
//! it reads what strangers send. It is no parser of its own but for what is glue: start reading at [`decode`], then at
//! [`Rules`], which is what a webhook says.
//!
//! ```
//! use std::collections::BTreeMap;
//! use stepmill_core::body::{Decoded, Message, Rules, decode};
//!
//! let headers = BTreeMap::new();
//! let bytes = b"<order id=\"7\"/>".to_vec();
//! let message = Message { media_type: Some("application/xml"), encoding: "", headers: &headers, bytes };
//! let Decoded::One(order) = decode(&Rules::default(), 1 << 20, message)? else { unreachable!() };
//! assert_eq!(order.document.to_json()?["order"]["@id"], "7");
//! assert_eq!(order.raw.unwrap().bytes, b"<order id=\"7\"/>");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod charset;
mod cloudevent;
mod csv;
mod form;
mod inflate;
mod json;
mod media;
mod multipart;
mod ndjson;
mod output;
mod refused;
mod rules;
mod single;
mod xml;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::{Document, JSON};
use crate::event::Raw;

pub use cloudevent::CloudEvent;
pub use refused::{Format, Place, Refused};
pub use rules::{As, INFLATED_MAX, RECORDS_MAX, Rules, Split, XML_DEPTH_MAX, XmlRules};

use inflate::{codings, inflate};
use media::Kind;

/// A request's body with what its headers say of it.
#[derive(Clone, Debug)]
pub struct Message<'r> {
    /// `Content-Type`.
    pub media_type: Option<&'r str>,
    /// All values of `Content-Encoding`, with commas between them; empty if there is none.
    pub encoding: &'r str,
    /// The headers that an event keeps, with lower-case names: those that begin with `ce-` are looked at.
    pub headers: &'r BTreeMap<String, String>,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

/// What a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// One document.
    One(Record),
    /// Records, each of which is to become a run.
    Batch(Vec<Record>),
}

/// A document that a run works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The document.
    pub document: Document,
    /// What the document was made of, if that is not the document itself. Of a record of a batch that is its own part of
    /// the body: a row of CSV, an event of a batch; none if its document is that part.
    pub raw: Option<Arc<Raw>>,
    /// The attributes, if it is a CloudEvent.
    pub event: Option<CloudEvent>,
    /// The key under which it is recognised if it comes again, if it has one by itself.
    pub key: Option<String>,
}

impl Record {
    /// About how many bytes it has.
    pub fn bytes(&self) -> usize {
        let raw = self.raw.as_ref().map_or(0, |raw| raw.bytes.len());
        self.document.len() + raw + self.event.as_ref().map_or(0, CloudEvent::bytes)
    }
}

/// Decodes a body.
///
/// `max_body_bytes` is the most that was read of it, and [`Rules::inflated_bytes`] for that the most that a document may
/// come to. What is made on the way takes up a few times as much: the bytes as they came, inflated, as text, and as JSON.
///
/// # Errors
/// What its sender has to mend.
pub fn decode(rules: &Rules, max_body_bytes: u64, message: Message<'_>) -> Result<Decoded, Refused> {
    let Message { media_type, encoding, headers, bytes } = message;
    let kind = kind_for(rules.kind, media_type, headers)?;
    let takes_events = matches!(rules.kind, As::Auto | As::Cloudevents);
    let event = match kind {
        Kind::CloudEvent | Kind::CloudEvents => None,
        _ if takes_events && CloudEvent::is_binary(headers) => {
            Some(CloudEvent::of_headers(headers, media_type)?)
        }
        _ => None,
    };
    let limit = rules.inflated_bytes(max_body_bytes);
    let codings = codings(encoding)?;
    let (plain, sent) = match codings.is_empty() {
        true => (bytes, None),
        false => (inflate(&codings, &bytes, limit)?, Some(bytes)),
    };
    let encoding = sent.is_some().then(|| encoding.to_owned());
    let raw = |replaced: Option<Vec<u8>>| {
        let bytes = sent.or(replaced)?;
        Some(Arc::new(Raw { media_type: media_type.unwrap_or(JSON).to_owned(), encoding, bytes }))
    };
    let decoding = single::Decoding { rules, limit, media_type, kind, charset: None };
    match rules.split.pointer() {
        None => {
            let single::Single { document, replaced, event: structured } =
                decoding.one(plain, event.is_some())?;
            let event = event.or(structured);
            let key = event.as_ref().map(CloudEvent::key);
            Ok(Decoded::One(Record { document, raw: raw(replaced), event, key }))
        }
        Some(pointer) => batch::records(&decoding, pointer, plain, event).map(Decoded::Batch),
    }
}

/// What a body is read as, if the webhook takes what it says it is.
fn kind_for(
    wants: As,
    media_type: Option<&str>,
    headers: &BTreeMap<String, String>,
) -> Result<Kind, Refused> {
    let said = media_type.filter(|media_type| !media::is_unknown(media_type)).map(media::kind);
    let (wanted, takes): (Kind, &[Kind]) = match wants {
        // Without a content type it is JSON, as it always was.
        As::Auto => return Ok(media_type.map_or(Kind::Json, media::kind)),
        As::Binary => return Ok(Kind::Other),
        As::Cloudevents => {
            return match said {
                Some(kind @ (Kind::CloudEvent | Kind::CloudEvents)) => Ok(kind),
                _ if CloudEvent::is_binary(headers) => Ok(media_type.map_or(Kind::Json, media::kind)),
                _ => Err(Refused::media_type(media_type.unwrap_or_default(), wants)),
            };
        }
        // Much that is text is sent as plain text, such as the JSON of Amazon SNS.
        As::Json => (Kind::Json, &[Kind::CloudEvent, Kind::CloudEvents, Kind::Text]),
        As::Xml => (Kind::Xml, &[Kind::Text]),
        As::Form => (Kind::Form, &[]),
        As::Multipart => (Kind::Multipart, &[]),
        As::Csv => (Kind::Csv, &[Kind::Text]),
        As::Ndjson => (Kind::Ndjson, &[Kind::Json, Kind::Text]),
        As::Text => (
            Kind::Text,
            &[
                Kind::Json,
                Kind::Xml,
                Kind::Form,
                Kind::Csv,
                Kind::Ndjson,
                Kind::CloudEvent,
                Kind::CloudEvents,
            ],
        ),
    };
    match said {
        Some(said) if said != wanted && !takes.contains(&said) => {
            Err(Refused::media_type(media_type.unwrap_or_default(), wants))
        }
        // The boundary is in the type.
        None if wanted == Kind::Multipart => Err(Refused::media_type(media_type.unwrap_or_default(), wants)),
        Some(_) | None => Ok(wanted),
    }
}

#[cfg(test)]
mod tests;
