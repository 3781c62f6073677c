//! A webhook sender that signs as the tests' projects want it.

use reqwest::StatusCode;
use serde_json::Value;
use stepmill_core::signature::{Algorithm, sign};

use crate::project::SECRET;

/// Sends signed events to one service.
#[derive(Clone)]
pub struct Sender {
    client: reqwest::Client,
    base: String,
}

impl Sender {
    /// A sender to this ingress, such as `http://127.0.0.1:8080`.
    pub fn new(base: impl Into<String>) -> Self {
        Self { client: client(), base: base.into() }
    }

    /// Sends `body` under the dedupe key `id` to the webhook of `workflow`.
    pub async fn send(&self, workflow: &str, id: &str, body: &Value) -> reqwest::Result<(StatusCode, Value)> {
        let body = body.to_string();
        let signature = sign::hmac_hex(Algorithm::Sha256, SECRET.as_bytes(), body.as_bytes());
        let response = self
            .client
            .post(format!("{}/{workflow}", self.base))
            .header("content-type", "application/json")
            .header("x-id", id)
            .header("x-signature", signature)
            .body(body)
            .send()
            .await?;
        let status = response.status();
        let answer = response.bytes().await?;
        Ok((status, serde_json::from_slice(&answer).unwrap_or(Value::Null)))
    }
}

/// A client of loopback: no proxy, no redirects.
pub fn client() -> reqwest::Client {
    // reqwest is built without a cryptography of its own choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
