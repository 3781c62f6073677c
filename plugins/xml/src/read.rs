//! From XML to JSON text.

use std::borrow::Cow;

use indexmap::IndexMap;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use stepmill_sdk::{Body, Document, Failure};

use crate::Config;

/// An element that has begun.
#[derive(Default)]
struct Element {
    name: String,
    /// Names with `@`, and values.
    attributes: Vec<(String, String)>,
    text: String,
    /// Child elements in the order in which their names first come, each with its values as JSON.
    children: IndexMap<String, Vec<String>>,
}

/// A document being read.
struct Reading<'a> {
    config: &'a Config,
    text: &'a str,
    reader: Reader<&'a [u8]>,
    open: Vec<Element>,
    elements: u32,
    root: Option<String>,
}

/// The document as JSON.
pub(crate) fn read(config: &Config, input: &Document) -> Result<String, Failure> {
    let text = input.text()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    reader.config_mut().enable_all_checks(true);
    let mut reading = Reading { config, text, reader, open: Vec::new(), elements: 0, root: None };
    loop {
        let event = reading.reader.read_event();
        match event.map_err(|error| reading.broken(&error.to_string()))? {
            Event::Start(start) => reading.begin(&start)?,
            Event::Empty(start) => {
                reading.begin(&start)?;
                reading.end()?;
            }
            Event::End(_) => reading.end()?,
            Event::Text(text) => reading.text(&text.xml10_content())?,
            Event::CData(data) => reading.text(&data.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character =
                    reference.resolve_char_ref().map_err(|error| reading.broken(&error.to_string()))?;
                let name = reference.xml10_content();
                let text = match character {
                    Some(character) => Cow::Owned(character.to_string()),
                    None => {
                        quick_xml::escape::resolve_predefined_entity(&name).map(Cow::Borrowed).ok_or_else(
                            || reading.broken(&format!("the entity `&{name};` is not one of XML's own")),
                        )?
                    }
                };
                reading.text(&text)?;
            }
            Event::Decl(declaration) => charset(&declaration, input, text)?,
            Event::DocType(_) => {
                let message = "the document has a document type (<!DOCTYPE), which is never read";
                return Err(Failure::reject("xml-doctype", message));
            }
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(open) = reading.open.last() {
        return Err(reading.broken(&format!("`<{}>` is not closed", open.name)));
    }
    reading.root.take().ok_or_else(|| reading.broken("there is no element"))
}

/// What bytes are read as is UTF-8, whatever they say of themselves; so they must not say anything else.
fn charset(declaration: &BytesDecl<'_>, input: &Document, text: &str) -> Result<(), Failure> {
    let Some(Ok(charset)) = declaration.encoding() else { return Ok(()) };
    let is_known = ["utf-8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known));
    if is_known || text.is_ascii() || matches!(input.body, Body::Text(_)) {
        return Ok(());
    }
    Err(Failure::reject("charset", format!("the document is {charset}; only UTF-8 can be read")))
}

impl Reading<'_> {
    fn begin(&mut self, start: &BytesStart<'_>) -> Result<(), Failure> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.broken("there is a second element beside the root"));
        }
        self.elements = self.elements.saturating_add(1);
        if self.elements > self.config.max_elements {
            let message =
                format!("there are more than {} elements (`max_elements`)", self.config.max_elements);
            return Err(Failure::reject("xml-limit", message));
        }
        if self.open.len() >= usize::try_from(self.config.max_depth).unwrap_or(usize::MAX) {
            let message = format!("elements lie deeper than {} levels (`max_depth`)", self.config.max_depth);
            return Err(Failure::reject("xml-limit", message));
        }
        let mut element = Element { name: start.name().as_ref().to_owned(), ..Element::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.broken(&error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            let value = value.map_err(|error| self.broken(&error.to_string()))?.into_owned();
            element.attributes.push((format!("@{}", attribute.key.as_ref()), value));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        // The reader has checked that ends fit.
        let Some(element) = self.open.pop() else { return Ok(()) };
        let name = element.name.clone();
        let value = element.into_json(self.config)?;
        match self.open.last_mut() {
            Some(parent) => parent.children.entry(name).or_default().push(value),
            None => self.root = Some(format!("{{{}:{value}}}", serde_json::to_string(&name)?)),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(self.broken("there is text outside of the root element")),
        }
        Ok(())
    }

    /// What is wrong, and where.
    fn broken(&self, what: &str) -> Failure {
        let at =
            usize::try_from(self.reader.error_position().max(self.reader.buffer_position())).unwrap_or(0);
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Failure::reject("xml", format!("line {line}, column {column}: {what}"))
    }
}

impl Element {
    fn into_json(self, config: &Config) -> Result<String, serde_json::Error> {
        let text =
            if config.trim { self.text.trim_matches([' ', '\t', '\r', '\n']) } else { self.text.as_str() };
        if self.attributes.is_empty() && self.children.is_empty() {
            return serde_json::to_string(text);
        }
        let mut json = String::from("{");
        let mut member = |name: &str, value: &str| -> Result<(), serde_json::Error> {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&serde_json::to_string(name)?);
            json.push(':');
            json.push_str(value);
            Ok(())
        };
        for (name, value) in &self.attributes {
            member(name, &serde_json::to_string(value)?)?;
        }
        let is_there = if self.children.is_empty() { !text.is_empty() } else { !text.trim().is_empty() };
        if is_there {
            member("#text", &serde_json::to_string(text)?)?;
        }
        for (name, values) in &self.children {
            match values.as_slice() {
                [value] if !config.lists.contains(name) => member(name, value)?,
                values => member(name, &format!("[{}]", values.join(",")))?,
            }
        }
        json.push('}');
        Ok(json)
    }
}
