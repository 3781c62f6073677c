//! One call of a plugin, as a step would make it: with HTTP for real if it is given a system, and storage in memory.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::attempt::{Exchange, LogLine};
use stepmill_core::clock::SystemClock;
use stepmill_core::document::{Body, Document};
use stepmill_core::storage::{StorageOp, StorageWrite};
use stepmill_core::{Clock as _, RunId};
use stepmill_sandbox::egress::{Egress, System};
use stepmill_sandbox::{Loaded, Preparation, Rehearsal, Rehearsed};

use super::cases::{log_line, told};
use super::shelf::Shelf;
use super::step::{SYSTEM, Step, Try};
use super::workbench::Workbench;
use crate::cli::output;
use crate::diagnostic::{Diagnostics, Source};

/// What the call is made with.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// The config, with what to point into.
    pub(crate) config: Source,
    /// The input.
    pub(crate) input: Document,
    /// The system, if there is one: all that the call can reach.
    pub(crate) system: Option<System>,
}

impl Trial {
    /// Makes it. Files that the config names are relative to `folder`.
    ///
    /// # Errors
    /// The config is wrong.
    pub(crate) async fn run(
        self,
        bench: &Workbench,
        loaded: &Loaded,
        folder: &Path,
    ) -> anyhow::Result<Rehearsed> {
        let step = Step::of_config(loaded, &self.config, folder, self.system.is_some())?;
        if let Preparation::Rejected { code, message } =
            bench.sandbox.try_config(&loaded.digest, &step.config).await
        {
            let problem = self.config.error("", format!("the plugin refuses this config: {message}"));
            return Err(
                Diagnostics::from(problem.help(format!("every run would end with this, as {code}"))).into()
            );
        }
        let at_ms = SystemClock.now_ms();
        let systems =
            self.system.into_iter().map(|system| System { name: SYSTEM.into(), ..system }).collect();
        let rehearsal =
            Rehearsal { egress: Egress::try_new(systems)?, storage: Arc::new(Shelf::default()), at_ms };
        let of = Try::first(RunId::new(at_ms, rand::random()), at_ms, self.input);
        Ok(bench.sandbox.rehearse(step.attempt(&of), &rehearsal).await)
    }
}

/// What a call did, as text for a person.
pub(crate) fn trace(made: &Rehearsed) -> String {
    let record = &made.report.record;
    let logs = record.logs.iter().map(logged);
    let exchanges = record.exchanges.iter().map(exchanged);
    let writes = made.report.writes.iter().map(written);
    let lines: Vec<String> = logs.chain(exchanges).chain(writes).collect();
    let cpu_us = u64::try_from(made.cpu.as_micros()).unwrap_or(u64::MAX);
    let used = format!(
        "took {}, of that {} in the guest; memory {}",
        output::took(record.took_us),
        output::took(cpu_us),
        output::bytes(record.memory_bytes),
    );
    lines.iter().chain([&used]).map(|line| format!("{}\n", output::harmless(line))).collect()
}

fn logged(line: &LogLine) -> String {
    format!("log       {} {}", line.level.name(), log_line(line))
}

fn exchanged(exchange: &Exchange) -> String {
    let Exchange { method, url, request_bytes, took_us, result, .. } = exchange;
    let (sent, took) = (output::bytes(*request_bytes), output::took(*took_us));
    match result {
        Ok(response) => {
            let got = output::bytes(response.body_bytes);
            format!("exchange  {method} {url}: {} in {took}, sent {sent}, got {got}", response.status)
        }
        Err(why) => format!("exchange  {method} {url}: {why}, in {took}, sent {sent}"),
    }
}

fn written(StorageWrite { key, op, .. }: &StorageWrite) -> String {
    match op {
        StorageOp::Put { value, ttl_ms, .. } => {
            let ttl = ttl_ms.map(|ttl| format!(", for {ttl} ms")).unwrap_or_default();
            format!("storage   put {key}: {}{ttl}", told(value))
        }
        StorageOp::Delete => format!("storage   delete {key}"),
        StorageOp::Add(delta) => format!("storage   add {delta:+} to {key}"),
    }
}

/// The same for a program, with the output.
pub(crate) fn to_json(made: &Rehearsed) -> Value {
    let report = &made.report;
    let record = &report.record;
    let output = report.outcome.as_ref().ok().map(|document| {
        let is_binary = matches!(document.body, Body::Binary(_));
        json!({ "media_type": document.media_type, "body": document.to_value(), "base64": is_binary })
    });
    json!({
        "output": output,
        "failure": record.failure,
        "class": record.failure.as_ref().map(|failure| failure.cause.class()),
        "logs": record.logs,
        "exchanges": record.exchanges,
        "writes": report.writes,
        "took_us": record.took_us,
        "cpu_us": u64::try_from(made.cpu.as_micros()).unwrap_or(u64::MAX),
        "memory_bytes": record.memory_bytes,
    })
}
