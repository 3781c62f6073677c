//! One attempt: a fresh store and instance, one call of `run`, and a report whatever happens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stepmill_core::PluginStorage;
use stepmill_core::attempt::{Cause, Exchange, Failure, LogLine, Record};
use stepmill_core::document::Document;
use stepmill_core::invoke::{Attempt, Invoke, Report};
use stepmill_core::limits::Limits;
use stepmill_core::storage::StorageWrite;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use wasmtime::component::InstancePre;

use crate::answer;
use crate::egress::{Context, Egress, Tape};
use crate::export::{Arguments, AttemptIn, Exports};
use crate::failure;
use crate::host::Connected;
use crate::host::http::Http;
use crate::host::storage::Storage;
use crate::host::wasi::Wasi;
use crate::host::wasi_http::WasiHttp;
use crate::logs::tell;
use crate::plugin::{Linked, Program};
use crate::rehearsal::{Rehearsal, Rehearsed};
use crate::sandbox::Sandbox;
use crate::state::{Pure, State};

/// Longest attempt, whatever the limits say: beyond it an instant may not be representable.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What is left of an attempt.
struct Remains {
    outcome: Result<Arc<Document>, Failure>,
    memory_bytes: u64,
    logs: Vec<LogLine>,
    exchanges: Vec<Exchange>,
    writes: Vec<StorageWrite>,
    /// How long the guest itself has run.
    cpu: Duration,
}

#[async_trait]
impl Invoke for Sandbox {
    async fn invoke(&self, attempt: Attempt) -> Report {
        self.make_real(attempt, None).await
    }
}

