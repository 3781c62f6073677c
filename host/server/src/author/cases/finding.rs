//! What is not as a case expects.

use serde::Serialize;

use crate::author::difference::Change;

/// Lines that are kept of one finding.
const LINES: usize = 60;

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    /// The fault under which it was found; none if it was without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// What it is about, such as `output`.
    pub about: String,
    /// What is expected and what there is, for a person.
    pub lines: Vec<String>,
    /// The same of JSON documents, for a program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl Finding {
    pub(crate) fn new(about: &str, mut lines: Vec<String>) -> Self {
        let more = lines.len().saturating_sub(LINES);
        if more > 0 {
            lines.truncate(LINES);
            lines.push(format!("… and {more} more"));
        }
        Self { under: None, about: about.to_owned(), lines, changes: Vec::new() }
    }

    /// What differs in a JSON document; nothing if nothing does.
    pub(crate) fn of_changes(about: &str, changes: Vec<Change>) -> Option<Self> {
        let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
        (!lines.is_empty()).then(|| Self { changes, ..Self::new(about, lines) })
    }

    /// What differs in a text; nothing if nothing does.
    pub(crate) fn of_lines(about: &str, lines: Vec<String>) -> Option<Self> {
        (!lines.is_empty()).then(|| Self::new(about, lines))
    }

    /// The same, found under a fault.
    pub(crate) fn under(self, fault: &str) -> Self {
        Self { under: Some(fault.to_owned()), ..self }
    }
}
