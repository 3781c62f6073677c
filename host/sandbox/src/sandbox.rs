//! The sandbox: loaded plugins, and everything that an attempt needs.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use stepmill_core::limits::Limits;
use stepmill_core::{Clock, PluginStorage};
use tokio::sync::Semaphore;
use wasmtime::Store;
use wasmtime::component::Linker;

use crate::cache::Cache;
use crate::egress::Egress;
use crate::engine::{Engine, Options};
use crate::error::BuildError;
use crate::host::{self, Connected};
use crate::plugin::Plugin;
use crate::state::{Pure, State};

/// What the host may allocate for one call beyond the guest's own memory.
const HOSTCALL: usize = 1 << 20;

/// Runs plugins. One for a process.
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) pure: Linker<State<Pure>>,
    pub(crate) connected: Linker<State<Connected>>,
    plugins: RwLock<HashMap<Arc<str>, Arc<Plugin>>>,
    /// A place for each concurrent attempt.
    pub(crate) turns: Arc<Semaphore>,
    /// Places that attempts at one system may take of all, so that a slow system does not take them all.
    pub(crate) shares: HashMap<String, Semaphore>,
    /// The one place for a `describe`.
    pub(crate) loading: Semaphore,
    pub(crate) egress: Egress,
    pub(crate) storage: Arc<dyn PluginStorage>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Sandbox {
    /// Starts the engine and opens the cache.
    pub fn try_new(
        options: Options,
        egress: Egress,
        storage: Arc<dyn PluginStorage>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, BuildError> {
        let engine = Engine::try_new(&options)?;
        let cache = match &options.cache_dir {
            Some(path) => Some(Arc::new(Cache::try_open(path, engine.wasm())?)),
            None => None,
        };
        let linked = |error: wasmtime::Error| BuildError::Engine(error.into());
        Ok(Arc::new(Self {
            cache,
            pure: host::pure_linker(engine.wasm()).map_err(linked)?,
            connected: host::connected_linker(engine.wasm()).map_err(linked)?,
            plugins: RwLock::default(),
            turns: Arc::new(Semaphore::new(options.concurrency() as usize)),
            shares: shares(&egress, options.concurrency() as usize),
            loading: Semaphore::new(1),
            engine,
            egress,
            storage,
            clock,
        }))
    }

    /// Whether instances come from the pool.
    pub fn is_pooled(&self) -> bool {
        self.engine.is_pooled()
    }

    /// Forgets a plugin. Attempts that have begun go on; later ones fail as the host's fault. Answers
    /// whether it was loaded.
    pub fn unload(&self, digest: &str) -> bool {
        self.plugins.write().unwrap_or_else(PoisonError::into_inner).remove(digest).is_some()
    }

    pub(crate) fn plugin(&self, digest: &str) -> Option<Arc<Plugin>> {
        self.plugins.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    pub(crate) fn keep(&self, plugin: Arc<Plugin>) {
        let digest = Arc::from(plugin.loaded.digest.as_str());
        self.plugins.write().unwrap_or_else(PoisonError::into_inner).insert(digest, plugin);
    }

    /// A fresh store with every limit set.
    pub(crate) fn store<R: Send + 'static>(&self, limits: &Limits, state: State<R>) -> Store<State<R>> {
        let mut store = Store::new(self.engine.wasm(), state);
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| store.data().cpu.on_tick());
        // A list of strings may point at the same bytes many times; without this cap lifting it could
        // need many times the guest's memory.
        store.set_hostcall_fuel(
            usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX).saturating_add(HOSTCALL),
        );
        store
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("pooled", &self.is_pooled()).finish_non_exhaustive()
    }
}

/// Twice what a system takes at once keeps it busy; half of all places is left to others.
fn shares(egress: &Egress, places: usize) -> HashMap<String, Semaphore> {
    let share = |concurrency: usize| concurrency.saturating_mul(2).min(places / 2).max(1);
    egress
        .systems()
        .map(|(name, concurrency)| (name.to_owned(), Semaphore::new(share(concurrency))))
        .collect()
}
