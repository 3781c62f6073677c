//! From a response to the step's output.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use stepmill_sdk::http::Response;
use stepmill_sdk::{Body, Document, Failure};

/// What an empty body becomes, and a 404 that may be.
pub(crate) fn null() -> Document {
    Document::from_json("null")
}

/// The body as JSON text.
pub(crate) fn json(response: &Response) -> Result<&RawValue, Failure> {
    serde_json::from_slice(response.bytes())
        .map_err(|error| Failure::reject("response", format!("the response is not JSON: {error}")))
}

/// The body as it came.
pub(crate) fn body(response: Response) -> Result<Document, Failure> {
    if response.bytes().is_empty() {
        return Ok(null());
    }
    let media_type = response.header("content-type").unwrap_or("application/octet-stream").trim().to_owned();
    if is_json(&media_type) {
        json(&response)?;
        let bytes = response.into_bytes();
        return Ok(Document::from_json(String::from_utf8(bytes)?));
    }
    let body = match String::from_utf8(response.into_bytes()) {
        Ok(text) if is_text(&media_type) => Body::Text(text),
        Ok(text) => Body::Binary(text.into_bytes()),
        Err(bytes) => Body::Binary(bytes.into_bytes()),
    };
    Ok(Document { media_type, body })
}

#[derive(Serialize)]
struct Full<'a> {
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// Status, headers and body.
pub(crate) fn full(response: &Response) -> Result<Document, Failure> {
    let is_json = response.header("content-type").is_some_and(is_json);
    if response.bytes().is_empty() {
        return full_with(response, RawValue::NULL);
    }
    if is_json {
        return full_with(response, json(response)?);
    }
    match response.text() {
        Ok(text) => full_with(response, serde_json::value::to_raw_value(text)?.as_ref()),
        Err(_) => Document::json(&Full {
            status: response.status(),
            headers: headers(response),
            body: None,
            body_base64: Some(STANDARD.encode(response.bytes())),
        }),
    }
}

/// Status and headers of a response with another body.
pub(crate) fn full_with(response: &Response, body: &RawValue) -> Result<Document, Failure> {
    let full =
        Full { status: response.status(), headers: headers(response), body: Some(body), body_base64: None };
    Document::json(&full)
}

/// Names in lower case; values of repeated ones joined as RFC 9110 has it.
fn headers(response: &Response) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for header in response.headers() {
        let value = String::from_utf8_lossy(&header.value);
        headers
            .entry(header.name.to_ascii_lowercase())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

/// `application/json` and its kin, such as `application/problem+json; charset=utf-8`.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

fn is_text(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("/xml")
        || essence.ends_with("+xml")
        || matches!(
            essence.as_str(),
            "application/x-ndjson" | "application/x-www-form-urlencoded" | "application/yaml"
        )
}
