//! In what two documents differ, for people and for programs: JSON by its structure, text by its lines.
//!
//! RFC 6902 patches are made to be applied: their indices hold only in the order of the operations. Here each change
//! names a place that a person finds in one of the two documents, and an item that was put into a list is one change
//! and not one of every item after it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Number, Value};
use similar::{Algorithm, DiffOp, TextDiff, capture_diff_slices};
use stepmill_core::pointer::token;

/// Characters of a value that are shown.
const SHOWN: usize = 200;
/// Lines that are alike before and after one that is not.
const CONTEXT: usize = 2;
/// How long texts are aligned for: what is left is then shown as removed and added.
const PATIENCE: Duration = Duration::from_secs(2);

/// One place at which two JSON values differ. Pointers are RFC 6901.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Change {
    /// It should be there. The pointer leads into what was expected.
    Missing {
        /// Where.
        pointer: String,
        /// What is missing.
        expected: Value,
    },
    /// It should not be there. The pointer leads into what there is.
    Unexpected {
        /// Where.
        pointer: String,
        /// What is there.
        got: Value,
    },
    /// It is something else. The pointer leads into what there is.
    Changed {
        /// Where.
        pointer: String,
        /// What should be there.
        expected: Value,
        /// What is there.
        got: Value,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { pointer, expected } => {
                write!(f, "{}: expected {}, got nothing", place(pointer), shown(expected))
            }
            Self::Unexpected { pointer, got } => {
                write!(f, "{}: expected nothing, got {}", place(pointer), shown(got))
            }
            Self::Changed { pointer, expected, got } => {
                write!(f, "{}: expected {}, got {}", place(pointer), shown(expected), shown(got))
            }
        }
    }
}

/// A pointer as it is shown: that of the whole document is empty.
fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "(whole)" } else { pointer }
}

/// A value in one line, cut where it is too long for one.
pub(crate) fn shown(value: &Value) -> String {
    excerpt(&value.to_string())
}

/// The beginning of a text, in one line.
pub(crate) fn excerpt(text: &str) -> String {
    let mut cut: String = text
        .chars()
        .take(SHOWN)
        .flat_map(|c| {
            c.is_control()
                .then(|| c.escape_default())
                .into_iter()
                .flatten()
                .chain((!c.is_control()).then_some(c))
        })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        cut.push('…');
    }
    cut
}

/// Every place at which `got` is not as expected; none if they are equal.
pub(crate) fn json(expected: &Value, got: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut String::new(), expected, got, &mut changes);
    changes
}

fn compare(pointer: &mut String, expected: &Value, got: &Value, changes: &mut Vec<Change>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => objects(pointer, expected, got, changes),
        (Value::Array(expected), Value::Array(got)) => arrays(pointer, expected, got, changes),
        (Value::Number(expected), Value::Number(got)) if is_same(expected, got) => {}
        (expected, got) if expected == got => {}
        (expected, got) => changes.push(Change::Changed {
            pointer: pointer.clone(),
            expected: expected.clone(),
            got: got.clone(),
        }),
    }
}

/// JSON has one kind of number: 19 is 19.0.
fn is_same(expected: &Number, got: &Number) -> bool {
    expected == got || ((expected.is_f64() || got.is_f64()) && expected.as_f64() == got.as_f64())
}

fn objects(
    pointer: &mut String,
    expected: &Map<String, Value>,
    got: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    for (key, expected) in expected {
        below(pointer, key, |pointer| match got.get(key) {
            Some(got) => compare(pointer, expected, got, changes),
            None => changes.push(Change::Missing { pointer: pointer.clone(), expected: expected.clone() }),
        });
    }
    for (key, got) in got.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        below(pointer, key, |pointer| {
            changes.push(Change::Unexpected { pointer: pointer.clone(), got: got.clone() });
        });
    }
}