/// What surrounds a connector's attempt.
enum Outside<'a> {
    /// The sandbox's way out and storage, the machine's time and randomness.
    Real(Option<&'a Arc<Tape>>),
    Rehearsed(&'a Rehearsal),
    /// Nothing: connectors are not run.
    Nothing,
}

impl Sandbox {
    /// Makes an attempt that is not for real: what it reaches is the rehearsal's, and nothing of it is kept, nor
    /// logged. It takes a place among the attempts, as those for real do.
    pub async fn rehearse(&self, attempt: Attempt, rehearsal: &Rehearsal) -> Rehearsed {
        let _turn = self.turns.acquire().await.ok();
        self.make(&attempt, Outside::Rehearsed(rehearsal)).await
    }

    /// Makes a pure attempt again, which tells what it told the first time. It takes a place among the attempts, and
    /// nothing is logged. One of a connector fails as the host's fault.
    pub async fn recompute(&self, attempt: Attempt) -> Report {
        let _turn = self.turns.acquire().await.ok();
        self.make(&attempt, Outside::Nothing).await.report
    }

    /// Makes an attempt for real, and leaves what it exchanges on the tape.
    pub async fn invoke_taped(&self, attempt: Attempt, tape: &Arc<Tape>) -> Report {
        self.make_real(attempt, Some(tape)).await
    }

    async fn make_real(&self, attempt: Attempt, tape: Option<&Arc<Tape>>) -> Report {
        // Waiting for a place is not the attempt's time. The semaphores are never closed.
        let share = attempt.grant.system.as_ref().and_then(|system| self.share(system));
        let _share = match &share {
            Some(share) => share.acquire().await.ok(),
            None => None,
        };
        let _turn = self.turns.acquire().await.ok();
        let report = self.make(&attempt, Outside::Real(tape)).await.report;
        tell(&attempt, &report.record.logs);
        report
    }

    async fn make(&self, attempt: &Attempt, outside: Outside<'_>) -> Rehearsed {
        let started_ms = self.clock.now_ms();
        let began = Instant::now();
        let remains = match self.plugin(&attempt.digest) {
            Some(plugin) => {
                let Linked { exports, program } = &*plugin.linked(&attempt.config);
                match program {
                    Program::Transform(pre) => self.transform(attempt, exports, pre, began).await,
                    Program::Validate(pre) => self.validate(attempt, exports, pre, began).await,
                    Program::Connector(pre) => self.connector(attempt, exports, pre, outside, began).await,
                    Program::Verify(_) => Remains::none(format!("plugin {:?} is no step", attempt.plugin)),
                }
            }
            None => Remains::none(format!("plugin {:?} ({}) is not loaded", attempt.plugin, attempt.digest)),
        };
        let cpu = remains.cpu;
        Rehearsed { report: report(attempt, started_ms, began, remains), cpu }
    }

    async fn transform(
        &self,
        attempt: &Attempt,
        exports: &Exports,
        pre: &InstancePre<State<Pure>>,
        began: Instant,
    ) -> Remains {
        let texts = Texts::of(attempt);
        let mut store = self.store(&attempt.limits, pure_state(attempt));
        let call = exports.run_document(&mut store, pre, texts.arguments(attempt));
        let ended = timeout_at(deadline(began, &attempt.limits), call).await;
        let outcome = settle(ended, store.data(), &attempt.limits)
            .and_then(|answer| answer::document(answer, &attempt.limits))
            .map(Arc::new);
        Remains::of_pure(outcome, store.into_data())
    }

    async fn validate(
        &self,
        attempt: &Attempt,
        exports: &Exports,
        pre: &InstancePre<State<Pure>>,
        began: Instant,
    ) -> Remains {
        let texts = Texts::of(attempt);
        let mut store = self.store(&attempt.limits, pure_state(attempt));
        let call = exports.run_violations(&mut store, pre, texts.arguments(attempt));
        let ended = timeout_at(deadline(began, &attempt.limits), call).await;
        let outcome = settle(ended, store.data(), &attempt.limits)
            .and_then(|answer| answer::violations(answer, &attempt.input));
        Remains::of_pure(outcome, store.into_data())
    }

    async fn connector(
        &self,
        attempt: &Attempt,
        exports: &Exports,
        pre: &InstancePre<State<Connected>>,
        outside: Outside<'_>,
        began: Instant,
    ) -> Remains {
        let texts = Texts::of(attempt);
        let limits = attempt.limits;
        let deadline = deadline(began, &limits);
        let context = Context {
            grant: attempt.grant.clone(),
            limits,
            workflow: attempt.workflow.clone(),
            run: attempt.run,
            step: attempt.step.clone(),
            deadline,
            clock: Arc::clone(&self.clock),
        };
        let (wasi, reach) = match outside {
            Outside::Nothing => return Remains::none("a connector cannot be recomputed".into()),
            Outside::Real(tape) => {
                let egress = tape.map_or_else(|| self.egress(), |tape| self.egress().taped(tape));
                (Wasi::real(), connect(egress, self.storage.clone(), context))
            }
            Outside::Rehearsed(Rehearsal { egress, storage, at_ms }) => {
                let (step, config) = (attempt.step.clone(), attempt.config.clone());
                let wasi = Wasi::rehearsed(*at_ms, attempt.run, step, config);
                (wasi, connect(egress.clone(), storage.clone(), context))
            }
        };
        let state = State::new(&limits, wasi, reach);
        let mut store = self.store(&limits, state);
        let call = exports.run_document(&mut store, pre, texts.arguments(attempt));
        let ended = timeout_at(deadline, call).await;
        let outcome = settle(ended, store.data(), &limits)
            .and_then(|answer| answer::document(answer, &limits))
            .map(Arc::new);
        let State { memory, cpu, logs, table, reach, .. } = store.into_data();
        let cpu = cpu.used();
        // Breaks off what the guest has left on its way; then the ledger is complete.
        drop(table);
        reach.wasi_http.ended().await;
        let writes = if outcome.is_ok() { reach.storage.into_writes() } else { Vec::new() };
        let exchanges = reach.http.take_exchanges();
        Remains { outcome, memory_bytes: memory.peak(), logs: logs.take(), exchanges, writes, cpu }
    }
}

/// The reach of a connector.
pub(crate) fn connect(egress: Egress, storage: Arc<dyn PluginStorage>, context: Context) -> Connected {
    let limits = context.limits;
    let storage = Storage::new(storage, context.grant.clone(), limits);
    let http = Http::new(egress, context);
    let wasi_http = WasiHttp::new(http.clone(), limits.memory_bytes);
    Connected { http, storage, wasi_http }
}

impl Remains {
    fn of_pure(outcome: Result<Arc<Document>, Failure>, state: State<Pure>) -> Self {
        let (memory_bytes, cpu) = (state.memory.peak(), state.cpu.used());
        let logs = state.logs.take();
        Self { outcome, memory_bytes, logs, exchanges: Vec::new(), writes: Vec::new(), cpu }
    }

    /// Those of an attempt that the host does not make.
    fn none(message: String) -> Self {
        Self {
            outcome: Err(Failure::new(Cause::Host, message)),
            memory_bytes: 0,
            logs: Vec::new(),
            exchanges: Vec::new(),
            writes: Vec::new(),
            cpu: Duration::ZERO,
        }
    }
}

/// What a guest is told as text that the attempt does not hold as text.
pub(crate) struct Texts {
    run: String,
    idempotency_key: String,
}

impl Texts {
    pub(crate) fn of(attempt: &Attempt) -> Self {
        Self { run: attempt.run.to_string(), idempotency_key: attempt.idempotency_key.clone() }
    }

    pub(crate) fn arguments<'a>(&'a self, attempt: &'a Attempt) -> Arguments<'a> {
        let about = AttemptIn {
            workflow: &attempt.workflow,
            run: &self.run,
            step: &attempt.step,
            number: attempt.number,
            idempotency_key: &self.idempotency_key,
            accepted_at_ms: attempt.accepted_at_ms,
            timeout_ms: attempt.limits.wall_ms,
        };
        (attempt.input.as_ref().into(), &attempt.config, about)
    }
}

/// The state of a pure attempt: the same for every attempt of the step.
pub(crate) fn pure_state(attempt: &Attempt) -> State<Pure> {
    let (step, config) = (attempt.step.clone(), attempt.config.clone());
    let wasi = Wasi::deterministic(attempt.accepted_at_ms, attempt.run, step, config);
    State::new(&attempt.limits, wasi, Pure)
}

fn deadline(began: Instant, limits: &Limits) -> Instant {
    began + Duration::from_millis(limits.wall_ms).min(LONGEST)
}

/// What came of the call, or the named failure.
pub(crate) fn settle<T, R>(
    ended: Result<wasmtime::Result<T>, Elapsed>,
    state: &State<R>,
    limits: &Limits,
) -> Result<T, Failure> {
    match ended {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failure::of(&error, state, limits)),
        Err(Elapsed { .. }) => Err(failure::wall(limits)),
    }
}

fn report(attempt: &Attempt, started_ms: u64, began: Instant, remains: Remains) -> Report {
    let Remains { outcome, memory_bytes, logs, exchanges, writes, .. } = remains;
    let record = Record {
        step: attempt.step.to_string(),
        number: attempt.number,
        plugin: attempt.plugin.to_string(),
        digest: attempt.digest.to_string(),
        started_ms,
        took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        memory_bytes,
        failure: outcome.as_ref().err().cloned(),
        exchanges,
        logs,
    };
    Report { outcome, record, writes }
}

fn tell(attempt: &Attempt, logs: &[LogLine]) {
    tell!(
        logs, run = %attempt.run, step = %attempt.step, attempt = attempt.number, plugin = %attempt.plugin
    );
}
