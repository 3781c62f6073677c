//! A request's body: read within its limit, and looked at before it is taken. Its pace is seen to where it comes from.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use stepmill_core::body::{self, Decoded, Message, Record, Rules};
use stepmill_core::document::is_json;
use stepmill_core::workflow::Webhook;
use tokio::sync::SemaphorePermit;
use tokio::task::spawn_blocking;

use super::Refusal;
use super::admission::Places;
use crate::listener::BodyError;

/// Bytes up to which any body that is not compressed is decoded at once.
const QUICK_BYTES: usize = 16 << 10;

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

/// What the body is, as the webhook reads it.
pub(super) async fn decode(
    webhook: &Webhook,
    headers: &HeaderMap,
    kept: &BTreeMap<String, String>,
    body: Bytes,
    places: &Places,
) -> Result<Decoded, Refusal> {
    let limit = webhook.max_body_bytes;
    let usual = Rules::default();
    let rules = webhook.body.as_ref().unwrap_or(&usual);
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let encoding = kept.get(header::CONTENT_ENCODING.as_str()).map_or("", String::as_str);
    if is_quick(encoding, media_type, body.len()) {
        let message = Message { media_type, encoding, headers: kept, bytes: body.into() };
        return body::decode(rules, limit, message).map_err(Refusal::Body);
    }
    // It may take a while, and a few times the room of the largest document: so not too many at once, and not on a thread
    // that others wait for.
    let _place = places.decoder().await?;
    let (rules, headers) = (rules.clone(), kept.clone());
    let (media_type, encoding) = (media_type.map(str::to_owned), encoding.to_owned());
    let decoding = spawn_blocking(move || {
        let media_type = media_type.as_deref();
        let message = Message { media_type, encoding: &encoding, headers: &headers, bytes: body.into() };
        body::decode(&rules, limit, message)
    });
    match decoding.await {
        Ok(decoded) => decoded.map_err(Refusal::Body),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "failed to decode a body");
            Err(Refusal::Decoding)
        }
    }
}

/// Room for what a body has become, until it is on disk; that which is as it came has had its own.
pub(super) fn room<'p>(
    decoded: &Decoded,
    places: &'p Places,
) -> Result<Option<SemaphorePermit<'p>>, Refusal> {
    let bytes = match decoded {
        Decoded::One(record) if record.raw.is_none() => return Ok(None),
        Decoded::One(record) => record.bytes(),
        Decoded::Batch(records) => records.iter().map(Record::bytes).sum(),
    };
    let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
    places.body(kib).map(Some)
}

/// Whether a body is decoded about as fast as it is read: JSON is only looked through.
fn is_quick(encoding: &str, media_type: Option<&str>, length: usize) -> bool {
    encoding.is_empty() && (length <= QUICK_BYTES || media_type.is_none_or(is_json))
}
