//! Media types of RFC 9110, section 8.3.1: what a body says it is.

use std::borrow::Cow;

use crate::document::{JSON, essence};

/// What a media type says of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Xml,
    Form,
    Multipart,
    Csv,
    Ndjson,
    Text,
    /// CloudEvents in structured mode.
    CloudEvent,
    /// CloudEvents in batched mode.
    CloudEvents,
    /// Anything else.
    Other,
}

/// The kind of a media type.
pub(super) fn kind(media_type: &str) -> Kind {
    let essence = essence(media_type);
    match essence.as_str() {
        JSON => Kind::Json,
        "application/cloudevents+json" => Kind::CloudEvent,
        "application/cloudevents-batch+json" => Kind::CloudEvents,
        "application/xml" | "text/xml" => Kind::Xml,
        "application/x-www-form-urlencoded" => Kind::Form,
        "multipart/form-data" | "multipart/mixed" => Kind::Multipart,
        "text/csv" | "application/csv" => Kind::Csv,
        // None is registered; these are what senders write.
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/x-jsonlines"
        | "application/json-lines"
        | "text/x-ndjson" => Kind::Ndjson,
        other if other.ends_with("+json") => Kind::Json,
        other if other.ends_with("+xml") => Kind::Xml,
        other if other.starts_with("text/") => Kind::Text,
        _ => Kind::Other,
    }
}

/// Whether a media type only says that nothing is known of the body.
pub(super) fn is_unknown(media_type: &str) -> bool {
    essence(media_type) == "application/octet-stream"
}

/// The value of a parameter, without quotes and escapes.
pub(super) fn parameter<'m>(media_type: &'m str, wanted: &str) -> Option<Cow<'m, str>> {
    let mut rest = media_type.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        // A parameter without a value is none.
        let name = name.rsplit(';').next().unwrap_or_default().trim();
        let (value, after) = value(after.trim_start());
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.split_once(';')?.1;
    }
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (token, after) = text.split_at_checked(end).unwrap_or((text, ""));
        return (token.trim().into(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value.into(), quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value.into(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_tokens_or_quoted() {
        let media_type = r#"multipart/mixed; a="x;\"y\"=" ;flag;  Boundary = b=1 ; charset=utf-8"#;
        assert_eq!(parameter(media_type, "a").unwrap(), "x;\"y\"=");
        assert_eq!(parameter(media_type, "boundary").unwrap(), "b=1");
        assert_eq!(parameter(media_type, "CHARSET").unwrap(), "utf-8");
        assert_eq!(parameter(media_type, "flag"), None);
        assert_eq!(parameter("text/plain", "charset"), None);
        assert_eq!(parameter("text/plain; charset=\"utf", "charset").unwrap(), "utf");
    }

    #[test]
    fn kinds_go_by_the_type_without_case_and_parameters() {
        assert_eq!(kind("Application/JSON; charset=utf-8"), Kind::Json);
        assert_eq!(kind("application/vnd.shop+json"), Kind::Json);
        assert_eq!(kind("application/cloudevents+json"), Kind::CloudEvent);
        assert_eq!(kind("application/soap+xml; action=x"), Kind::Xml);
        assert_eq!(kind("text/html"), Kind::Text);
        assert_eq!(kind("image/png"), Kind::Other);
    }
}
