//! Which failures a rule matches.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::attempt::{Cause, Class, Failure, Record};
use crate::manifest::Kind;
use crate::nearest::nearest;
use crate::retry::{InvalidPolicy, Problem};

/// Which failures a rule matches: those that every given key matches, each by any of its values. At least
/// one key is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "RetryOn")]
pub struct On {
    /// HTTP statuses of the attempt's last exchange: `409`, a class such as `5xx`, a range such as
    /// `500-504`. An exchange without an answer has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Vec<StatusPattern>>,
    /// Causes of the failure, such as `trap` or `wall-deadline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "causes")]
    pub cause: Option<Vec<String>>,
    /// Codes of the failure: for a rejection what the plugin chose, such as `out-of-stock`, else the
    /// cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Vec<String>>,
    /// Systems that the attempt's last exchange was with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Vec<String>>,
}

/// A status, a class or a range of them, as an operator writes it: a number or a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StatusPattern(String);

impl StatusPattern {
    fn range(&self) -> Option<RangeInclusive<u16>> {
        if let [class @ b'1'..=b'5', b'x', b'x'] = self.0.as_bytes() {
            let first = u16::from(class - b'0') * 100;
            return Some(first..=first + 99);
        }
        let (first, last) = self.0.split_once('-').unwrap_or((&self.0, &self.0));
        let (first, last) = (status(first.trim())?, status(last.trim())?);
        (first <= last).then_some(first..=last)
    }
}

fn status(text: &str) -> Option<u16> {
    let is_plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|status| is_plain && (100..=599).contains(status))
}

impl<'de> Deserialize<'de> for StatusPattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = StatusPattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as 409, a class such as 5xx or a range such as 500-504")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<StatusPattern, E> {
                Ok(StatusPattern(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<StatusPattern, E> {
                Ok(StatusPattern(number.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<StatusPattern, E> {
                Ok(StatusPattern(text.to_owned()))
            }
        }

        from.deserialize_any(Visitor)
    }
}

impl JsonSchema for StatusPattern {
    fn schema_name() -> Cow<'static, str> {
        "RetryStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A status, a class (`5xx`) or a range (`500-504`).",
            "oneOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": "^([1-5]xx|[1-5][0-9][0-9](-[1-5][0-9][0-9])?)$" },
            ],
        })
    }
}

pub(crate) fn causes(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = known().collect();
    json_schema!({ "type": ["array", "null"], "items": { "type": "string", "enum": names } })
}

/// Names of the causes that rules decide on.
fn known() -> impl Iterator<Item = &'static str> {
    Cause::ALL.into_iter().filter(|cause| cause.class() != Class::Host).map(Cause::name)
}

/// A checked [`On`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    status: Option<Vec<RangeInclusive<u16>>>,
    cause: Option<Vec<Cause>>,
    code: Option<Vec<String>>,
    system: Option<Vec<String>>,
}

impl Condition {
    /// Pointers start at the condition.
    pub(crate) fn try_new(on: &On) -> Result<Self, InvalidPolicy> {
        let condition = Self {
            status: values("status", on.status.as_deref(), |pattern| {
                pattern.range().ok_or_else(|| Problem::Status(pattern.0.clone()))
            })?,
            cause: values("cause", on.cause.as_deref(), |name| cause(name))?,
            code: values("code", on.code.as_deref(), |code| {
                is_code(code).then(|| code.clone()).ok_or_else(|| Problem::Code(code.clone()))
            })?,
            system: values("system", on.system.as_deref(), |system| Ok(system.clone()))?,
        };
        match &condition {
            Self { status: None, cause: None, code: None, system: None } => {
                Err(InvalidPolicy::new(String::new(), Problem::NoCondition))
            }
            Self { .. } => Ok(condition),
        }
    }

    pub(crate) fn matches(&self, failure: &Failure, record: &Record) -> bool {
        let is_any = |names: &[String], name: &str| names.iter().any(|other| other == name);
        let status = self.status.as_ref().is_none_or(|ranges| {
            record.last_status().is_some_and(|status| ranges.iter().any(|range| range.contains(&status)))
        });
        let cause = self.cause.as_ref().is_none_or(|causes| causes.contains(&failure.cause));
        let code = self.code.as_ref().is_none_or(|codes| is_any(codes, &failure.code));
        let system = self
            .system
            .as_ref()
            .is_none_or(|systems| record.last_system().is_some_and(|system| is_any(systems, system)));
        status && cause && code && system
    }

    /// A cause that it names although no other attempt helps it, whatever the step.
    pub(super) fn hopeless(&self) -> Option<&'static str> {
        let causes = self.cause.iter().flatten();
        causes.copied().find(|cause| !cause.may_pass(Kind::Connector)).map(Cause::name)
    }
}

/// Checks the values of a key; the error points to the first that is wrong.
fn values<T, U>(
    key: &'static str,
    given: Option<&[T]>,
    check: impl Fn(&T) -> Result<U, Problem>,
) -> Result<Option<Vec<U>>, InvalidPolicy> {
    let Some(given) = given else { return Ok(None) };
    if given.is_empty() {
        return Err(InvalidPolicy::new(format!("/{key}"), Problem::NoValues(key)));
    }
    let checked = given.iter().enumerate().map(|(index, value)| {
        check(value).map_err(|problem| InvalidPolicy::new(format!("/{key}/{index}"), problem))
    });
    checked.collect::<Result<_, _>>().map(Some)
}

fn cause(name: &str) -> Result<Cause, Problem> {
    match Cause::from_name(name) {
        Some(cause) if cause.class() == Class::Host => Err(Problem::HostCause(cause.name())),
        Some(cause) => Ok(cause),
        None => Err(Problem::Cause {
            given: name.to_owned(),
            meant: nearest(name, known()),
            known: known().collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Whether a failure can have this code: what a guest gives is brought into this form.
fn is_code(code: &str) -> bool {
    code.split('-').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}
