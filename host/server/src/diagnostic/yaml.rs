//! YAML 1.2 into types, with errors in an operator's words.
//!
//! Booleans are `true` and `false` only, numbers with leading zeros or underscores are text, merge keys
//! and unknown tags are refused, and what a small file can be blown up to is limited.

use std::borrow::Cow;

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::localizer::ExternalMessageSource;

use serde_saphyr::{Error, MergeKeyPolicy, Options};

use super::position::Span;
use super::shape::{self, Misshape};
use super::words::{is_cut_short, is_indent, is_tab, structure, suggestion, syntax, type_name};
use super::{Diagnostic, Diagnostics, Source};

/// Largest config file in bytes; a workflow of a hundred steps has a tenth of that.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// Most keys, values and list items of one file, aliases replayed included: a file that needs more is a
/// bomb.
const MAX_NODES: usize = 100_000;
/// Deepest nesting of lists and mappings.
pub(super) const MAX_DEPTH: usize = 64;

impl Source {
    /// Reads the file as `T`.
    ///
    /// # Errors
    /// What is wrong with the YAML; else every key that does not exist or is missing, and the first
    /// value that cannot be read.
    pub fn parse<T: DeserializeOwned + JsonSchema>(&self) -> Result<T, Diagnostics> {
        let value: Value = serde_saphyr::from_str_with_options(self.text(), options())
            .map_err(|error| self.explain(&error))?;
        let schema = SchemaGenerator::default().into_root_schema_for::<T>();
        let mut found = Diagnostics::default();
        let misshapes = shape::misshapes(schema.as_value(), &value);
        let is_shape = !misshapes.is_empty();
        let shown = self.hiding(misshapes.iter().filter_map(|wrong| match wrong {
            Misshape::NoSecret { pointer, .. } => Some(pointer.as_str()),
            Misshape::Unknown { .. } | Misshape::Missing { .. } | Misshape::Bare { .. } => None,
        }));
        found.extend(misshapes.into_iter().map(|wrong| shown.misshape(wrong)));
        match serde_saphyr::from_str_with_options(self.text(), options()) {
            Ok(read) => found.or(read).map(|(read, _)| read),
            Err(error) => {
                let problem = shown.explain(&error);
                let is_key = match error.without_snippet() {
                    Error::SerdeUnknownField { .. } | Error::SerdeMissingField { .. } => true,
                    Error::SerdeInvalidType { expected, .. } => {
                        expected.starts_with("internally tagged enum")
                    }
                    _ => false,
                };
                let is_known =
                    is_shape && (is_key || found.iter().any(|other| other.message == problem.message));
                if !is_known {
                    found.push(problem);
                }
                Err(found)
            }
        }
    }

    fn misshape(&self, wrong: Misshape) -> Diagnostic {
        match wrong {
            Misshape::Unknown { pointer, key, allowed } => {
                self.error_at_key(&pointer, format!("unknown key `{key}`")).help(suggestion(&key, &allowed))
            }
            Misshape::Missing { pointer, key, meaning } => {
                let help = meaning.map(|meaning| format!("`{key}`: {meaning}"));
                self.error_at_key(&pointer, format!("the key `{key}` is missing"))
                    .help(help.unwrap_or_default())
            }
            Misshape::Bare { pointer, tag, choices, meant } => {
                let help = match meant {
                    Some(meant) => format!("write {{ {tag}: {meant} }}"),
                    None => format!("`{tag}` is one of: {}", choices.join(", ")),
                };
                self.error(&pointer, format!("expected a mapping with the key `{tag}`")).help(help)
            }
            Misshape::NoSecret { pointer, problem } => self.error(&pointer, problem.to_string()),
        }
    }

    fn explain(&self, error: &Error) -> Diagnostic {
        let mut error = error.without_snippet();
        let place =
            error.location().map(|at| self.visible(error, (to_usize(at.line()), to_usize(at.column()))));
        while let Error::AliasError { error: inner, .. } = error {
            error = inner.without_snippet();
        }
        let (message, help) = self.words(error, place.map_or(0, |(line, _)| line));
        let Some((line, column)) = place else { return self.error("", message).help(help) };
        let pointer = self.root.as_ref().map(|root| root.pointer_at(line, column)).unwrap_or_default();
        let span = Span::find(self.text(), line, column);
        let named = match error {
            Error::DuplicateMappingKey { key: Some(key), .. } => self.root.as_ref().and_then(|root| {
                root.keys_named(key).into_iter().find(|(_, at)| (at.line, at.column) == (line, column))
            }),
            _ => None,
        };
        let is_between = matches!(error, Error::MultipleDocuments { .. } | Error::Budget { .. });
        match named {
            None if is_between => self.at(span, "", message).help(help),
            Some((pointer, span)) => self.at(Some(span), &pointer, message).help(help),
            None => self.at(span, &pointer, message).help(help),
        }
    }

