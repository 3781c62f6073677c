//! The WASI that a language's standard library drags in, without an outside: no environment, no
//! arguments, no preopened folders, closed input; output becomes log lines.
//!
//! These few interfaces are implemented here rather than through `WasiCtx`: it seeds three random
//! generators and boxes seven trait objects for every attempt, and its sleep is always a real one.

use std::sync::Arc;

use bytes::Bytes;
use stepmill_core::RunId;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use wasmtime_wasi::p2::bindings::filesystem;
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, OutputStream, Pollable, StreamResult};

use crate::host::clocks::Clocks;
use crate::host::random::Random;
use crate::logs::{Logs, Stream};
use crate::state::State;

/// Bytes that one write to a standard stream may carry.
const WRITE: usize = 64 << 10;

/// An attempt's share of WASI.
pub(crate) struct Wasi {
    pub(crate) clocks: Clocks,
    pub(crate) random: Random,
    filesystem: WasiFilesystemCtx,
}

impl Wasi {
    /// The same answers at every call: time stands at `accepted_at_ms`, randomness follows from the run
    /// and the step, and the seeds of hash maps from the config.
    pub(crate) fn deterministic(accepted_at_ms: u64, run: RunId, step: Arc<str>, config: Arc<str>) -> Self {
        Self {
            clocks: Clocks::standing(accepted_at_ms),
            random: Random::seeded(run, step, config),
            filesystem: WasiFilesystemCtx::default(),
        }
    }

    /// Neither time nor randomness, for what every attempt with this config will find in its memory.
    pub(crate) fn frozen(config: Arc<str>) -> Self {
        Self {
            clocks: Clocks::Frozen,
            random: Random::frozen(config),
            filesystem: WasiFilesystemCtx::default(),
        }
    }

    /// For connectors that are to answer the same again: it is `at_ms` for as long as they run, durations pass, and
    /// randomness follows from the run, the step and that time, as two attempts of a step draw different numbers.
    pub(crate) fn rehearsed(at_ms: u64, run: RunId, step: Arc<str>, config: Arc<str>) -> Self {
        let drawn = format!("{step}@{at_ms}").into();
        Self { clocks: Clocks::held(at_ms), ..Self::deterministic(at_ms, run, drawn, config) }
    }

    /// The machine's clocks and randomness.
    pub(crate) fn real() -> Self {
        Self { clocks: Clocks::real(), random: Random::real(), filesystem: WasiFilesystemCtx::default() }
    }
}

pub(crate) fn add_to_linker<R: Send + 'static>(linker: &mut Linker<State<R>>) -> wasmtime::Result<()> {
    environment::add_to_linker::<_, HasCli>(linker, cli)?;
    exit::add_to_linker::<_, HasCli>(linker, cli)?;
    stdin::add_to_linker::<_, HasCli>(linker, cli)?;
    stdout::add_to_linker::<_, HasCli>(linker, cli)?;
    stderr::add_to_linker::<_, HasCli>(linker, cli)?;
    terminal_input::add_to_linker::<_, HasCli>(linker, cli)?;
    terminal_output::add_to_linker::<_, HasCli>(linker, cli)?;
    terminal_stdin::add_to_linker::<_, HasCli>(linker, cli)?;
    terminal_stdout::add_to_linker::<_, HasCli>(linker, cli)?;
    terminal_stderr::add_to_linker::<_, HasCli>(linker, cli)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, files)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, files)
}

fn files<R>(state: &mut State<R>) -> WasiFilesystemCtxView<'_> {
    WasiFilesystemCtxView { ctx: &mut state.wasi.filesystem, table: &mut state.table }
}

struct HasCli;

impl HasData for HasCli {
    type Data<'a> = Cli<'a>;
}

struct Cli<'a> {
    logs: &'a Logs,
    table: &'a mut ResourceTable,
}

fn cli<R>(state: &mut State<R>) -> Cli<'_> {
    Cli { logs: &state.logs, table: &mut state.table }
}

impl Cli<'_> {
    fn stream(&mut self, stream: Stream) -> wasmtime::Result<Resource<DynOutputStream>> {
        let printed: DynOutputStream = Box::new(Printed { logs: self.logs.clone(), stream });
        Ok(self.table.push(printed)?)
    }
}

impl environment::Host for Cli<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl exit::Host for Cli<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        Err(I32Exit(i32::from(status.is_err())).into())
    }

    fn exit_with_code(&mut self, status_code: u8) -> wasmtime::Result<()> {
        Err(I32Exit(status_code.into()).into())
    }
}

impl stdin::Host for Cli<'_> {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let closed: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.table.push(closed)?)
    }
}

impl stdout::Host for Cli<'_> {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.stream(Stream::Out)
    }
}

impl stderr::Host for Cli<'_> {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.stream(Stream::Err)
    }
}

impl terminal_input::Host for Cli<'_> {}

impl terminal_input::HostTerminalInput for Cli<'_> {
    fn drop(&mut self, terminal: Resource<terminal_input::TerminalInput>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::Host for Cli<'_> {}

impl terminal_output::HostTerminalOutput for Cli<'_> {
    fn drop(&mut self, terminal: Resource<terminal_output::TerminalOutput>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_stdin::Host for Cli<'_> {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl terminal_stdout::Host for Cli<'_> {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl terminal_stderr::Host for Cli<'_> {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

/// A standard stream whose bytes become log lines.
struct Printed {
    logs: Logs,
    stream: Stream,
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.logs.print(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE)
    }
}

#[async_trait::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use stepmill_core::RunId;

    use super::Wasi;

    #[test]
    fn what_a_rehearsal_draws_follows_from_its_time_too() {
        let draw = |at_ms| {
            let run = RunId::new(1, [7; 10]);
            Wasi::rehearsed(at_ms, run, "a".into(), "{}".into()).random.bytes(16).unwrap()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
    }
}
