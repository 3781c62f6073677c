//! From JSON to XML text.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use stepmill_sdk::raw::{self, RawValue, Scalar};
use stepmill_sdk::{Document, Failure};

use crate::Config;

/// A document being written.
struct Writing<'a> {
    config: &'a Config,
    writer: Writer<Vec<u8>>,
    /// Names of the elements that are open.
    path: Vec<String>,
}

/// The input as XML.
pub(crate) fn write(config: &Config, input: &Document) -> Result<String, Failure> {
    let root = raw::members(raw::parse(input)?).filter(|members| members.len() == 1);
    let Some((name, value)) = root.into_iter().flatten().next() else {
        let message = "the input must be an object with one member, which is the root element";
        return Err(Failure::reject("xml-write", message));
    };
    let writer = match config.indent {
        0 => Writer::new(Vec::new()),
        indent => Writer::new_with_indent(Vec::new(), b' ', usize::from(indent)),
    };
    let mut writing = Writing { config, writer, path: Vec::new() };
    if config.declaration {
        writing.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    }
    writing.element(&name, value)?;
    Ok(String::from_utf8(writing.writer.into_inner())?)
}

impl Writing<'_> {
    fn element(&mut self, name: &str, value: &RawValue) -> Result<(), Failure> {
        self.check_name(name)?;
        if self.path.len() >= usize::try_from(self.config.max_depth).unwrap_or(usize::MAX) {
            let message =
                format!("elements would lie deeper than {} levels (`max_depth`)", self.config.max_depth);
            return Err(Failure::reject("xml-limit", message));
        }
        self.path.push(name.to_owned());
        let mut start = BytesStart::new(name);
        let (text, children) = match (raw::scalar(value), raw::members(value)) {
            (Some(scalar), _) => (Some(scalar), Vec::new()),
            (None, Some(members)) => self.sort(members, &mut start)?,
            (None, None) => return Err(self.wrong("a list within a list, or as the root, is no XML")),
        };
        let text = text.map(|text| self.characters(text.to_string().into())).transpose()?;
        let text = text.filter(|text| !text.is_empty());
        if text.is_none() && children.is_empty() {
            self.event(Event::Empty(start))?;
        } else {
            self.event(Event::Start(start))?;
            if let Some(text) = text {
                self.event(Event::Text(BytesText::new(&text)))?;
            }
            for (name, value) in children {
                match raw::items(value) {
                    Some(items) => items.into_iter().try_for_each(|item| self.element(&name, item))?,
                    None => self.element(&name, value)?,
                }
            }
            self.event(Event::End(BytesEnd::new(name)))?;
        }
        self.path.pop();
        Ok(())
    }

    /// Puts an object's attributes into the start of its element; gives its text and child elements.
    #[allow(clippy::type_complexity, reason = "two parts of one list")]
    fn sort<'v>(
        &self,
        members: Vec<(Cow<'v, str>, &'v RawValue)>,
        start: &mut BytesStart<'_>,
    ) -> Result<(Option<Scalar<'v>>, Vec<(Cow<'v, str>, &'v RawValue)>), Failure> {
        let mut text = None;
        let mut children = Vec::new();
        for (name, value) in members {
            let scalar = || raw::scalar(value).ok_or_else(|| self.wrong(&format!("`{name}` is no text")));
            if name == "#text" {
                text = Some(scalar()?);
            } else if let Some(attribute) = name.strip_prefix('@') {
                self.check_name(attribute)?;
                if start.try_get_attribute(attribute).is_ok_and(|there| there.is_some()) {
                    return Err(self.wrong(&format!("`{name}` is there twice")));
                }
                let value = self.characters(scalar()?.to_string().into())?;
                start.push_attribute((attribute, &*value));
            } else {
                children.push((name, value));
            }
        }
        Ok((text, children))
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), Failure> {
        self.writer.write_event(event).map_err(|error| Failure::reject("xml-write", error.to_string()))
    }

    /// The characters of a text, if XML 1.0 (section 2.2) has them all.
    fn characters<'t>(&self, text: Cow<'t, str>) -> Result<Cow<'t, str>, Failure> {
        let is_foreign = |c: &char| matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
        match text.chars().find(is_foreign) {
            Some(foreign) => {
                Err(self
                    .wrong(&format!("XML has no character U+{:04X}, which a text holds", u32::from(foreign))))
            }
            None => Ok(text),
        }
    }

    /// Names as XML 1.0 (section 2.3) has them.
    fn check_name(&self, name: &str) -> Result<(), Failure> {
        let starts = |c: char| {
            matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
                | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
                | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
                | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
        };
        let goes_on = |c: char| {
            starts(c)
                || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
        };
        if name.starts_with(starts) && name.chars().all(goes_on) {
            return Ok(());
        }
        Err(self.wrong(&format!("{name:?} is no name of an element or attribute")))
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::reject("xml-write", format!("at `/{}`: {what}", self.path.join("/")))
    }
}
