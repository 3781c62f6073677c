//! A request's body: read within its limit, and looked at before it is taken. Its pace is seen to where it comes from.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use stepmill_core::document::{self, Document};

use super::Refusal;
use super::json::WellFormed;
use crate::listener::BodyError;

/// KiB that the body may come to: what the sender says, or the limit.
pub(super) fn bound(headers: &HeaderMap, limit: u64) -> Result<u32, Refusal> {
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > limit) {
        return Err(Refusal::TooLarge { limit });
    }
    Ok(u32::try_from(said.unwrap_or(limit).div_ceil(1 << 10)).unwrap_or(u32::MAX))
}

pub(super) async fn read(body: Body, limit: u64) -> Result<Bytes, Refusal> {
    let limit_bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    let error = match Limited::new(body, limit_bytes).collect().await {
        Ok(collected) => return Ok(collected.to_bytes()),
        Err(error) => error,
    };
    if error.is::<LengthLimitError>() {
        return Err(Refusal::TooLarge { limit });
    }
    Err(match BodyError::find(&*error) {
        Some(BodyError::Slow) => Refusal::Timeout,
        Some(BodyError::Malformed(_)) => Refusal::Framing,
        Some(BodyError::Broken(_)) | None => Refusal::Interrupted,
    })
}

/// JSON must be well-formed, since every step would fail on it; anything else is taken as it is.
pub(super) fn decode(headers: &HeaderMap, body: Bytes) -> Result<Document, Refusal> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Refusal::Encoding);
    }
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or(document::JSON);
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == document::JSON || essence.ends_with("+json") {
        serde_json::from_slice::<WellFormed>(&body)
            .map_err(|error| Refusal::Json { line: error.line(), column: error.column() })?;
    }
    Ok(Document::from_bytes(media_type, body.into()))
}
