//! One verification: a fresh store and instance, one call of `run` of the interface `verify`, and a report whatever happens.
//!
//! It is no attempt: there is no run yet, nothing is recorded in a journal, and a sender waits for it. So it has places of
//! its own: connectors that wait for slow systems keep no webhook from being verified, nor senders whom nobody knows yet
//! steps from being run.

use std::sync::Arc;
use std::time::Duration;

use stepmill_core::RunId;
use stepmill_core::attempt::{Cause, Failure, LogLine, capped};
use stepmill_core::limits::Limits;
use stepmill_core::signature::{Keyring, Refusal, Request, Verified};
use tokio::time::{Instant, timeout_at};

use crate::bindings::verify;
use crate::export::{HeaderIn, RequestIn, VerifyAnswer};
use crate::host::keys::Keyed;
use crate::host::wasi::Wasi;
use crate::invoke::settle;
use crate::logs::tell;
use crate::plugin::{Linked, Program};
use crate::sandbox::Sandbox;
use crate::state::State;

/// Longest verification, the wait for a place included: senders give up after some seconds more.
const LONGEST: Duration = Duration::from_secs(5);
/// Bytes of lines that are kept: whoever finds the path may have them written.
const LOG: u64 = 8 << 10;
/// Bytes of a refusal's message that are kept.
const MESSAGE: usize = 1 << 10;

/// What a plugin is asked about.
pub struct Verification<'a> {
    /// SHA-256 of the component, in hexadecimal: which loaded plugin is asked.
    pub digest: &'a str,
    /// Name of the plugin, for messages.
    pub plugin: &'a str,
    /// Name of the webhook's workflow or event, for the log.
    pub webhook: &'a str,
    /// Its config as JSON text.
    pub config: &'a Arc<str>,
    /// What it may use up, and at most 5 s and 8 KiB of lines.
    pub limits: Limits,
    /// The keys that it may ask for.
    pub keyring: Arc<Keyring>,
    /// The request.
    pub request: &'a Request<'a>,
    /// When it was received, in milliseconds since the Unix epoch.
    pub received_at_ms: u64,
}

/// What came of a verification.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What the plugin says, or why it has not said anything. The latter is no verdict.
    pub outcome: Result<Result<Verified, Refused>, Failure>,
    /// What it has logged and printed.
    pub logs: Vec<LogLine>,
    /// How long it took, the wait for a place included.
    pub took: Duration,
}

/// Why a plugin does not believe a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason, as those of other schemes.
    pub reason: Refusal,
    /// What it says itself, capped.
    pub message: String,
}

impl Sandbox {
    /// Asks a loaded plugin whether a request is its sender's, and logs what it logs. Dropping the future ends the
    /// verification.
    pub async fn verify(&self, asked: Verification<'_>) -> Judged {
        let judged = self.judge(&asked).await;
        tell!(&judged.logs, webhook = asked.webhook, plugin = asked.plugin);
        judged
    }

    /// The same, and nothing is logged.
    pub async fn judge(&self, asked: &Verification<'_>) -> Judged {
        let began = Instant::now();
        let mut limits = asked.limits;
        limits.wall_ms = limits.wall_ms.min(u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX));
        limits.log_bytes = limits.log_bytes.min(LOG);
        let deadline = began + Duration::from_millis(limits.wall_ms);
        let (outcome, logs) = match timeout_at(deadline, self.verifying.acquire()).await {
            Ok(_turn) => self.ask(asked, &limits, deadline).await,
            Err(_) => {
                let message = "as many requests are verified already as there are places for";
                (Err(Failure::new(Cause::Host, message)), Vec::new())
            }
        };
        Judged { outcome, logs, took: began.elapsed() }
    }

    async fn ask(
        &self,
        asked: &Verification<'_>,
        limits: &Limits,
        deadline: Instant,
    ) -> (Result<Result<Verified, Refused>, Failure>, Vec<LogLine>) {
        let none = |message: String| (Err(Failure::new(Cause::Host, message)), Vec::new());
        let Verification { digest, plugin, config, keyring, request, received_at_ms, .. } = asked;
        let Some(loaded) = self.plugin(digest) else {
            return none(format!("plugin {plugin:?} ({digest}) is not loaded"));
        };
        let Linked { exports, program } = &*loaded.linked(config);
        let Program::Verify(pre) = program else {
            return none(format!("plugin {plugin:?} ({digest}) verifies nothing"));
        };
        let all = request.headers.all();
        let headers: Vec<_> =
            all.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| HeaderIn { name, value }).collect();
        let request = RequestIn {
            method: request.method,
            url: request.url,
            headers: &headers,
            body: request.body,
            received_at_ms: *received_at_ms,
        };
        // There is no run whose id randomness could follow from: it is the same for all requests, as a config's is.
        let wasi = Wasi::deterministic(
            *received_at_ms,
            RunId::from_bytes([0; 16]),
            "verify".into(),
            Arc::clone(config),
        );
        let state = State::new(limits, wasi, Keyed::by(Arc::clone(keyring)));
        let mut store = self.store(limits, state);
        let ended = timeout_at(deadline, exports.verify(&mut store, pre, (request, config))).await;
        let outcome = settle(ended, store.data(), limits).map(verdict);
        (outcome, store.into_data().logs.take())
    }
}

fn verdict(answer: VerifyAnswer) -> Result<Verified, Refused> {
    match answer {
        Ok(verified) => Ok(Verified::by(verified.dedupe_key)),
        Err(verify::Refusal { reason, message }) => {
            Err(Refused { reason: reason_of(reason), message: capped(message, MESSAGE) })
        }
    }
}

fn reason_of(reason: verify::Reason) -> Refusal {
    match reason {
        verify::Reason::MissingHeader => Refusal::MissingHeader,
        verify::Reason::RepeatedHeader => Refusal::RepeatedHeader,
        verify::Reason::MalformedHeader => Refusal::MalformedHeader,
        verify::Reason::MissingParameter => Refusal::MissingParameter,
        verify::Reason::RepeatedParameter => Refusal::RepeatedParameter,
        verify::Reason::MalformedParameter => Refusal::MalformedParameter,
        verify::Reason::MalformedBody => Refusal::MalformedBody,
        verify::Reason::Mismatch => Refusal::Mismatch,
        verify::Reason::TooOld => Refusal::TooOld,
        verify::Reason::TooNew => Refusal::TooNew,
        verify::Reason::UnknownKey => Refusal::UnknownKey,
        verify::Reason::WrongClaim => Refusal::WrongClaim,
        verify::Reason::Other => Refusal::Other,
    }
}
