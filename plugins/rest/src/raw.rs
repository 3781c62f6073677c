//! Looking into JSON without taking it apart: what is found keeps the text that it came as.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use stepmill_sdk::Failure;
use stepmill_sdk::http::Response;

/// The response's body as JSON text.
pub(crate) fn parse(response: &Response) -> Result<&RawValue, Failure> {
    serde_json::from_slice(response.bytes())
        .map_err(|error| Failure::reject("response", format!("the response is not JSON: {error}")))
}

/// What an RFC 6901 pointer points at.
pub(crate) fn at<'a>(json: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    let mut found = json;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        found = if found.get().starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(found.get()).ok()?;
            items.get(part.parse::<usize>().ok()?)?
        } else {
            let members: HashMap<Name<'_>, &RawValue> = serde_json::from_str(found.get()).ok()?;
            members.get(&Name(Cow::Borrowed(&part)))?
        };
    }
    Some(found)
}

/// The items of an array.
pub(crate) fn items(json: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json.get()).ok()
}

/// A member's name, borrowed where it has no escapes.
#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
