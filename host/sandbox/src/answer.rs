//! What a guest answers, checked and capped before anything else sees it.

use std::sync::Arc;

use stepmill_core::attempt::{Cause, Failure, MESSAGE_BYTES, VIOLATIONS, Violation, capped};
use stepmill_core::document::{Body, Document};
use stepmill_core::limits::Limits;

use crate::bindings::types;
use crate::export::{DocumentAnswer, ViolationsAnswer};

/// Bytes of a media type.
const MEDIA_TYPE: usize = 255;
/// Bytes of a rejection's code.
const CODE: usize = 64;
/// Bytes of a violation's pointer and of its message.
const VIOLATION_TEXT: usize = 1 << 10;
/// Bytes of a violation's rule.
const RULE: usize = 128;
/// Bytes of all violations of an attempt together.
const ALL_VIOLATIONS: usize = 512 << 10;

/// The output of a transform or a connector.
pub(crate) fn document(answer: DocumentAnswer, limits: &Limits) -> Result<Document, Failure> {
    let document = answer.map_err(failure)?;
    check_media_type(&document.media_type)?;
    let len = match &document.body {
        types::Body::Text(text) => text.len(),
        types::Body::Binary(bytes) => bytes.len(),
    };
    if len as u64 > limits.output_bytes {
        let message =
            format!("the output has {len} bytes; the limit `output_bytes` is {}", limits.output_bytes);
        return Err(Failure::new(Cause::OutputLimit, message));
    }
    Ok(match document.body {
        types::Body::Text(text) => Document { media_type: document.media_type, body: Body::Text(text) },
        // JSON always travels as text.
        types::Body::Binary(bytes) => Document::from_bytes(&document.media_type, bytes),
    })
}

/// The outcome of a validate step: its input, if nothing is wrong with it.
pub(crate) fn violations(answer: ViolationsAnswer, input: &Arc<Document>) -> Result<Arc<Document>, Failure> {
    let found = answer.map_err(failure)?;
    if found.is_empty() {
        return Ok(input.clone());
    }
    let count = found.len();
    let mut kept = Vec::new();
    let mut bytes = 0;
    for violation in found.into_iter().take(VIOLATIONS) {
        let violation = Violation {
            pointer: capped(violation.pointer, VIOLATION_TEXT),
            rule: capped(violation.rule, RULE),
            message: capped(violation.message, VIOLATION_TEXT),
        };
        bytes += violation.pointer.len() + violation.rule.len() + violation.message.len();
        if bytes > ALL_VIOLATIONS {
            break;
        }
        kept.push(violation);
    }
    let first = kept.first().map(|first| format!("; the first at {:?}: {}", first.pointer, first.message));
    let cut = if kept.len() < count { format!(", {} kept", kept.len()) } else { String::new() };
    let message = match count {
        1 => format!("1 violation{}", first.unwrap_or_default()),
        _ => format!("{count} violations{cut}{}", first.unwrap_or_default()),
    };
    Err(Failure { violations: kept, ..Failure::new(Cause::Invalid, message) })
}

fn failure(failure: types::Failure) -> Failure {
    match failure {
        types::Failure::Retry(hint) => {
            Failure { retry_after_ms: hint.after_ms, ..Failure::new(Cause::RetryAsked, hint.message) }
        }
        types::Failure::Reject(rejection) => {
            let message = capped(rejection.message, MESSAGE_BYTES);
            Failure { code: code(&rejection.code), ..Failure::new(Cause::Rejected, message) }
        }
    }
}

/// The code as a stable name: lower-case letters, digits and single dashes, at most [`CODE`].
pub(crate) fn code(given: &str) -> String {
    let mut code = String::new();
    for character in given.chars() {
        if code.len() == CODE {
            break;
        }
        match character.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => code.push(letter),
            _ if code.is_empty() || code.ends_with('-') => {}
            _ => code.push('-'),
        }
    }
    let code = code.trim_end_matches('-');
    if code.is_empty() { Cause::Rejected.name().into() } else { code.into() }
}

fn check_media_type(media_type: &str) -> Result<(), Failure> {
    let bad = |what: String| Err(Failure::new(Cause::BadAnswer, what));
    if media_type.is_empty() {
        return bad("the output's media type is empty; say one such as application/json".into());
    }
    let shown: String = media_type.chars().take(100).collect();
    if media_type.len() > MEDIA_TYPE {
        return bad(format!("the output's media type {shown:?}… is longer than {MEDIA_TYPE} bytes"));
    }
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let is_valid = essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
        && media_type.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    if !is_valid {
        return bad(format!("the output's media type {shown:?} is none; say one such as application/json"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stepmill_core::attempt::{Cause, VIOLATIONS};
    use stepmill_core::document::{Body, Document};
    use stepmill_core::limits::Limits;

    use super::{code, document, types, violations};

    fn answer(media_type: &str, body: types::Body) -> Result<Document, Cause> {
        let limits = Limits { output_bytes: 10, ..Limits::default() };
        let answer = types::Document { media_type: media_type.into(), body };
        document(Ok(answer), &limits).map_err(|failure| failure.cause)
    }

    #[test]
    fn an_output_without_a_media_type_or_too_large_is_a_named_failure() {
        assert_eq!(answer("", types::Body::Text("x".into())), Err(Cause::BadAnswer));
        assert_eq!(answer("json\r\nx: y", types::Body::Text("x".into())), Err(Cause::BadAnswer));
        assert_eq!(answer("text/plain", types::Body::Text("x".repeat(11))), Err(Cause::OutputLimit));
        assert_eq!(
            answer("text/plain; charset=utf-8", types::Body::Text("x".repeat(10))).map(|it| it.len()),
            Ok(10)
        );
        assert_eq!(
            answer("application/json", types::Body::Binary(b"{}".to_vec())).map(|it| it.body),
            Ok(Body::Text("{}".into()))
        );
    }

    #[test]
    fn a_code_becomes_a_stable_name() {
        assert_eq!(code("HTTP 404: not/found!"), "http-404-not-found");
        assert_eq!(code("\u{1f980}"), "rejected");
        assert_eq!(code(&"a".repeat(100)).len(), 64);
    }

    #[test]
    fn violations_are_capped_and_none_passes_the_input_on() {
        let input = Arc::new(Document::from_bytes("text/plain", b"x".to_vec()));
        assert!(Arc::ptr_eq(&violations(Ok(vec![]), &input).unwrap(), &input));
        let one =
            types::Violation { pointer: "/a".into(), rule: "required".into(), message: "m".repeat(5_000) };
        let failure = violations(Ok(vec![one; 5_000]), &input).unwrap_err();
        assert_eq!(failure.cause, Cause::Invalid);
        assert!(failure.violations.len() <= VIOLATIONS && failure.violations.len() > 100);
        assert!(failure.message.starts_with("5000 violations, "), "{}", failure.message);
    }
}
