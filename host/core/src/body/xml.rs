//! XML as JSON: the mapping of the stock plugin `xml` without config, which its page documents. What differs is that a
//! host has no memory limit around it, so that attributes count as elements do.
//!
//! A document type is never read, so that there are no entities but XML's own five and characters by number: nothing
//! is fetched, and nothing grows while it is read.

use std::borrow::Cow;

use indexmap::IndexMap;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::output::Output;
use super::refused::{Format, Place, Refused};

/// Most elements and attributes of a document.
pub(super) const NODES: usize = 200_000;
/// What XML has for space.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// An element that has begun.
#[derive(Default)]
struct Element {
    name: String,
    attributes: IndexMap<String, String>,
    text: String,
    /// Child elements in the order in which their names first come, each with its values as JSON.
    children: IndexMap<String, Vec<String>>,
}

/// A document being read.
struct Reading<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    open: Vec<Element>,
    max_depth: usize,
    limit: u64,
    nodes: usize,
    root: Option<String>,
}

/// The document as JSON.
pub(super) fn read(text: &str, max_depth: u32, limit: u64) -> Result<String, Refused> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().enable_all_checks(true);
    let max_depth = usize::try_from(max_depth).unwrap_or(usize::MAX);
    let mut reading = Reading { text, reader, open: Vec::new(), max_depth, limit, nodes: 0, root: None };
    loop {
        let event = reading.reader.read_event();
        match event.map_err(|error| reading.broken(&error))? {
            Event::Start(start) => reading.begin(&start)?,
            Event::Empty(start) => {
                reading.begin(&start)?;
                reading.end()?;
            }
            Event::End(_) => reading.end()?,
            Event::Text(text) => reading.text(&text.xml10_content())?,
            Event::CData(data) => reading.text(&data.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|error| reading.broken(&error))?;
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
            Event::DocType(_) => {
                return Err(reading.broken(&"it has a document type (<!DOCTYPE), which is never read"));
            }
            // What it says of the charset was looked at when the bytes became text.
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(open) = reading.open.last() {
        return Err(reading.broken(&format!("`<{}>` is not closed", open.name)));
    }
    reading.root.take().ok_or_else(|| reading.broken(&"there is no element"))
}

impl Reading<'_> {
    fn begin(&mut self, start: &BytesStart<'_>) -> Result<(), Refused> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.broken(&"there is a second element beside the root"));
        }
        if self.open.len() >= self.max_depth {
            return Err(Refused::TooMany { what: "levels of XML elements", limit: self.max_depth });
        }
        self.count()?;
        let mut element = Element { name: start.name().as_ref().to_owned(), ..Element::default() };
        // Their own check for names that come twice compares each with all before it.
        for attribute in start.attributes().with_checks(false) {
            self.count()?;
            let attribute = attribute.map_err(|error| self.broken(&error))?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            let value = value.map_err(|error| self.broken(&error))?.into_owned();
            let name = format!("@{}", attribute.key.as_ref());
            if element.attributes.contains_key(&name) {
                return Err(
                    self.broken(&format!("the attribute `{}` is there twice", attribute.key.as_ref()))
                );
            }
            element.attributes.insert(name, value);
        }
        self.open.push(element);
        Ok(())
    }

    fn count(&mut self) -> Result<(), Refused> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(Refused::TooMany { what: "XML elements and attributes", limit: NODES });
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        // The reader has checked that ends fit.
        let Some(element) = self.open.pop() else { return Ok(()) };
        let name = element.name.clone();
        let value = element.into_json(self.limit)?;
        match self.open.last_mut() {
            Some(parent) => parent.children.entry(name).or_default().push(value),
            None => {
                let mut root = Output::new(self.limit);
                root.push("{")?;
                root.value(&name)?;
                root.push(":")?;
                root.push(&value)?;
                root.push("}")?;
                self.root = Some(root.into_text());
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Refused> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(self.broken(&"there is text outside of the root element")),
        }
        Ok(())
    }

    /// What is wrong, and where.
    fn broken(&self, what: &dyn std::fmt::Display) -> Refused {
        let at = self.reader.error_position().max(self.reader.buffer_position());
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let before = self.text.get(..at).unwrap_or(self.text);
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX).saturating_add(1);
        let line = number(before.matches('\n').count());
        let column = number(before.rsplit('\n').next().unwrap_or_default().chars().count());
        Refused::malformed(Format::Xml, Place::Column(line, column), what)
    }
}

impl Element {
    fn into_json(self, limit: u64) -> Result<String, Refused> {
        let mut json = Output::new(limit);
        let text = self.text.trim_matches(SPACE);
        if self.attributes.is_empty() && self.children.is_empty() {
            json.value(text)?;
            return Ok(json.into_text());
        }
        json.push("{")?;
        for (name, value) in &self.attributes {
            member(&mut json, name)?;
            json.value(value)?;
        }
        // Beside elements, text of nothing but spaces of any kind is none.
        let is_text = if self.children.is_empty() { !text.is_empty() } else { !text.trim().is_empty() };
        if is_text {
            member(&mut json, "#text")?;
            json.value(text)?;
        }
        for (name, values) in &self.children {
            member(&mut json, name)?;
            match values.as_slice() {
                [value] => json.push(value)?,
                values => {
                    json.push("[")?;
                    for value in values {
                        json.comma()?;
                        json.push(value)?;
                    }
                    json.push("]")?;
                }
            }
        }
        json.push("}")?;
        Ok(json.into_text())
    }
}

fn member(json: &mut Output, name: &str) -> Result<(), Refused> {
    json.comma()?;
    json.value(name)?;
    json.push(":")
}
