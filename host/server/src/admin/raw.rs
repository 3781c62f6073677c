//! What a run's event was as it came, byte for byte.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use stepmill_core::document::Body;
use stepmill_core::journal::JournalError;
use stepmill_core::run::What;

use super::{Admin, Error, runs};

/// Answers with the bytes under the type and the coding that their sender gave. That may be HTML, which no browser is to
/// run as if it were a page of ours.
pub(super) async fn download(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let run = runs::parse(id)?;
    let (_, entries) = admin.journal.read(run).await?;
    let Some(What::Accepted(accepted)) = entries.into_iter().next().map(|entry| entry.what) else {
        return Err(JournalError::NoSuchRun(run).into());
    };
    let event = accepted.event;
    let (media_type, encoding, bytes) = match event.raw {
        Some(raw) => {
            let raw = Arc::unwrap_or_clone(raw);
            (raw.media_type, raw.encoding, raw.bytes)
        }
        None => {
            let bytes = match event.document.body {
                Body::Text(text) => text.into_bytes(),
                Body::Binary(bytes) => bytes,
            };
            (event.document.media_type, None, bytes)
        }
    };
    let media_type = HeaderValue::from_str(&media_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let mut response = ([(header::CONTENT_TYPE, media_type)], bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if let Some(encoding) = encoding.and_then(|encoding| HeaderValue::from_str(&encoding).ok()) {
        headers.insert(header::CONTENT_ENCODING, encoding);
    }
    Ok(response)
}
