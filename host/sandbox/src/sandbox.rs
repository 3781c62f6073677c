//! The sandbox: loaded plugins, and everything that an attempt needs.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use std::time::Duration;

use stepmill_core::limits::Limits;
use stepmill_core::{Clock, PluginStorage};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::Linker;

use crate::cache::Cache;
use crate::egress::Egress;
use crate::engine::{Engine, Options, VERIFYING};
use crate::error::BuildError;
use crate::host::keys::Keyed;
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
    pub(crate) keyed: Linker<State<Keyed>>,
    plugins: RwLock<HashMap<Arc<str>, Arc<Plugin>>>,
    /// A place for each concurrent attempt.
    pub(crate) turns: Arc<Semaphore>,
    /// How many that are.
    places: usize,
    /// A place for each concurrent verification.
    pub(crate) verifying: Semaphore,
    /// The one place for a `describe`.
    pub(crate) loading: Semaphore,
    outside: RwLock<Outside>,
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
            Some(path) => Some(Arc::new(Cache::try_open(path, options.cache_bound, engine.wasm())?)),
            None => None,
        };
        let places = options.concurrency() as usize;
        let linked = |error: wasmtime::Error| BuildError::Engine(error.into());
        Ok(Arc::new(Self {
            cache,
            pure: host::pure_linker(engine.wasm()).map_err(linked)?,
            connected: host::connected_linker(engine.wasm()).map_err(linked)?,
            keyed: host::keyed_linker(engine.wasm()).map_err(linked)?,
            plugins: RwLock::default(),
            turns: Arc::new(Semaphore::new(places)),
            places,
            verifying: Semaphore::new(VERIFYING as usize),
            loading: Semaphore::new(1),
            outside: RwLock::new(Outside::new(egress, places, &HashMap::new())),
            engine,
            storage,
            clock,
        }))
    }

    /// The way out.
    pub fn egress(&self) -> Egress {
        self.outside.read().unwrap_or_else(PoisonError::into_inner).egress.clone()
    }

    /// Has attempts that begin from now on use another way out. Those that are under way keep theirs.
    pub fn set_egress(&self, egress: Egress) {
        let mut outside = self.outside.write().unwrap_or_else(PoisonError::into_inner);
        *outside = Outside::new(egress, self.places, &outside.shares);
    }

    /// What plugins have stored.
    pub fn storage(&self) -> Arc<dyn PluginStorage> {
        Arc::clone(&self.storage)
    }

    /// How many attempts are made at once.
    pub fn places(&self) -> usize {
        self.places
    }

    /// The places that attempts at a system may take.
    pub(crate) fn share(&self, system: &str) -> Option<Arc<Semaphore>> {
        let outside = self.outside.read().unwrap_or_else(PoisonError::into_inner);
        outside.shares.get(system).map(|(_, share)| Arc::clone(share))
    }

    /// Whether instances come from the pool.
    pub fn is_pooled(&self) -> bool {
        self.engine.is_pooled()
    }

    /// Whether a plugin is loaded.
    pub fn is_loaded(&self, digest: &str) -> bool {
        self.plugins.read().unwrap_or_else(PoisonError::into_inner).contains_key(digest)
    }

    /// Forgets the plugins that nothing has asked for in this time, but for those to keep. Answers their digests.
    pub fn unload_idle(&self, idle: Duration, is_kept: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        let now = Instant::now();
        let mut plugins = self.plugins.write().unwrap_or_else(PoisonError::into_inner);
        let is_idle = |plugin: &Plugin| now.duration_since(plugin.asked_for.get()) >= idle;
        plugins
            .extract_if(|digest, plugin| is_idle(plugin) && !is_kept(digest))
            .map(|(digest, _)| digest)
            .collect()
    }

    /// Forgets a plugin. Attempts that have begun go on; later ones fail as the host's fault. Answers
    /// whether it was loaded.
    pub fn unload(&self, digest: &str) -> bool {
        self.plugins.write().unwrap_or_else(PoisonError::into_inner).remove(digest).is_some()
    }

    pub(crate) fn plugin(&self, digest: &str) -> Option<Arc<Plugin>> {
        let plugin = self.plugins.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
        plugin.inspect(|plugin| plugin.asked_for.set_now())
    }

    /// All plugins that are loaded.
    pub(crate) fn plugins(&self) -> Vec<(Arc<str>, Arc<Plugin>)> {
        let plugins = self.plugins.read().unwrap_or_else(PoisonError::into_inner);
        plugins.iter().map(|(digest, plugin)| (Arc::clone(digest), Arc::clone(plugin))).collect()
    }

    pub(crate) fn keep(&self, plugin: Arc<Plugin>) {
        let digest = Arc::from(plugin.loaded.digest.as_str());
        self.plugins.write().unwrap_or_else(PoisonError::into_inner).entry(digest).or_insert(plugin);
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

/// The systems, and the places that attempts at each may take of all, so that a slow one does not take them all.
struct Outside {
    egress: Egress,
    shares: HashMap<String, (usize, Arc<Semaphore>)>,
}

impl Outside {
    /// `former` are the shares before, which are kept as far as they are as large: whoever has a place has it still.
    fn new(egress: Egress, places: usize, former: &HashMap<String, (usize, Arc<Semaphore>)>) -> Self {
        // Twice what a system takes at once keeps it busy; half of all places is left to others.
        let size = |concurrency: usize| concurrency.saturating_mul(2).min(places / 2).max(1);
        let share = |(name, concurrency): (&str, usize)| {
            let size = size(concurrency);
            let share = match former.get(name).filter(|(of, _)| *of == size) {
                Some((_, share)) => Arc::clone(share),
                None => Arc::new(Semaphore::new(size)),
            };
            (name.to_owned(), (size, share))
        };
        let shares = egress.systems().map(share).collect();
        Self { egress, shares }
    }
}
