//! A body that is one document.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::cloudevent::{self, CloudEvent, Data};
use super::media::{self, Kind};
use super::refused::{Format, Place, Refused};
use super::rules::{As, Rules};
use super::{charset, csv, form, json, multipart, ndjson, xml};
use crate::document::{Body, Document, JSON, essence, is_json};

/// Bytes of an XML document in which its declaration ends, if it has one.
const DECLARATION: usize = 200;
/// Media type of bytes of which nothing is known: RFC 9110, section 8.3.
const BYTES: &str = "application/octet-stream";
/// Media type of text of which nothing is known.
const TEXT: &str = "text/plain; charset=utf-8";

/// How bytes are decoded.
pub(super) struct Decoding<'r> {
    pub(super) rules: &'r Rules,
    /// Most bytes of the document.
    pub(super) limit: u64,
    /// What the content type says.
    pub(super) media_type: Option<&'r str>,
    /// What the bytes are read as.
    pub(super) kind: Kind,
    /// The charset of the bytes, if it is known whatever the content type says.
    pub(super) charset: Option<&'static Encoding>,
}

/// What bytes are as one document.
pub(super) struct Single {
    pub(super) document: Document,
    /// The bytes, if the document is not these.
    pub(super) replaced: Option<Vec<u8>>,
    /// The attributes, if they were among the bytes.
    pub(super) event: Option<CloudEvent>,
}

