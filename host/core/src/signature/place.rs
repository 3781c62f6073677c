//! Finds what a recipe names in a request.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::recipe::Place;
use super::{Refusal, Request, field};

/// Longest list of signatures that is looked at: more than any sender sends, and few enough to be checked.
const MOST_LISTED: usize = 32;

/// A value as it is written.
pub(super) type Value<'r> = Cow<'r, [u8]>;

impl Place {
    /// Whether something is there, right or wrong.
    pub fn is_there(&self, request: &Request<'_>) -> bool {
        match self {
            Self::Header { name: header, .. } | Self::Listed { header, .. } => {
                !request.headers.values(header).is_empty()
            }
            Self::Numbered { header, .. } => !request.headers.values(&format!("{header}1")).is_empty(),
            Self::Query(name) => parameters(request).any(|(key, _)| *key == *name.as_bytes()),
            Self::Text(_) | Self::Number(_) => true,
        }
    }

    /// All values: none only of a list that has no such name.
    pub fn all<'r>(&self, request: &Request<'r>) -> Result<Vec<Value<'r>>, Refusal> {
        match self {
            Self::Header { name, prefix } => {
                let value = single(request, name)?;
                let value = without(value, prefix.as_bytes()).ok_or(Refusal::MalformedHeader)?;
                Ok(vec![Cow::Borrowed(value)])
            }
            Self::Listed { header, between, after, key } => {
                let list = single(request, header)?;
                let named = |entry: &'r [u8]| {
                    let entry = entry.trim_ascii();
                    let at = entry.iter().position(|byte| byte == after)?;
                    let (name, value) = entry.split_at_checked(at)?;
                    (name == key.as_bytes()).then(|| Cow::Borrowed(value.get(1..).unwrap_or_default()))
                };
                let values: Vec<_> = list.split(|byte| byte == between).filter_map(named).collect();
                if values.len() > MOST_LISTED { Err(Refusal::MalformedHeader) } else { Ok(values) }
            }
            Self::Numbered { header, most } => {
                let mut values = vec![Cow::Borrowed(single(request, &format!("{header}1"))?)];
                for number in 2..=*most {
                    match single(request, &format!("{header}{number}")) {
                        Ok(value) => values.push(Cow::Borrowed(value)),
                        Err(Refusal::MissingHeader) => break,
                        Err(refusal) => return Err(refusal),
                    }
                }
                Ok(values)
            }
            Self::Query(name) => {
                let mut values = parameters(request).filter(|(key, _)| **key == *name.as_bytes());
                match (values.next(), values.next()) {
                    (None, _) => Err(Refusal::MissingParameter),
                    (Some((_, value)), None) => Ok(vec![value]),
                    (Some(_), Some(_)) => Err(Refusal::RepeatedParameter),
                }
            }
            Self::Text(path) => field::text(request.body, path)
                .map(|text| vec![Cow::Owned(text.into_bytes())])
                .ok_or(Refusal::MalformedBody),
            Self::Number(path) => field::number(request.body, path)
                .map(|number| vec![Cow::Owned(number.to_string().into_bytes())])
                .ok_or(Refusal::MalformedBody),
        }
    }

    /// The one value, which is not empty.
    pub fn one<'r>(&self, request: &Request<'r>) -> Result<Value<'r>, Refusal> {
        let mut values = self.all(request)?;
        match (values.pop(), values.is_empty()) {
            (Some(value), true) if !value.is_empty() => Ok(value),
            _ => Err(self.malformed()),
        }
    }

    /// What a wrong value there is.
    pub fn malformed(&self) -> Refusal {
        match self {
            Self::Header { .. } | Self::Listed { .. } | Self::Numbered { .. } => Refusal::MalformedHeader,
            Self::Query(_) => Refusal::MalformedParameter,
            Self::Text(_) | Self::Number(_) => Refusal::MalformedBody,
        }
    }
}

/// The one header of a name. It is ASCII: what is not, programs on the way read differently.
fn single<'r>(request: &Request<'r>, name: &str) -> Result<&'r [u8], Refusal> {
    match request.headers.values(name).as_slice() {
        [] => Err(Refusal::MissingHeader),
        [value] if value.is_ascii() => Ok(value),
        [_] => Err(Refusal::MalformedHeader),
        [_, _, ..] => Err(Refusal::RepeatedHeader),
    }
}

/// The one header of a name, which is not empty, as text.
pub(super) fn header<'r>(request: &Request<'r>, name: &str) -> Result<&'r str, Refusal> {
    let value = std::str::from_utf8(single(request, name)?).map_err(|_| Refusal::MalformedHeader)?;
    if value.is_empty() { Err(Refusal::MalformedHeader) } else { Ok(value) }
}

/// What follows a prefix in either case.
fn without<'v>(value: &'v [u8], prefix: &[u8]) -> Option<&'v [u8]> {
    let (start, rest) = value.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| rest.trim_ascii_start())
}

/// Names and values of the URL's query, decoded.
fn parameters<'r>(request: &Request<'r>) -> impl Iterator<Item = (Value<'r>, Value<'r>)> + use<'r> {
    pairs(request.url.split_once('?').map_or("", |(_, query)| query).as_bytes())
}

/// Names and values of `application/x-www-form-urlencoded`
/// (<https://url.spec.whatwg.org/#urlencoded-parsing>), as bytes.
pub(super) fn pairs(form: &[u8]) -> impl Iterator<Item = (Value<'_>, Value<'_>)> {
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || decoded(halves.next().unwrap_or_default());
        (half(), half())
    })
}

fn decoded(text: &[u8]) -> Value<'_> {
    if text.contains(&b'+') {
        let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        Cow::Owned(percent_decode(&spaced).collect())
    } else {
        percent_decode(text).into()
    }
}
