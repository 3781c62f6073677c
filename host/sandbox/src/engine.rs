//! The one wasmtime engine, its allocator and its clock tick.
//!
//! The settings are measured ones: pooled slots that keep their memory resident between
//! attempts (no `madvise` on the way), found by the kernel's pagemap scan. A slot reserves 4 GiB of
//! address space and no memory; where address space is short the engine allocates on demand instead.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use stepmill_core::bound::Bound;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::BuildError;

/// Period of the epoch: how finely CPU time is told apart and how long a guest runs without yielding.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Core instances that one component may hold. Python needs more than 33.
pub(crate) const CORE_INSTANCES: u32 = 200;
/// Tables that one component may hold.
pub(crate) const TABLES: u32 = 100;
/// Linear memories that one component may hold; each reserves 4 GiB of address space per slot.
pub(crate) const MEMORIES: u32 = 4;
/// Elements of one table.
pub(crate) const TABLE_ELEMENTS: usize = 60_000;

/// Slots beside those of attempts: one for the `describe` of a component that is being loaded.
const LOADING: u32 = 1;
/// And those for verifications of webhooks: each is short and keeps a processor busy, so that a few serve many senders.
pub(crate) const VERIFYING: u32 = 16;
/// Bytes that the host itself may spend on one instance (its globals, function references and the like),
/// which no limit of the guest's memory sees.
const INSTANCE_BYTES: usize = 1 << 20;
/// Bytes of a slot's memory that stay resident when an attempt has ended. What is resident is cleared after every
/// attempt, also after those that touched little of it: a small attempt in a slot that a large one had pays some 60 us.
/// With 1 MiB that is 30 us, but an attempt on 256 KiB pays 1 ms for the faults, and threads fight over
/// the process's memory map. With the highest number of concurrent attempts it bounds what idle slots hold:
/// 64 x 4 MiB where components have one memory.
const KEEP_RESIDENT: usize = 4 << 20;
/// Address space of a memory where little of it is to be had.
const CRAMPED_RESERVATION: u64 = 16 << 20;
/// Stack that wasm may use. A host function runs on the same stack above it.
const WASM_STACK: usize = 1 << 20;
/// The whole stack of a fiber; the rest is for host functions (TLS in a debug build is deep).
const FIBER_STACK: usize = 4 << 20;

/// How the sandbox is built.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to allocate instances from a pool. Falls back to on-demand allocation, with a line in
    /// the log, if the process may not reserve enough address space.
    pub pool: bool,
    /// Attempts that run at the same time, clamped to 1..=1000; the others wait. It also bounds what
    /// finished attempts leave resident (4 MiB each).
    pub max_concurrent: usize,
    /// Folder of compiled components; made if it does not exist. None compiles at every start.
    pub cache_dir: Option<PathBuf>,
    /// What that folder may hold, of all engines together; none where what is configured bounds it, as it does a
    /// service's.
    pub cache_bound: Option<Bound>,
}

impl Default for Options {
    fn default() -> Self {
        Self { pool: true, max_concurrent: 64, cache_dir: None, cache_bound: None }
    }
}

impl Options {
    /// `max_concurrent` within its bounds.
    pub(crate) fn concurrency(&self) -> u32 {
        u32::try_from(self.max_concurrent).unwrap_or(u32::MAX).clamp(1, 1000)
    }
}

/// The engine and the thread that ticks it.
pub(crate) struct Engine {
    wasm: wasmtime::Engine,
    pooled: bool,
    /// Dropping it ends the ticker.
    _ticker: SyncSender<()>,
}

impl Engine {
    pub(crate) fn try_new(options: &Options) -> Result<Self, BuildError> {
        let (wasm, pooled) = if options.pool {
            match wasmtime::Engine::new(&pooled(options.concurrency())) {
                Ok(engine) => (engine, true),
                Err(error) => {
                    tracing::warn!(
                        error = %format!("{error:#}"),
                        "instances are allocated on demand: the pool could not be reserved; raise the limit on address space (ulimit -v)"
                    );
                    (build(&cramped())?, false)
                }
            }
        } else {
            (build(&base())?, false)
        };
        let ticker = tick(&wasm)?;
        Ok(Self { wasm, pooled, _ticker: ticker })
    }

    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.wasm
    }

    pub(crate) fn is_pooled(&self) -> bool {
        self.pooled
    }
}

fn build(config: &Config) -> Result<wasmtime::Engine, BuildError> {
    wasmtime::Engine::new(config).map_err(|error| BuildError::Engine(error.into()))
}

fn base() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        .wasm_component_model(true)
        .wasm_memory64(false)
        .wasm_multi_memory(true)
        // Purity: the same answer on every machine.
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true)
        // Guests are WASI 0.2 with sync-typed exports; the 0.3 machinery costs every call.
        .concurrency_support(false);
    config
}

/// For a process that may not reserve what it likes: memories are reserved in small steps, at the price
/// of bounds checks in the guest's code.
fn cramped() -> Config {
    let mut config = base();
    config.memory_reservation(CRAMPED_RESERVATION).memory_reservation_for_growth(CRAMPED_RESERVATION);
    config
}

// Invariant: every total is the number of slots times what one component may hold, so an attempt that
// has its place among the concurrent ones always finds room in the pool, and a verification among its own.
fn pooled(concurrent: u32) -> Config {
    let slots = concurrent + VERIFYING + LOADING;
    let mut pool = PoolingAllocationConfig::new();
    pool.pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .decommit_batch_size(1)
        .total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .total_memories(slots.saturating_mul(MEMORIES))
        .total_tables(slots.saturating_mul(TABLES))
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_component_instance_size(INSTANCE_BYTES);
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// One thread that moves the epoch until the sender is dropped.
fn tick(engine: &wasmtime::Engine) -> Result<SyncSender<()>, BuildError> {
    let (alive, ended) = mpsc::sync_channel::<()>(0);
    let engine = engine.weak();
    thread::Builder::new()
        .name("stepmill-epoch".into())
        .spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })
        .map_err(BuildError::Ticker)?;
    Ok(alive)
}
