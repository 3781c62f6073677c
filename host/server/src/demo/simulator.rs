//! What the simulated applications have in common.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Serves an application on a free port of loopback, as long as this process lives. Answers its URL.
pub(super) async fn serve(router: Router) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%address, error = &error as &dyn std::error::Error, "a simulated application ended");
        }
    });
    Ok(format!("http://{address}"))
}

/// A simulator's books. A handler that panicked left them as they were.
pub(super) fn lock<T>(books: &Mutex<T>) -> MutexGuard<'_, T> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of a header, or an empty text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A JSON answer.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// An answer that says what is wrong.
pub(super) fn refuse(status: StatusCode, problem: &str) -> Response {
    answer(status, &json!({ "error": problem }))
}
