//! Snapshots: a component whose memory begins as `prepare` left it for one config.
//!
//! A snapshot is a component like any other, with the same imports and exports, made by wizer: it adds to the
//! component what reads its memories and globals, `prepare` is called in one instance of that, and what is
//! read then becomes the data segments and the initial values of the component. So every attempt still has a
//! fresh instance, which the engine makes of a copy-on-write image of that memory.
//!
//! Invariant: a snapshot is a function of component and config. Nothing else can reach `prepare`
//! (`prepare.rs`), so it may be kept on disk and used by another process.

mod access;

use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use wasmtime::component::{Component, InstancePre};
use wasmtime_wizer::{ComponentContext, Wizer};

use crate::component;
use crate::error::SnapshotError;
use crate::export::Exports;
use crate::host::keys::Keyed;
use crate::plugin::{Linked, Plugin, Program};
use crate::prepare::{Refusal, prepare};
use crate::sandbox::Sandbox;
use crate::state::{Pure, State};
use access::Access;

/// Snapshots of one plugin. Each holds its native code and its memory, some MiB, mapped from a file where there is
/// a cache; configs beyond them are served by the plugin as it is.
const SNAPSHOTS: usize = 64;

/// Sets the digests of snapshots apart from those of components, and what one version of this module makes
/// from what the next does.
const DOMAIN: &[u8] = b"stepmill snapshot 1";

/// A plugin's snapshots.
#[derive(Default)]
pub(crate) struct Snapshots(RwLock<Vec<Snapshot>>);

/// What runs attempts with one config.
struct Snapshot {
    config: Arc<str>,
    linked: Arc<Linked>,
}

impl Snapshots {
    /// The one of a config. There are few, and nearly always texts differ in their lengths.
    pub(crate) fn find(&self, config: &Arc<str>) -> Option<Arc<Linked>> {
        let snapshots = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |snapshot: &&Snapshot| Arc::ptr_eq(&snapshot.config, config) || snapshot.config == *config;
        snapshots.iter().find(is_same).map(|snapshot| snapshot.linked.clone())
    }

    fn retain(&self, is_kept: impl Fn(&str) -> bool) {
        let mut snapshots = self.0.write().unwrap_or_else(PoisonError::into_inner);
        snapshots.retain(|snapshot| is_kept(&snapshot.config));
    }

    fn has_room(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len() < SNAPSHOTS
    }

    /// Keeps it, unless there are too many already.
    fn keep(&self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        let mut snapshots = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if snapshots.len() >= SNAPSHOTS {
            return Err(SnapshotError::TooMany { limit: SNAPSHOTS });
        }
        snapshots.push(snapshot);
        Ok(())
    }
}

impl Sandbox {
    /// Makes a snapshot of a loaded plugin after `prepare(config)`, or takes it from the cache, and from then
    /// on begins attempts with this very config from it. Answers its size in bytes: native code and memory.
    ///
    /// It compiles the component twice, so this takes as long as loading it, and more; meanwhile attempts are
    /// served by the plugin as it is. `abandon` ends it after the compilation that is under way. Unloading the
    /// plugin drops its snapshots.
    ///
    /// # Errors
    /// There will be no snapshot, and attempts go on without.
    pub async fn prepare(
        self: &Arc<Self>,
        digest: &str,
        config: &Arc<str>,
        abandon: &CancellationToken,
    ) -> Result<usize, SnapshotError> {
        let plugin = self.plugin(digest).ok_or(SnapshotError::NotLoaded)?;
        if !plugin.snapshots.has_room() {
            return Err(SnapshotError::TooMany { limit: SNAPSHOTS });
        }
        let making = {
            let (sandbox, plugin, config) = (self.clone(), plugin.clone(), config.clone());
            let abandon = abandon.clone();
            tokio::task::spawn_blocking(move || sandbox.component(&plugin, &config, &abandon))
        };
        let component = making.await.map_err(SnapshotError::Broken)??;
        let shape = component::inspect(self.engine.wasm(), &component.component_type())
            .map_err(SnapshotError::Altered)?;
        if shape != plugin.shape {
            return Err(SnapshotError::Different);
        }
        let linked = Arc::new(self.link(&component, &shape).map_err(SnapshotError::Altered)?);
        if plugin.snapshots.find(config).is_none() {
            plugin.snapshots.keep(Snapshot { config: config.clone(), linked })?;
        }
        let image = component.image_range();
        Ok((image.end as usize).saturating_sub(image.start as usize))
    }

