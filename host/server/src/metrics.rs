//! What the service counts, in Prometheus' terms. Every metric's name stands here and nowhere else.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use stepmill_core::attempt::Record;
use stepmill_core::journal::{Backlog, PhaseName};
use tokio_util::sync::CancellationToken;

const EVENTS: &str = "stepmill_events_total";
const REFUSED: &str = "stepmill_events_refused_total";
const CONNECTIONS: &str = "stepmill_connections";
const CONNECTIONS_REFUSED: &str = "stepmill_connections_refused_total";
const SIGNATURES: &str = "stepmill_signatures_refused_total";
const VERIFICATIONS: &str = "stepmill_verifications_total";
const VERIFICATION_SECONDS: &str = "stepmill_verification_seconds";
const HANDSHAKES: &str = "stepmill_handshakes_total";
const RUNS: &str = "stepmill_runs_ended_total";
const ATTEMPTS: &str = "stepmill_attempts_total";
const ATTEMPT_SECONDS: &str = "stepmill_attempt_seconds";
const SHADOWS: &str = "stepmill_shadow_attempts_total";
const IN_FLIGHT: &str = "stepmill_runs_in_flight";
const UNFINISHED: &str = "stepmill_runs_unfinished";
const DEAD: &str = "stepmill_dead_letters";
const SNOOZED: &str = "stepmill_dead_letters_snoozed";
const BYTES: &str = "stepmill_journal_bytes";

/// Pause between two rounds of upkeep.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// Upper bounds of the buckets of the times of attempts and verifications, in seconds: from a pure step to a slow system.
const BUCKETS: [f64; 14] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// Installs the recorder once a process; none if another recorder is already there.
pub fn install() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let handle = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Full(ATTEMPT_SECONDS.into()), &BUCKETS)
                .and_then(|builder| {
                    builder.set_buckets_for_metric(Matcher::Full(VERIFICATION_SECONDS.into()), &BUCKETS)
                })
                .and_then(PrometheusBuilder::install_recorder)
                .inspect_err(|error| tracing::warn!(%error, "failed to install the metrics recorder"))
                .ok()?;
            describe();
            Some(handle)
        })
        .as_ref()
}

/// Empties the recorder's buffers until `stop`: it grows with every sample otherwise.
pub async fn upkeep(stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Some(handle) = install() {
            handle.run_upkeep();
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(UPKEEP_EVERY) => {}
        }
    }
}

fn describe() {
    describe_counter!(EVENTS, "events by workflow and whether they were new or duplicate");
    describe_counter!(REFUSED, "requests that were not accepted, by the code of the answer");
    describe_gauge!(CONNECTIONS, "connections by listener");
    describe_counter!(
        CONNECTIONS_REFUSED,
        "connections, and requests whose framing is wrong, that were not taken, by listener and code"
    );
    describe_counter!(SIGNATURES, "signatures that were refused, by workflow and reason");
    describe_counter!(VERIFICATIONS, "requests that plugins were asked about, by plugin and what came of it");
    describe_histogram!(VERIFICATION_SECONDS, "time of these by plugin, the wait for a place included");
    describe_counter!(HANDSHAKES, "questions of providers by webhook, provider and what became of them");
    describe_counter!(RUNS, "runs that ended, by workflow and phase");
    describe_counter!(ATTEMPTS, "attempts by plugin and cause of failure (ok for none)");
    describe_histogram!(ATTEMPT_SECONDS, "time of attempts by plugin");
    describe_counter!(SHADOWS, "attempts that shadows of plugins were tried with, by plugin and result");
    describe_gauge!(IN_FLIGHT, "runs being worked on");
    describe_gauge!(UNFINISHED, "runs that have not ended");
    describe_gauge!(DEAD, "dead letters, those that are snoozed included");
    describe_gauge!(SNOOZED, "dead letters that are snoozed");
    describe_gauge!(BYTES, "bytes of the journal on disk");
}

/// An event became a run.
pub fn event_accepted(workflow: &str) {
    counter!(EVENTS, "workflow" => workflow.to_owned(), "kind" => "new").increment(1);
}

/// An event was recognised as a duplicate.
pub fn event_duplicate(workflow: &str) {
    counter!(EVENTS, "workflow" => workflow.to_owned(), "kind" => "duplicate").increment(1);
}

/// A request was not accepted.
pub fn event_refused(code: &'static str) {
    counter!(REFUSED, "code" => code).increment(1);
}

/// How many connections a listener has.
#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub fn set_connections(listener: &'static str, connections: usize) {
    gauge!(CONNECTIONS, "listener" => listener).set(connections as f64);
}

/// A connection, or what came by it, was not taken.
pub fn connection_refused(listener: &'static str, code: &'static str) {
    counter!(CONNECTIONS_REFUSED, "listener" => listener, "code" => code).increment(1);
}

/// A signature was refused.
pub fn signature_refused(workflow: &str, reason: &'static str) {
    counter!(SIGNATURES, "workflow" => workflow.to_owned(), "reason" => reason).increment(1);
}

/// A plugin was asked whether a request is its sender's. The result is `verified`, `refused`, or the cause of there
/// being no verdict.
pub fn verification(plugin: &str, result: &'static str, took: Duration) {
    counter!(VERIFICATIONS, "plugin" => plugin.to_owned(), "result" => result).increment(1);
    histogram!(VERIFICATION_SECONDS, "plugin" => plugin.to_owned()).record(took);
}

/// A provider asked whose a webhook is.
pub fn handshake(source: &str, provider: &'static str, result: &'static str) {
    let source = source.to_owned();
    counter!(HANDSHAKES, "source" => source, "provider" => provider, "result" => result).increment(1);
}

/// A run ended.
pub fn run_ended(workflow: &str, phase: PhaseName) {
    counter!(RUNS, "workflow" => workflow.to_owned(), "phase" => phase.as_str()).increment(1);
}

/// An attempt was made.
pub fn attempt_made(record: &Record) {
    let cause = record.failure.as_ref().map_or("ok", |failure| failure.cause.name());
    counter!(ATTEMPTS, "plugin" => record.plugin.clone(), "cause" => cause).increment(1);
    histogram!(ATTEMPT_SECONDS, "plugin" => record.plugin.clone())
        .record(Duration::from_micros(record.took_us));
}

/// The shadow of a plugin was tried with an attempt, or there was no room for it.
pub fn shadow_attempt(plugin: &str, result: &'static str) {
    counter!(SHADOWS, "plugin" => plugin.to_owned(), "result" => result).increment(1);
}

/// Runs being worked on.
#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub fn set_in_flight(runs: usize) {
    gauge!(IN_FLIGHT).set(runs as f64);
}

/// How full the journal is.
#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub fn set_backlog(backlog: Backlog) {
    gauge!(UNFINISHED).set(backlog.unfinished as f64);
    gauge!(DEAD).set(backlog.dead as f64);
    gauge!(BYTES).set(backlog.bytes as f64);
}

/// Dead letters that are snoozed.
#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub fn set_snoozed(snoozed: u64) {
    gauge!(SNOOZED).set(snoozed as f64);
}
