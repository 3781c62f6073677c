//! JSON to CEL and back.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional,
    CelString, CelTimestamp, CelType, CelUInt, Kind,
};
use cel::common::value::Val;
use chrono::SecondsFormat;
use serde_json::{Map, Number, Value};

/// A JSON value as a CEL one, which borrows its strings.
pub(super) fn to_cel(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(bool) => Box::new(CelBool::from(*bool)),
        Value::Number(number) => {
            if let Some(int) = number.as_i64() {
                Box::new(CelInt::from(int))
            } else if let Some(uint) = number.as_u64() {
                Box::new(CelUInt::from(uint))
            } else {
                Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
            }
        }
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(to_cel).collect::<Vec<_>>())),
        Value::Object(members) => {
            let members: HashMap<CelMapKey<'_>, Box<dyn Val + '_>> =
                members.iter().map(|(key, value)| (CelMapKey::from(key.as_str()), to_cel(value))).collect();
            Box::new(CelMap::from(members))
        }
    }
}

/// A CEL value as JSON: bytes as base64, timestamps in RFC 3339, durations in seconds (`1.5s`), as
/// <https://protobuf.dev/programming-guides/json/> has it; an absent optional as null.
///
/// # Errors
/// A sentence about a value that JSON does not have.
pub(super) fn to_json(value: &dyn Val) -> Result<Value, String> {
    let json = match value.get_type().kind() {
        Kind::NullType => Some(Value::Null),
        Kind::Boolean => value.downcast_ref::<CelBool>().map(|bool| Value::Bool(*bool.inner())),
        Kind::Int => value.downcast_ref::<CelInt>().map(|int| Value::from(*int.inner())),
        Kind::UInt => value.downcast_ref::<CelUInt>().map(|uint| Value::from(*uint.inner())),
        Kind::Double => match value.downcast_ref::<CelDouble>().map(|double| *double.inner()) {
            Some(double) => {
                let number =
                    Number::from_f64(double).ok_or_else(|| format!("JSON has no number {double}"))?;
                Some(Value::Number(number))
            }
            None => None,
        },
        Kind::String => value.downcast_ref::<CelString<'_>>().map(|text| Value::from(text.inner())),
        Kind::Bytes => {
            value.downcast_ref::<CelBytes<'_>>().map(|bytes| STANDARD.encode(bytes.inner()).into())
        }
        Kind::Duration => {
            value.downcast_ref::<CelDuration>().map(|duration| seconds(duration.inner()).into())
        }
        Kind::Timestamp => value
            .downcast_ref::<CelTimestamp>()
            .map(|at| at.inner().to_rfc3339_opts(SecondsFormat::AutoSi, true).into()),
        Kind::Type => value.downcast_ref::<CelType>().map(|name| Value::from(name.name())),
        Kind::List => match value.downcast_ref::<CelList<'_>>() {
            Some(list) => {
                Some(list.inner().iter().map(|item| to_json(item.as_ref())).collect::<Result<_, _>>()?)
            }
            None => None,
        },
        Kind::Map => match value.downcast_ref::<CelMap<'_>>() {
            Some(map) => Some(object(map)?),
            None => None,
        },
        Kind::Opaque => match value.downcast_ref::<CelOptional<'_>>() {
            Some(optional) => Some(optional.option().map_or(Ok(Value::Null), to_json)?),
            None => None,
        },
        Kind::Unspecified
        | Kind::Error
        | Kind::Dyn
        | Kind::Any
        | Kind::Struct
        | Kind::TypeParam
        | Kind::Unknown => None,
    };
    json.ok_or_else(|| format!("a value of type {} cannot be written as JSON", value.get_type().name()))
}

/// In key order, so that the same map always gives the same text.
fn object(map: &CelMap<'_>) -> Result<Value, String> {
    let mut members = Vec::with_capacity(map.inner().len());
    for (key, value) in map.inner() {
        let key = match key {
            CelMapKey::Bool(bool) => bool.inner().to_string(),
            CelMapKey::Int(int) => int.inner().to_string(),
            CelMapKey::UInt(uint) => uint.inner().to_string(),
            CelMapKey::String(text) => text.inner().to_owned(),
        };
        members.push((key, to_json(value.as_ref())?));
    }
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Value::Object(Map::from_iter(members)))
}

fn seconds(duration: &chrono::Duration) -> String {
    let nanos = duration.subsec_nanos();
    if nanos == 0 {
        return format!("{}s", duration.num_seconds());
    }
    let sign = if duration.num_seconds() < 0 || nanos < 0 { "-" } else { "" };
    let fraction = format!("{:09}", nanos.unsigned_abs());
    format!("{sign}{}.{}s", duration.num_seconds().unsigned_abs(), fraction.trim_end_matches('0'))
}
