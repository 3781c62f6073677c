//! A request's body: read within its limits, and looked at before it is taken.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use stepmill_core::document::{self, Document};

use super::Refusal;
use super::json::WellFormed;

/// How long a sender may take over its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

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
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit_bytes).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { limit }),
        Ok(Err(_)) => Err(Refusal::Interrupted),
        Err(_) => Err(Refusal::Timeout),
    }
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
