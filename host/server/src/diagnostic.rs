//! What is wrong with a config, where, and what would be right: made for a person who reads it in a
//! terminal, and the same as JSON for an editor or a pipeline.
//!
//! A [`Source`] is a file with the position of each of its keys; it makes the [`Diagnostic`]s that
//! point into it. [`Diagnostics`] is everything that was found, and the error of whatever reads config.

mod position;
mod render;
mod shape;
mod words;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use position::{Node, Span};

pub use yaml::MAX_FILE_BYTES;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The service does not start with it.
    Error,
    /// The service starts, and somebody should look.
    Warning,
    /// All is well, and somebody may want to know.
    Note,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the operator would write its path.
    pub file: PathBuf,
    /// Line from 1; none if it concerns the file as a whole.
    pub line: Option<usize>,
    /// Column from 1, in characters.
    pub column: Option<usize>,
    /// The key, such as `steps[2].with.method`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    source: Option<Arc<Text>>,
    span: Option<Span>,
}

/// A file's text under the name that is shown.
#[derive(Debug)]
struct Text {
    name: String,
    text: String,
}

impl Diagnostic {
    /// An error that concerns `file` as a whole, such as one that cannot be read.
    pub fn of_file(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.into(),
            line: None,
            column: None,
            key: String::new(),
            message: message.into(),
            help: None,
            source: None,
            span: None,
        }
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.help = (!help.is_empty()).then_some(help);
        self
    }

    /// Makes it a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Makes it a note.
    #[must_use]
    pub fn note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    /// The line of the source that it points to.
    pub fn source_line(&self) -> Option<&str> {
        let line = self.line?.checked_sub(1)?;
        self.source.as_ref()?.text.lines().nth(line)
    }

    /// The same with another name of the folder, for tests in temporary ones.
    #[cfg(test)]
    pub(crate) fn renamed(mut self, from: &str, to: &str) -> Self {
        self.file = self.file.to_string_lossy().replace(from, to).into();
        self.message = self.message.replace(from, to);
        self.help = self.help.map(|help| help.replace(from, to));
        self.source = self
            .source
            .map(|text| Arc::new(Text { name: text.name.replace(from, to), text: text.text.clone() }));
        self
    }

    fn order(&self) -> (&Path, Option<usize>, Option<usize>) {
        (&self.file, self.line, self.column)
    }
}

/// In one line, for the log: `workflows/orders.yaml:3:5: what is wrong`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Diagnostic", 8)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("file", &self.file.to_string_lossy())?;
        fields.serialize_field("line", &self.line)?;
        fields.serialize_field("column", &self.column)?;
        fields.serialize_field("key", &self.key)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("help", &self.help)?;
        fields.serialize_field("source", &self.source_line())?;
        fields.end()
    }
}

/// A YAML file with the position of each of its keys.
#[derive(Clone, Debug)]
pub struct Source {
    text: Arc<Text>,
    root: Option<Arc<Node>>,
}

impl Source {
    /// A file with this text, shown under this name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = Text { name: name.into(), text: text.into() };
        if text.text.starts_with('\u{feff}') {
            text.text.remove(0);
        }
        let root = position::parse(&text.text).map(Arc::new);
        Self { text: Arc::new(text), root }
    }

    /// The name that is shown: the file's path as the operator would write it.
    pub fn name(&self) -> &str {
        &self.text.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text.text
    }

    /// An error at the value that a JSON pointer (RFC 6901) names, such as `/steps/2/with/method`. If
    /// there is no such value it points to the nearest one that encloses the place.
    pub fn error(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        let span = self.root.as_ref().map(|root| root.locate(pointer));
        self.at(span, pointer, message)
    }

    /// The same at the key itself rather than at its value.
    pub fn error_at_key(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        let span = self.root.as_ref().map(|root| root.locate_key(pointer));
        self.at(span, pointer, message)
    }

    /// The same file with these values replaced by stars wherever it is shown, since they are secrets
    /// that should not be there.
    #[must_use]
    pub fn hiding<'a>(&self, pointers: impl IntoIterator<Item = &'a str>) -> Self {
        let Some(root) = &self.root else { return self.clone() };
        let mut text = self.text().to_owned();
        for span in pointers.into_iter().filter_map(|pointer| root.scalar(pointer)) {
            let range = span.offset..span.offset.saturating_add(span.len);
            if let Some(stars) = text.get(range.clone()).map(|hidden| "*".repeat(hidden.len())) {
                text.replace_range(range, &stars);
            }
        }
        Self { text: Arc::new(Text { name: self.text.name.clone(), text }), root: self.root.clone() }
    }

    /// An error at a place that no pointer names.
    fn at(&self, span: Option<Span>, pointer: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            line: span.map(|span| span.line),
            column: span.map(|span| span.column),
            key: position::dotted(pointer),
            source: Some(Arc::clone(&self.text)),
            span,
            ..Diagnostic::of_file(self.name(), message)
        }
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// How many notes there are.
    pub fn notes(&self) -> usize {
        self.count(Severity::Note)
    }

    fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|found| found.severity == severity).count()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The diagnostics, by file and position.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by(|a, b| a.order().cmp(&b.order()));
        sorted.into_iter()
    }

    /// `value` with the warnings and notes, unless there is an error.
    ///
    /// # Errors
    /// Everything that is wrong or suspicious, if an error is among it.
    pub fn or<T>(self, value: T) -> Result<(T, Self), Self> {
        if self.errors() == 0 { Ok((value, self)) } else { Err(self.without_idle_notes()) }
    }

    /// The same without notes, unless all is well: what is wrong comes first.
    #[must_use]
    pub fn without_idle_notes(mut self) -> Self {
        if self.errors() > 0 {
            self.0.retain(|found| found.severity != Severity::Note);
        }
        self
    }

    /// Makes every warning an error.
    #[must_use]
    pub fn strict(mut self) -> Self {
        for found in self.0.iter_mut().filter(|found| found.severity == Severity::Warning) {
            found.severity = Severity::Error;
        }
        self
    }

    /// The text for a terminal: with frames and colours where they are allowed, else plain ASCII in
    /// which no line is wrapped.
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
    }

    /// The same for a program: an array of objects with `severity`, `file`, `line`, `column`, `key`,
    /// `message`, `help` and `source`.
    pub fn to_json(&self) -> serde_json::Value {
        self.iter().map(|found| serde_json::to_value(found).unwrap_or_default()).collect()
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, found: I) {
        self.0.extend(found);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(found: Diagnostic) -> Self {
        Self(vec![found])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests;
