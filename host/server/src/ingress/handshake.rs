//! Answers the questions by which providers find out whose a webhook is (`stepmill_core::handshake`).

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use stepmill_core::flow::rate::{Bucket, Config, Rate};
use stepmill_core::handshake::{self, Handshaker, Outcome, Then};
use stepmill_core::signature::{Request, Verified};

use super::verify::{Call, Door};
use super::{Ingress, Refusal};
use crate::metrics;

/// Answers that a webhook gives in a minute: providers ask once, and again some times while they get none.
const PER_MINUTE: u32 = 60;
/// Answers that a webhook gives at once.
const BURST: u32 = 10;

/// What a POST is that is its sender's.
pub(super) enum Posted {
    /// An event.
    Event(Verified),
    /// A question, and its answer.
    Question(Response),
}

impl Ingress {
    /// Answers a request by another method than POST, which is a provider's question or nothing.
    pub(super) async fn question(&self, door: &Door<'_>, call: &Call<'_>) -> Result<Response, Refusal> {
        let Some(handshaker) = door.handshaker else { return Err(Refusal::Method(&[])) };
        let (request, now_ms) = (call.with(b""), self.clock.now_ms());
        let proof =
            if handshaker.is_proven() { Some(self.verify(door, &request, now_ms).await?) } else { None };
        let answer = self.handshake(door.name, handshaker, &request, proof.as_ref(), now_ms).await?;
        answer.ok_or(Refusal::Method(handshaker.methods()))
    }

    /// Verifies a POST, and answers it if it is a question.
    pub(super) async fn posted(
        &self,
        door: &Door<'_>,
        call: &Call<'_>,
        body: &[u8],
    ) -> Result<Posted, Refusal> {
        let (request, now_ms) = (call.with(body), self.clock.now_ms());
        let verified = self.verify(door, &request, now_ms).await?;
        if let Some(handshaker) = door.handshaker
            && let Some(answer) =
                self.handshake(door.name, handshaker, &request, Some(&verified), now_ms).await?
        {
            return Ok(Posted::Question(answer));
        }
        Ok(Posted::Event(verified))
    }

    /// Answers a request to the webhook `name` that is a handshake; none if it is something else.
    async fn handshake(
        &self,
        name: &str,
        handshaker: &Handshaker,
        request: &Request<'_>,
        proof: Option<&Verified>,
        now_ms: u64,
    ) -> Result<Option<Response>, Refusal> {
        let provider = handshaker.provider();
        let counted = |result| metrics::handshake(name, provider, result);
        let answer = match handshaker.answer(request, proof) {
            Outcome::None => return Ok(None),
            Outcome::Answer(answer) => answer,
            Outcome::Refused(refusal) => {
                let reason = refusal.name();
                counted(reason);
                tracing::warn!(webhook = name, provider, reason, "refused a handshake: {refusal}");
                return Err(Refusal::Handshake);
            }
        };
        if !self.handshakes.take(name, now_ms) {
            counted("rate-limited");
            return Err(Refusal::Busy);
        }
        match &answer.then {
            Some(Then::Keep(secret)) => self.handshakes.keep(name, secret.clone()).await.map_err(|error| {
                counted("not-kept");
                tracing::error!(webhook = name, provider, %error, "failed to keep the secret of a handshake");
                Refusal::JournalUnavailable
            })?,
            Some(Then::Visit { url, is_public }) => {
                self.keys.visit(url, *is_public, now_ms).await.map_err(|error| {
                    counted("not-confirmed");
                    let cause: &dyn std::error::Error = &error;
                    tracing::warn!(webhook = name, provider, cause, "failed to confirm a subscription");
                    Refusal::KeyUnavailable
                })?;
            }
            None => {}
        }
        counted("answered");
        tracing::info!(webhook = name, provider, method = request.method, "answered a handshake");
        Ok(Some(response(answer)))
    }
}

/// What it takes to answer.
pub struct Handshakes {
    /// Where secrets are kept that a provider tells.
    folder: PathBuf,
    rate: Option<Rate>,
    /// What is left of the rate, by the webhooks' names: as many as are configured.
    left: Mutex<HashMap<String, Bucket>>,
}

impl Handshakes {
    /// Keeps what providers tell in a folder, which is made when there is something to keep.
    pub fn new(folder: PathBuf) -> Self {
        let per_minute = Config { requests: PER_MINUTE, per: Duration::from_secs(60), burst: Some(BURST) };
        Self { folder, rate: Rate::try_new(&per_minute).ok(), left: Mutex::default() }
    }

    fn take(&self, name: &str, now_ms: u64) -> bool {
        let Some(rate) = self.rate else { return false };
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.entry(name.to_owned()).or_insert_with(|| Bucket::new(rate)).take(now_ms).is_ok()
    }

    /// Keeps a secret in a file that the service alone can read, and says where.
    async fn keep(&self, name: &str, secret: String) -> io::Result<()> {
        let (folder, file) = (self.folder.clone(), self.folder.join(name));
        let shown = file.display().to_string();
        let written = tokio::task::spawn_blocking(move || write(&folder, &file, &secret));
        written.await.map_err(io::Error::other)??;
        tracing::warn!(
            webhook = name,
            file = shown,
            "kept the secret that a handshake told: name it as the secret of verify, then no handshake is answered any more"
        );
        Ok(())
    }
}

/// The whole file, or none; `0600`, as temporary files are.
fn write(folder: &Path, file: &Path, secret: &str) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(secret.as_bytes())?;
    draft.as_file().sync_all()?;
    draft.persist(file)?;
    Ok(())
}

fn response(answer: handshake::Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