/// Items are aligned by what they are, so that one more or one less does not make all that follow differ.
fn arrays(pointer: &mut String, expected: &[Value], got: &[Value], changes: &mut Vec<Change>) {
    let texts = |items: &[Value]| items.iter().map(Value::to_string).collect::<Vec<_>>();
    for op in capture_diff_slices(Algorithm::Myers, &texts(expected), &texts(got)) {
        let (old, new) = match op {
            DiffOp::Equal { .. } => continue,
            DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => {
                (op.old_range(), op.new_range())
            }
        };
        let both = old.len().min(new.len());
        for (from, to) in old.clone().zip(new.clone()) {
            if let (Some(expected), Some(got)) = (expected.get(from), got.get(to)) {
                below(pointer, &to.to_string(), |pointer| compare(pointer, expected, got, changes));
            }
        }
        for (at, expected) in old.skip(both).filter_map(|at| Some((at, expected.get(at)?))) {
            below(pointer, &at.to_string(), |pointer| {
                changes.push(Change::Missing { pointer: pointer.clone(), expected: expected.clone() });
            });
        }
        for (at, got) in new.skip(both).filter_map(|at| Some((at, got.get(at)?))) {
            below(pointer, &at.to_string(), |pointer| {
                changes.push(Change::Unexpected { pointer: pointer.clone(), got: got.clone() });
            });
        }
    }
}

fn below(pointer: &mut String, key: &str, look: impl FnOnce(&mut String)) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&token(key));
    look(pointer);
    pointer.truncate(length);
}

/// The lines in which `got` is not as expected, after `-` what was expected and after `+` what there is, with those
/// around them; none if the texts are equal.
pub(crate) fn lines(expected: &str, got: &str) -> Vec<String> {
    if expected == got {
        return Vec::new();
    }
    let mut config = TextDiff::configure();
    config.timeout(PATIENCE);
    let difference = config.diff_lines(expected, got);
    let text = difference.unified_diff().context_radius(CONTEXT).to_string();
    text.lines().filter(|line| !line.starts_with("@@")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(expected: Value, got: Value) -> Vec<String> {
        json(&expected, &got).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_change_of_a_document_is_named_with_its_place() {
        assert_eq!(told(json!({ "a": [1, { "b": null }] }), json!({ "a": [1, { "b": null }] })), [""; 0]);
        assert_eq!(
            told(
                json!({ "id": 7, "gone": true, "lines": [{ "sku": "A", "n": 1 }] }),
                json!({ "id": "7", "lines": [{ "sku": "A", "n": 2 }], "a/b": {} }),
            ),
            [
                "/gone: expected true, got nothing",
                "/id: expected 7, got \"7\"",
                "/lines/0/n: expected 1, got 2",
                "/a~1b: expected nothing, got {}",
            ]
        );
        assert_eq!(told(json!([]), json!({})), ["(whole): expected [], got {}"]);
        assert_eq!(told(json!([19, 0.5, u64::MAX]), json!([19.0, 0.5, u64::MAX])), [""; 0]);
        assert_eq!(told(json!(u64::MAX), json!(u64::MAX - 1)).len(), 1);
    }

    #[test]
    fn an_item_more_or_less_does_not_make_all_that_follow_differ() {
        assert_eq!(told(json!(["b", "c"]), json!(["a", "b", "c"])), ["/0: expected nothing, got \"a\""]);
        assert_eq!(told(json!(["a", "b", "c"]), json!(["a", "c"])), ["/1: expected \"b\", got nothing"]);
        assert_eq!(
            told(json!([{ "n": 1 }, { "n": 2 }]), json!([{ "n": 1 }, { "n": 3 }, { "n": 4 }])),
            ["/1/n: expected 2, got 3", "/2: expected nothing, got {\"n\":4}"]
        );
    }

    #[test]
    fn what_is_shown_is_short_and_cannot_steer_a_terminal() {
        let long = told(json!("a"), json!("\u{1b}[2J".to_owned() + &"x".repeat(500)));
        assert!(long[0].chars().count() < 250 && long[0].ends_with('…'), "{long:?}");
        assert!(!long[0].contains('\u{1b}'));
    }

    #[test]
    fn text_differs_by_lines() {
        assert_eq!(lines("a\nb\n", "a\nb\n"), [""; 0]);
        assert_eq!(
            lines("a\nb\nc\nd\ne\n", "a\nb\nX\nd\ne"),
            [" a", " b", "-c", "+X", " d", "-e", "+e", "\\ No newline at end of file"]
        );
    }
}
