//! Whether one JSON Schema may take the place of another.
//!
//! It may if every value of the one is a value of the other. That is proved keyword by keyword (`inclusion`); where
//! the proof fails, a value is looked for that both schemas' own validation tells apart (`samples`). With neither, what
//! is said is that it is not known. The crate `jsoncompat` does more of it, but switches on `serde_json`'s
//! `arbitrary_precision`, which would change the numbers of the whole host.

mod inclusion;
mod samples;

use jsonschema::ValidationError;
use serde::Serialize;
use serde_json::Value;

/// What became of a schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Change {
    /// Whether the new one may take the old one's place.
    pub(crate) verdict: Verdict,
    /// Why not, or why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// A value that shows it: one that was taken and is not any more, or that is answered and was not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) example: Option<Value>,
}

/// Whether a schema may take another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It is the same.
    Unchanged,
    /// It is another, and may.
    Compatible,
    /// It may not.
    Incompatible,
    /// Neither could be shown.
    Unknown,
}

impl Verdict {
    /// Whether nobody has to look.
    pub(crate) fn is_compatible(self) -> bool {
        match self {
            Self::Unchanged | Self::Compatible => true,
            Self::Incompatible | Self::Unknown => false,
        }
    }
}

impl Change {
    /// Configs stand in workflows: each that was valid has to stay so, whatever is in it.
    pub(super) fn of_config(old: &Value, new: &Value) -> Self {
        Self::between(old, new, &Inclusion { of: ("old", old), within: ("new", new), is_written: false })
    }

    /// Inputs come of steps that write what the old schema knows; other keys are nothing that they rely on.
    pub(super) fn of_input(old: Option<&Value>, new: Option<&Value>) -> Self {
        let (old, new) = (or_anything(old), or_anything(new));
        Self::between(&old, &new, &Inclusion { of: ("old", &old), within: ("new", &new), is_written: true })
    }

    /// Outputs are read by later steps: each has to be one that could have come before.
    pub(super) fn of_output(old: Option<&Value>, new: Option<&Value>) -> Self {
        let (old, new) = (or_anything(old), or_anything(new));
        Self::between(&old, &new, &Inclusion { of: ("new", &new), within: ("old", &old), is_written: false })
    }

    fn between(old: &Value, new: &Value, inclusion: &Inclusion<'_>) -> Self {
        if old == new {
            return Self { verdict: Verdict::Unchanged, reason: None, example: None };
        }
        let Some(reason) = inclusion.obstacle() else {
            return Self { verdict: Verdict::Compatible, reason: None, example: None };
        };
        match inclusion.counterexample() {
            Ok(Some(value)) => {
                Self { verdict: Verdict::Incompatible, reason: Some(reason), example: Some(value) }
            }
            Ok(None) => Self { verdict: Verdict::Unknown, reason: Some(reason), example: None },
            Err(error) => {
                let reason = format!("a schema cannot be used: {error}");
                Self { verdict: Verdict::Unknown, reason: Some(reason), example: None }
            }
        }
    }
}

/// The claim that every value of one schema is a value of another.
struct Inclusion<'a> {
    /// What values are of, with what people call it.
    of: (&'static str, &'a Value),
    /// What they have to be of.
    within: (&'static str, &'a Value),
    /// Whether values have the keys that their schema names and no others, as what a program writes has.
    is_written: bool,
}

impl Inclusion<'_> {
    /// A value of the one schema that is none of the other.
    fn counterexample(&self) -> Result<Option<Value>, ValidationError<'static>> {
        let validator = |schema| jsonschema::options().build(schema);
        let (of, within) = (validator(self.of.1)?, validator(self.within.1)?);
        let candidates = samples::of(self.of.1, self.within.1, self.is_written);
        Ok(candidates.into_iter().find(|value| of.is_valid(value) && !within.is_valid(value)))
    }
}

/// A manifest without a schema says that anything may come.
fn or_anything(schema: Option<&Value>) -> Value {
    schema.cloned().unwrap_or(Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    fn object(properties: &Value, required: &Value, is_open: bool) -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": properties, "required": required, "additionalProperties": is_open,
        })
    }

    #[test]
    fn schemas_are_compared_in_the_direction_that_values_go() {
        let one = object(&json!({ "a": { "type": "integer" } }), &json!([]), false);
        let optional =
            object(&json!({ "a": { "type": "integer" }, "b": { "type": "string" } }), &json!([]), false);
        let required =
            object(&json!({ "a": { "type": "integer" }, "b": { "type": "string" } }), &json!(["b"]), false);
        let wider = object(&json!({ "a": { "type": "number" } }), &json!([]), false);
        let described = {
            let mut schema = one.clone();
            schema["description"] = json!("words");
            schema
        };
        let open = object(&json!({ "a": { "type": "integer" } }), &json!([]), true);
        let open_more =
            object(&json!({ "a": { "type": "integer" }, "b": { "type": "string" } }), &json!([]), true);
        let cases = [
            ("the same", &one, &one),
            ("other words", &one, &described),
            ("another key, optional", &one, &optional),
            ("another key, required", &one, &required),
            ("a key gone", &optional, &one),
            ("a wider type", &one, &wider),
            ("a narrower type", &wider, &one),
            ("another key where any was taken", &open, &open_more),
        ];
        let mut read = String::new();
        for (what, old, new) in cases {
            let changes = [
                ("config", Change::of_config(old, new)),
                ("input", Change::of_input(Some(old), Some(new))),
                ("output", Change::of_output(Some(old), Some(new))),
            ];
            writeln!(read, "{what}").unwrap();
            for (of, Change { verdict, reason, example }) in changes {
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                let example = example.map(|value| format!(" (such as {value})")).unwrap_or_default();
                writeln!(read, "  {of:<6} {verdict:?}{reason}{example}").unwrap();
            }
        }
        insta::assert_snapshot!(read);
    }

    #[test]
    fn a_schema_where_there_was_none_narrows_what_is_taken_and_what_is_answered() {
        let text = json!({ "type": "string" });
        assert_eq!(Change::of_input(None, Some(&text)).verdict, Verdict::Incompatible);
        assert_eq!(Change::of_input(Some(&text), None).verdict, Verdict::Compatible);
        assert_eq!(Change::of_output(None, Some(&text)).verdict, Verdict::Compatible);
        assert_eq!(Change::of_output(Some(&text), None).verdict, Verdict::Incompatible);
    }

    #[test]
    fn a_schema_that_is_none_is_said_to_be() {
        let change = Change::of_config(&json!({}), &json!({ "type": "strin" }));
        assert_eq!(change.verdict, Verdict::Unknown);
        assert!(change.reason.unwrap().starts_with("a schema cannot be used: "));
    }
}
