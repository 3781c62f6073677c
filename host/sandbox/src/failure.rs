//! What an attempt's end means: the one place that names causes. Errors are told apart by type, never
//! by their text.

use std::fmt::Write as _;
use std::io;

use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::limits::Limits;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::last_words;
use crate::limits::{CpuExhausted, Memory};
use crate::logs::Logs;
use crate::state::State;

/// Frames of a backtrace that are shown.
const FRAMES: usize = 8;
/// Bytes of a function's name that are shown.
const NAME: usize = 120;

/// The attempt took too long on the wall clock.
pub(crate) fn wall(limits: &Limits) -> Failure {
    let message = format!("the attempt took longer than its limit of {} ms (`timeout`)", limits.wall_ms);
    Failure::new(Cause::WallDeadline, message)
}

/// The failure that an error of wasmtime stands for.
pub(crate) fn of<R>(error: &wasmtime::Error, state: &State<R>, limits: &Limits) -> Failure {
    let cause = cause_of(error, &state.memory);
    let message = match cause {
        Cause::CpuDeadline => format!("the guest ran longer than its limit `cpu_ms` of {} ms", limits.cpu_ms),
        Cause::MemoryLimit => format!(
            "the guest asked for {} bytes of memory and tables; its limit `memory_bytes` is {}",
            state.memory.refused().unwrap_or_default(),
            state.memory.limit()
        ),
        Cause::StackOverflow => format!("the guest's call stack overflowed{}", Trace(error)),
        Cause::Host => format!("the host could not run the component: {error:#}"),
        Cause::Trap
        | Cause::Rejected
        | Cause::Invalid
        | Cause::Expression
        | Cause::TimedOut
        | Cause::Declined
        | Cause::Child
        | Cause::RetryAsked
        | Cause::WallDeadline
        | Cause::OutputLimit
        | Cause::BadAnswer
        | Cause::StorageConflict => trap_message(error, &state.logs),
    };
    Failure::new(cause, message)
}

fn cause_of(error: &wasmtime::Error, memory: &Memory) -> Cause {
    if error.is::<CpuExhausted>() {
        return Cause::CpuDeadline;
    }
    if error.is::<PoolConcurrencyLimitError>() || error.is::<io::Error>() {
        return Cause::Host;
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Cause::StackOverflow;
    }
    // A guest that is refused memory aborts or runs into what it did not get.
    if memory.refused().is_some() {
        return Cause::MemoryLimit;
    }
    Cause::Trap
}

fn trap_message(error: &wasmtime::Error, logs: &Logs) -> String {
    let mut message = match (error.downcast_ref::<Trap>(), error.downcast_ref::<I32Exit>()) {
        (Some(trap), _) => trap.to_string(),
        (None, Some(exit)) => format!("the guest called exit({})", exit.0),
        // The canonical ABI was broken, or a host call was misused; both are the guest's doing.
        (None, None) => error.root_cause().to_string(),
    };
    let words = logs.last_words();
    // First what the guest says itself: lists show the first line only.
    if let Some(reason) = last_words::reason(&words) {
        message = format!("{reason}: {message}");
    }
    if !words.is_empty() {
        message.push_str("\nlast lines of its standard error:\n");
        message.push_str(&words);
    }
    // Writing to a string cannot fail.
    let _ = write!(message, "{}", Trace(error));
    message
}

/// A short backtrace with function names, if there is one.
struct Trace<'a>(&'a wasmtime::Error);

impl std::fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(trace) = self.0.downcast_ref::<WasmBacktrace>() else { return Ok(()) };
        for (number, frame) in trace.frames().iter().take(FRAMES).enumerate() {
            f.write_str(if number == 0 { "\nin the guest at:\n" } else { "\n" })?;
            match frame.func_name() {
                Some(name) => {
                    let end = name.floor_char_boundary(NAME);
                    write!(f, "  {number}: {}", name.get(..end).unwrap_or_default())?;
                }
                None => write!(
                    f,
                    "  {number}: function {} (no name: the component is stripped)",
                    frame.func_index()
                )?,
            }
        }
        Ok(())
    }
}