    /// Whether there is a snapshot of a loaded plugin for this config.
    pub fn is_prepared(&self, digest: &str, config: &Arc<str>) -> bool {
        self.plugin(digest).is_some_and(|plugin| plugin.snapshots.find(config).is_some())
    }

    /// Drops the snapshots of plugins for other configs than those to keep, by digest and config: they make room for
    /// others. Attempts that have begun go on.
    pub fn keep_snapshots(&self, is_kept: impl Fn(&str, &str) -> bool) {
        for (digest, plugin) in self.plugins() {
            plugin.snapshots.retain(|config| is_kept(&digest, config));
        }
    }

    /// The compiled snapshot. Blocks: most of it is compiling.
    fn component(
        &self,
        plugin: &Plugin,
        config: &Arc<str>,
        abandon: &CancellationToken,
    ) -> Result<Component, SnapshotError> {
        let engine = self.engine.wasm();
        let bytes = plugin.bytes.as_ref().ok_or(SnapshotError::Absent)?;
        let key = key(&plugin.loaded.digest, config);
        if let Some(component) = self.cache.as_deref().and_then(|cache| cache.load(engine, &key)) {
            return Ok(component);
        }
        let compile = |bytes: &[u8]| {
            if abandon.is_cancelled() {
                return Err(SnapshotError::Abandoned);
            }
            Component::from_binary(engine, bytes).map_err(|error| SnapshotError::Compile(error.into()))
        };
        let unsupported = |error: wasmtime::Error| SnapshotError::Unsupported(error.into());
        let mut wizer = Wizer::new();
        // No function of that name is called here, and if a guest has one it is the guest's.
        wizer.keep_init_func(true);
        let (context, instrumented) = wizer.instrument_component(bytes).map_err(unsupported)?;
        let readable = self.link(&compile(&instrumented)?, &plugin.shape).map_err(SnapshotError::Altered)?;
        let snapshot = Handle::current().block_on(self.take(&wizer, &context, &readable, config))?;
        let component = compile(&snapshot)?;
        Ok(match self.cache.as_deref() {
            Some(cache) => cache.keep(engine, &key, component),
            None => component,
        })
    }

    /// Calls `prepare`, and reads what it has left.
    async fn take(
        &self,
        wizer: &Wizer,
        context: &ComponentContext<'_>,
        readable: &Linked,
        config: &Arc<str>,
    ) -> Result<Vec<u8>, SnapshotError> {
        let Linked { exports, program } = readable;
        let _turn = self.loading.acquire().await.ok();
        match program {
            Program::Transform(pre) | Program::Validate(pre) => {
                self.take_in(wizer, context, exports, pre, Pure, config).await
            }
            Program::Connector(pre) => {
                self.take_in(wizer, context, exports, pre, self.unconnected("prepare"), config).await
            }
            Program::Verify(pre) => {
                self.take_in(wizer, context, exports, pre, Keyed::without(), config).await
            }
        }
    }

    async fn take_in<R: Send + 'static>(
        &self,
        wizer: &Wizer,
        context: &ComponentContext<'_>,
        exports: &Exports,
        pre: &InstancePre<State<R>>,
        reach: R,
        config: &Arc<str>,
    ) -> Result<Vec<u8>, SnapshotError> {
        let mut store = self.frozen(config, reach);
        let instance = prepare(&mut store, exports, pre, config).await?;
        let mut access = Access::new(&mut store, instance);
        let snapshot = wizer.snapshot_component(context, &mut access).await;
        // What could not be read is missing from the snapshot.
        access.finish().and(snapshot).map_err(|error| SnapshotError::Unsupported(error.into()))
    }
}

/// Identifies the snapshot of a component with a config.
fn key(digest: &str, config: &str) -> String {
    hex::encode(Sha256::new().chain_update(DOMAIN).chain_update(digest).chain_update(config).finalize())
}

impl From<Refusal> for SnapshotError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected { code, message } => Self::Rejected { code, message },
            Refusal::Unusable(why) => Self::Unusable(why),
        }
    }
}
