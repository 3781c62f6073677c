//! What a store holds: one attempt's limits, lines, WASI and reach.

use stepmill_core::limits::Limits;
use wasmtime::component::ResourceTable;

use crate::host::wasi::Wasi;
use crate::limits::{Cpu, Memory};
use crate::logs::Logs;

/// Host resources (streams, pollables, HTTP fields, requests, bodies) that an attempt may hold at once.
/// Each is bounded in size, so this bounds what the host holds for a guest.
pub(crate) const RESOURCES: usize = 2_048;

/// The data of a store. `R` is what the guest can reach beside logging: [`Pure`],
/// [`crate::host::keys::Keyed`] or [`crate::host::Connected`].
///
/// Invariant: nothing that does I/O can be linked for a `State<Pure>`, for there is nothing in it to
/// do I/O with.
pub(crate) struct State<R> {
    pub(crate) memory: Memory,
    pub(crate) cpu: Cpu,
    pub(crate) logs: Logs,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Wasi,
    pub(crate) reach: R,
}

/// The reach of transform and validate components: none.
pub(crate) struct Pure;

impl<R> State<R> {
    pub(crate) fn new(limits: &Limits, wasi: Wasi, reach: R) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        Self {
            memory: Memory::new(limits.memory_bytes),
            cpu: Cpu::new(limits.cpu_ms),
            logs: Logs::new(limits.log_bytes),
            table,
            wasi,
            reach,
        }
    }
}
