//! In what a candidate's answer differs from the recorded one.

use serde_json::{Value, json};
use stepmill_core::attempt::{Cause, Failure, capped};
use stepmill_core::document::Document;
use stepmill_core::invoke::Report;

use super::replay::Replay;
use super::report::{DIFFERENCES, Difference, Outcome, Part, Verdict};
use crate::author::difference::{self, Change};

/// Bytes of a value that are told.
const VALUE_BYTES: usize = 1 << 10;

/// What was made of an attempt then.
pub(crate) type Was<'a> = Result<&'a Document, &'a Failure>;

/// What the candidate makes of an attempt, against what was made of it then.
pub(crate) fn verdict(was: Was<'_>, report: &Report, replay: &Replay) -> Verdict {
    let is = report.outcome.as_ref();
    if let Err(failure) = is
        && failure.cause == Cause::Host
    {
        return Verdict::skipped(format!("the host failed: {}", failure.message));
    }
    if let Some(missed) = replay.missed() {
        return Verdict::of(Outcome::Unrecorded, missed.differences, Some(missed.why));
    }
    let mut differences = match (was, is) {
        (Ok(was), Ok(is)) => documents(was, is),
        (Err(was), Err(is)) => values(Part::Failure, &failure(was), &failure(is)),
        (Err(was), Ok(is)) => vec![
            whole(Part::Failure, Some(&failure(was)), None),
            whole(Part::Output, None, Some(&is.to_value())),
        ],
        (Ok(_), Err(is)) => {
            let told = vec![whole(Part::Failure, None, Some(&failure(is)))];
            return Verdict::of(Outcome::Failed, told, Some(format!("{}: {}", is.cause.name(), is.message)));
        }
    };
    differences.extend(replay.unasked());
    let outcome = if differences.is_empty() { Outcome::Equal } else { Outcome::Changed };
    Verdict::of(outcome, differences, None)
}

impl Verdict {
    /// That nothing was compared, and why.
    pub(crate) fn skipped(why: String) -> Self {
        Self::of(Outcome::Skipped, Vec::new(), Some(why))
    }

    pub(crate) fn of(result: Outcome, mut differences: Vec<Difference>, why: Option<String>) -> Self {
        let more = differences.len().saturating_sub(DIFFERENCES);
        differences.truncate(DIFFERENCES);
        Self { result, differences, more, why }
    }
}

fn documents(was: &Document, is: &Document) -> Vec<Difference> {
    let mut differences = Vec::new();
    if was.media_type != is.media_type {
        let (was, is) = (json!(was.media_type), json!(is.media_type));
        differences.push(whole(Part::MediaType, Some(&was), Some(&is)));
    }
    match (was.to_json(), is.to_json()) {
        (Ok(was), Ok(is)) => differences.extend(values(Part::Output, &was, &is)),
        _ if was.body == is.body => {}
        _ => differences.extend(texts(Part::Output, &was.to_value(), &is.to_value())),
    }
    differences
}

/// In what two requests' bodies differ.
pub(super) fn bodies(was: &[u8], is: &[u8]) -> Vec<Difference> {
    let json = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    match (json(was), json(is)) {
        (Some(was), Some(is)) => values(Part::Request, &was, &is),
        _ => texts(Part::Request, &text(was), &text(is)),
    }
}

fn values(part: Part, was: &Value, is: &Value) -> Vec<Difference> {
    difference::json(was, is).into_iter().map(|change| of(part, change)).collect()
}

/// Text differs by its lines, which are told in place of all of it.
fn texts(part: Part, was: &Value, is: &Value) -> Vec<Difference> {
    let (Some(old), Some(new)) = (was.as_str(), is.as_str()) else {
        return vec![whole(part, Some(was), Some(is))];
    };
    let lines = difference::lines(old, new);
    let side = |sign| {
        let of_side = lines.iter().filter_map(|line| line.strip_prefix(sign)).collect::<Vec<_>>();
        Value::String(of_side.join("\n"))
    };
    vec![whole(part, Some(&side('-')), Some(&side('+')))]
}

fn of(part: Part, change: Change) -> Difference {
    let (pointer, recorded, candidate) = match change {
        Change::Missing { pointer, expected } => (pointer, Some(expected), None),
        Change::Unexpected { pointer, got } => (pointer, None, Some(got)),
        Change::Changed { pointer, expected, got } => (pointer, Some(expected), Some(got)),
    };
    Difference { part, pointer, recorded: recorded.map(cut), candidate: candidate.map(cut) }
}

fn whole(part: Part, was: Option<&Value>, is: Option<&Value>) -> Difference {
    let cut = |value: Option<&Value>| value.cloned().map(cut);
    Difference { part, pointer: String::new(), recorded: cut(was), candidate: cut(is) }
}

/// A value that is not too long to be told; else the beginning of its text.
fn cut(value: Value) -> Value {
    let text = value.to_string();
    if text.len() <= VALUE_BYTES {
        return value;
    }
    Value::String(format!("{}…", capped(text, VALUE_BYTES)))
}

fn failure(failure: &Failure) -> Value {
    let Failure { cause, code, message, retry_after_ms, violations } = failure;
    let mut told = json!({ "cause": cause.name(), "code": code, "message": message });
    if let Some(members) = told.as_object_mut() {
        members.extend(retry_after_ms.map(|ms| ("retry_after_ms".into(), json!(ms))));
        members.extend((!violations.is_empty()).then(|| ("violations".into(), json!(violations))));
    }
    told
}