    /// The place that a person would look at: a syntax error by a wrong indent is found after it, the
    /// tab that causes one may be in a line after it.
    fn visible(&self, error: &Error, (line, column): (usize, usize)) -> (usize, usize) {
        let Error::ExternalMessage { source, .. } = error else { return (line, column) };
        let ExternalMessageSource::Parser(error) = source.as_ref() else { return (line, column) };
        let from = line.saturating_sub(1);
        let after = |line: &str| line.len() - line.trim_start_matches(' ').len();
        if is_tab(error.kind()) {
            let mut lines = self.text().lines().enumerate().skip(from);
            return lines
                .find(|(_, text)| text.trim_start_matches(' ').starts_with('\t'))
                .map_or((line, column), |(at, text)| (at + 1, after(text) + 1));
        }
        match self.text().lines().nth(from) {
            Some(text) if is_indent(error.kind()) && !is_cut_short(error.kind(), text) => {
                (line, after(text) + 1)
            }
            Some(_) | None => (line, column),
        }
    }

    /// What is wrong and what would be right.
    fn words(&self, error: &Error, line: usize) -> (String, Cow<'static, str>) {
        let text = self.text().lines().nth(line.saturating_sub(1)).unwrap_or_default();
        match error {
            Error::ExternalMessage { source, msg, .. } => match source.as_ref() {
                ExternalMessageSource::Parser(error) => syntax(error, text),
                _ => (msg.clone(), "".into()),
            },
            Error::Message { msg, .. } | Error::HookError { msg, .. } => (msg.clone(), "".into()),
            Error::SerdeUnknownField { field, expected, .. } => {
                let allowed: Vec<_> = expected.iter().map(|&key| key.to_owned()).collect();
                (format!("unknown key `{field}`"), suggestion(field, &allowed).into())
            }
            Error::SerdeMissingField { field, .. } => (format!("the key `{field}` is missing"), "".into()),
            Error::SerdeUnknownVariant { variant, expected, .. } => {
                let allowed: Vec<_> = expected.iter().map(|&key| key.to_owned()).collect();
                (format!("`{variant}` is none of the choices"), suggestion(variant, &allowed).into())
            }
            Error::SerdeInvalidType { unexpected, expected, .. }
            | Error::SerdeInvalidValue { unexpected, expected, .. } => {
                (format!("expected {expected}, found {unexpected}"), "".into())
            }
            Error::NullIntoString { .. } => (
                "expected text, found nothing".into(),
                "give the key a value, or remove it; an empty text is written \"\"".into(),
            ),
            Error::InvalidBooleanStrict { .. } => {
                ("expected true or false".into(), "yes, no, on and off are text in YAML 1.2".into())
            }
            Error::InvalidScalar { ty, .. } => (format!("expected {}", type_name(ty)), "".into()),
            Error::Unexpected { expected, .. } => (format!("expected {}", structure(expected)), "".into()),
            Error::Eof { .. } => ("the file is empty".into(), "".into()),
            Error::DuplicateMappingKey { key, .. } => {
                let key = key.as_deref().unwrap_or("?");
                let first = self.root.as_ref().and_then(|root| {
                    let all = root.keys_named(key);
                    let (pointer, _) = all.iter().find(|(_, at)| at.line == line)?;
                    all.iter().find(|(other, at)| other == pointer && at.line < line).map(|(_, at)| at.line)
                });
                let help = first.map_or_else(
                    || "a mapping holds a key once: remove one of them".to_owned(),
                    |first| format!("it stands in line {first} already: remove one of them"),
                );
                (format!("the key `{key}` is given twice"), help.into())
            }
            Error::MultipleDocuments { .. }
            | Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => (
                "a second document begins here".into(),
                "write one document a file, without `---` lines".into(),
            ),
            Error::MergeKeyNotAllowed { .. } => {
                ("merge keys (`<<`) are not part of YAML 1.2".into(), "write the keys out".into())
            }
            Error::UnknownAnchor { .. } => {
                ("this alias has no anchor".into(), "quote a text that begins with *".into())
            }
            Error::Budget { .. }
            | Error::AliasReplayLimitExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. } => (
                "the file unfolds to more than a config may hold".into(),
                format!(
                    "at most {MAX_NODES} values, {MAX_DEPTH} levels deep, with few aliases (*name), are read"
                )
                .into(),
            ),
            other => (other.to_string(), "".into()),
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 4,
            max_depth: MAX_DEPTH,
            max_documents: 1,
            max_aliases: 1_000,
            max_anchors: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_NODES,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 1_000,
        },
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
