//! What parsers say, in an operator's words.

use std::borrow::Cow;

use serde_saphyr::granit_parser::{ErrorKind, ScanError};
use stepmill_core::nearest::nearest;

use super::yaml::MAX_DEPTH;

/// Syntax errors: what people do is indent wrongly, use tabs, or leave an expression unquoted.
pub(super) fn syntax(error: &ScanError, line: &str) -> (String, Cow<'static, str>) {
    const QUOTE: &str =
        "put quotes around a value that holds `: `, ` #`, braces or brackets, as in \"${{ … }}\"";
    let holds_expression = line.contains("${{");
    match error.kind() {
        kind if is_tab(kind) || line.trim_start_matches(' ').starts_with('\t') => {
            ("a tab in the indentation".into(), "YAML is indented by spaces only: replace the tab by spaces".into())
        }
        kind if is_cut_short(kind, line) && holds_expression => {
            ("an expression without quotes is cut short here".into(), QUOTE.into())
        }
        kind if is_cut_short(kind, line) => ("a second `: ` in one line".into(), QUOTE.into()),
        kind if is_indent(kind) => (
            "this line does not fit the lines above: is it indented wrongly, or does a key lack its `:`?".into(),
            "the keys of one mapping begin in the same column, and so do the `-` of one list; what belongs to a key is indented further than the key".into(),
        ),
        ErrorKind::ExpectedFlowMappingSeparator => ("a comma is missing here, or a `}` before".into(), "".into()),
        ErrorKind::ExpectedFlowSequenceSeparator => ("a comma is missing here, or a `]` before".into(), "".into()),
        ErrorKind::UnclosedQuotedScalar => ("a quote is not closed".into(), "".into()),
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("the bracket `{open}` is not closed"), if holds_expression { QUOTE.into() } else { "".into() })
        }
        ErrorKind::UnknownQuotedScalarEscape => (
            "an unknown escape in a double-quoted text".into(),
            "write \\\\ for a backslash, or use single quotes, which know no escapes".into(),
        ),
        ErrorKind::UnknownAnchor => {
            ("this alias has no anchor".into(), "quote a text that begins with *".into())
        }
        ErrorKind::RecursionLimitExceeded => (format!("nested deeper than {MAX_DEPTH} levels"), "".into()),
        _ => (format!("this is no YAML: {}", error.info()), if holds_expression { QUOTE.into() } else { "".into() }),
    }
}

pub(super) fn is_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    )
}

/// Whether a value holds what ends a value that has no quotes.
pub(super) fn is_cut_short(kind: &ErrorKind, line: &str) -> bool {
    match kind {
        ErrorKind::MappingValueNotAllowed => line.contains("${{") || line.matches(": ").count() > 1,
        ErrorKind::InvalidColonPlacement
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::UnexpectedEndOfPlainScalar => line.contains("${{"),
        _ => false,
    }
}

pub(super) fn is_indent(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::MappingValueNotAllowed
            | ErrorKind::MappingKeyNotAllowed
            | ErrorKind::InvalidIndentation
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::BlockSequenceEntryNotAllowed
            | ErrorKind::SimpleKeyExpected
            | ErrorKind::InvalidSimpleKey
            | ErrorKind::ExpectedDocumentStart
            | ErrorKind::InvalidBlockScalarIndent
            | ErrorKind::InvalidQuotedScalarIndent
    )
}

/// Names the key that was probably meant, and all that could be.
pub(super) fn suggestion(key: &str, allowed: &[String]) -> String {
    let all = if allowed.is_empty() {
        "nothing is allowed here".to_owned()
    } else {
        format!("allowed here: {}", allowed.join(", "))
    };
    match nearest(key, allowed.iter().map(String::as_str)) {
        Some(nearest) => format!("did you mean `{nearest}`? {all}"),
        None => all,
    }
}

pub(super) fn type_name(ty: &str) -> &str {
    match ty {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number of zero or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "bool" => "true or false",
        other => other,
    }
}

/// The parser's names of what it looked for.
pub(super) fn structure(expected: &str) -> &str {
    match expected {
        "mapping start" => "a mapping: keys with values, indented below",
        "sequence start" => "a list: `[a, b]`, or lines that begin with `-`",
        "string scalar" | "scalar" => "a single value",
        other => other,
    }
}