impl Decoding<'_> {
    /// The document. That of an event in binary mode may be empty.
    pub(super) fn one(&self, plain: Vec<u8>, may_be_empty: bool) -> Result<Single, Refused> {
        if may_be_empty && plain.is_empty() {
            return Ok(Single { document: nothing(), replaced: None, event: None });
        }
        match self.kind {
            Kind::Json | Kind::CloudEvents => self.json_document(plain),
            Kind::CloudEvent => {
                let (text, replaced) = self.json_text(plain)?;
                let (document, event) = self.structured(&text, Place::Whole)?;
                Ok(Single { document, replaced: Some(replaced.unwrap_or(text.into())), event: Some(event) })
            }
            Kind::Xml | Kind::Form | Kind::Multipart | Kind::Csv | Kind::Ndjson => {
                let document = json_of(self.json(&plain)?);
                Ok(Single { document, replaced: Some(plain), event: None })
            }
            Kind::Text => self.text_document(plain),
            Kind::Other if self.rules.kind == As::Binary => {
                let media_type = self.media_type.unwrap_or(BYTES).to_owned();
                let document = Document { media_type, body: Body::Binary(plain) };
                Ok(Single { document, replaced: None, event: None })
            }
            Kind::Other => {
                let document = Document::from_bytes(self.media_type.unwrap_or(BYTES), plain);
                Ok(Single { document, replaced: None, event: None })
            }
        }
    }

    /// What is no JSON, as JSON.
    pub(super) fn json(&self, plain: &[u8]) -> Result<String, Refused> {
        let limit = self.limit;
        match self.kind {
            Kind::Xml => xml::read(&self.text(plain)?, self.rules.xml.max_depth, limit),
            Kind::Form => form::read(plain, self.charset_or(UTF_8)?, limit),
            Kind::Multipart => multipart::read(self.media_type.unwrap_or_default(), plain, limit),
            Kind::Csv => csv::read(&self.text(plain)?, limit),
            Kind::Ndjson => ndjson::read(&self.text(plain)?, limit),
            Kind::Json | Kind::CloudEvent | Kind::CloudEvents | Kind::Text | Kind::Other => {
                Err(Refused::media_type(self.media_type.unwrap_or_default(), self.rules.kind))
            }
        }
    }

    /// The text of bytes.
    pub(super) fn text<'b>(&self, plain: &'b [u8]) -> Result<Cow<'b, str>, Refused> {
        let is_xml =
            self.kind == Kind::Xml || self.media_type.is_some_and(|said| media::kind(said) == Kind::Xml);
        let usual = if is_xml { declared(plain)? } else { UTF_8 };
        charset::text(plain, self.charset_or(usual)?, self.limit)
    }

    fn charset_or(&self, usual: &'static Encoding) -> Result<&'static Encoding, Refused> {
        if let Some(charset) = self.charset {
            return Ok(charset);
        }
        let said = self.media_type.and_then(|media_type| media::parameter(media_type, "charset"));
        said.map_or(Ok(usual), |said| charset::named(&said))
    }

    fn json_document(&self, plain: Vec<u8>) -> Result<Single, Refused> {
        let media_type = self.media_type.filter(|media_type| is_json(media_type)).unwrap_or(JSON);
        let (text, replaced) = self.json_text(plain)?;
        let media_type = if replaced.is_some() { JSON } else { media_type };
        let document = Document { media_type: media_type.to_owned(), body: Body::Text(text) };
        Ok(Single { document, replaced, event: None })
    }

    /// Well-formed JSON, and the bytes if these are not the text. JSON is UTF-8 whatever it says of itself (RFC 8259,
    /// section 8.1), so that its charset is looked at only if it is not.
    pub(super) fn json_text(&self, plain: Vec<u8>) -> Result<(String, Option<Vec<u8>>), Refused> {
        let refused = match json::check(&plain) {
            Ok(()) => {
                let text = String::from_utf8(plain);
                return text.map(|text| (text, None)).map_err(|error| {
                    let at = Place::Byte(error.utf8_error().valid_up_to());
                    Refused::malformed(Format::Text, at, "it is said to be UTF-8")
                });
            }
            Err(refused) => refused,
        };
        if Encoding::for_bom(&plain).is_none()
            && (self.charset_or(UTF_8)? == UTF_8 || std::str::from_utf8(&plain).is_ok())
        {
            return Err(refused);
        }
        let text = self.text(&plain)?.into_owned();
        json::check(text.as_bytes())?;
        Ok((text, Some(plain)))
    }

    fn text_document(&self, plain: Vec<u8>) -> Result<Single, Refused> {
        // A webhook that takes all as text has not looked whether it is JSON.
        let media_type = self.media_type.filter(|media_type| !is_json(media_type)).unwrap_or(TEXT);
        let text = self.text(&plain)?;
        if text.len() == plain.len() && text.as_bytes() == plain {
            drop(text);
            let document = Document::from_bytes(media_type, plain);
            return Ok(Single { document, replaced: None, event: None });
        }
        let media_type = format!("{}; charset=utf-8", essence(media_type));
        let document = Document { media_type, body: Body::Text(text.into_owned()) };
        Ok(Single { document, replaced: Some(plain), event: None })
    }

    /// The document of an event in structured mode, as if it had come in binary mode.
    pub(super) fn structured(&self, text: &str, place: Place) -> Result<(Document, CloudEvent), Refused> {
        let cloudevent::Structured { event, data } = cloudevent::structured(text, place)?;
        let said = event.attribute("datacontenttype");
        let inner = |media_type: &str, charset, bytes| {
            let kind = match media::kind(media_type) {
                // An event in an event is a document of it.
                Kind::CloudEvent | Kind::CloudEvents => Kind::Json,
                kind => kind,
            };
            let decoding = Decoding {
                rules: self.rules,
                limit: self.limit,
                media_type: Some(media_type),
                kind,
                charset,
            };
            decoding.one(bytes, false).map(|single| single.document)
        };
        let document = match data {
            Data::None => nothing(),
            Data::Json(json) => {
                let media_type = said.filter(|said| is_json(said)).unwrap_or(JSON).to_owned();
                Document { media_type, body: Body::Text(json.to_owned()) }
            }
            // It is text already, whatever it was before it became JSON.
            Data::Text(text) => inner(said.unwrap_or(JSON), Some(UTF_8), text.into_owned().into_bytes())?,
            Data::Binary(bytes) => inner(said.unwrap_or(BYTES), None, bytes)?,
        };
        Ok((document, event))
    }
}

/// A JSON document of text that is JSON.
pub(super) fn json_of(text: String) -> Document {
    Document { media_type: JSON.into(), body: Body::Text(text) }
}

fn nothing() -> Document {
    json_of("null".into())
}

/// The charset that an XML declaration says, or UTF-8: appendix F of XML 1.0.
fn declared(plain: &[u8]) -> Result<&'static Encoding, Refused> {
    match plain {
        [b'<', 0, b'?', 0, ..] => return Ok(UTF_16LE),
        [0, b'<', 0, b'?', ..] => return Ok(UTF_16BE),
        _ => {}
    }
    let head = plain.get(..plain.len().min(DECLARATION)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let declaration = head.strip_prefix("<?xml").and_then(|rest| Some(rest.split_once("?>")?.0));
    let said = declaration.and_then(|declaration| {
        let (_, value) = declaration.split_once("encoding")?;
        let value = value.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        value.get(1..)?.split_once(quote).map(|(name, _)| name)
    });
    let Some(said) = said else { return Ok(UTF_8) };
    let encoding = charset::named(said)?;
    // It has been read, so that it is none of two bytes a character.
    Ok(if [UTF_16LE, UTF_16BE].contains(&encoding) { UTF_8 } else { encoding })
}
