//! Loading: from bytes to a plugin that can be run, or a sentence for its author.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use stepmill_core::RunId;
use stepmill_core::attempt::Failure;
use stepmill_core::duration;
use stepmill_core::grant::Grant;
use stepmill_core::limits::Limits;
use stepmill_core::manifest::{Kind, Manifest};
use tokio::time::{Instant, timeout};
use wasmtime::component::{Component, InstancePre};

use crate::bindings::types;
use crate::cache::Cache;
use crate::component::{self, Shape};
use crate::egress::Context;
use crate::error::LoadError;
use crate::export::{DescribeError, Exports};
use crate::failure;
use crate::host::Connected;
use crate::host::keys::Keyed;
use crate::host::wasi::Wasi;
use crate::invoke::connect;
use crate::manifest;
use crate::sandbox::Sandbox;
use crate::snapshot::Snapshots;
use crate::state::{Pure, State};

/// Pages of 64 KiB under which a memory grows at every attempt: 1 MiB.
const SMALL_MEMORY: u64 = 16;

/// How long `describe` and `prepare` may take; script guests need some time to start.
pub(crate) const CONFINED: Duration = Duration::from_secs(10);

/// What is told of a plugin that was loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// SHA-256 of the component, in lower-case hexadecimal: the plugin's identity.
    pub digest: String,
    /// What it says of itself, checked.
    pub manifest: Manifest,
    /// Size of the component, in bytes.
    pub size: u64,
    /// Names of its imports: what it can reach at all.
    pub imports: Vec<String>,
    /// Names of its exports.
    pub exports: Vec<String>,
    /// What its author should know, a sentence each.
    pub warnings: Vec<String>,
}

/// A loaded plugin.
pub(crate) struct Plugin {
    pub(crate) loaded: Loaded,
    pub(crate) shape: Shape,
    /// The component as it was loaded: what serves every config.
    pub(crate) plain: Arc<Linked>,
    /// What serves one config each.
    pub(crate) snapshots: Snapshots,
    /// The component's bytes, to make snapshots of; none if it has no `prepare`.
    pub(crate) bytes: Option<Arc<[u8]>>,
    /// When something last asked for it.
    pub(crate) asked_for: Moment,
}

/// A time that many may set.
pub(crate) struct Moment {
    began: Instant,
    /// Milliseconds since then.
    since_ms: AtomicU64,
}

impl Moment {
    fn now() -> Self {
        Self { began: Instant::now(), since_ms: AtomicU64::new(0) }
    }

    pub(crate) fn set_now(&self) {
        let ms = duration::ms(self.began.elapsed());
        self.since_ms.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Instant {
        self.began + Duration::from_millis(self.since_ms.load(Ordering::Relaxed))
    }
}

impl Plugin {
    /// What runs an attempt with this config.
    pub(crate) fn linked(&self, config: &Arc<str>) -> Arc<Linked> {
        self.snapshots.find(config).unwrap_or_else(|| self.plain.clone())
    }
}

/// A component that can be instantiated. Shared by all its attempts; holds no instance.
pub(crate) struct Linked {
    pub(crate) exports: Exports,
    pub(crate) program: Program,
}

/// A component with its imports resolved.
pub(crate) enum Program {
    Transform(InstancePre<State<Pure>>),
    Validate(InstancePre<State<Pure>>),
    Connector(InstancePre<State<Connected>>),
    Verify(InstancePre<State<Keyed>>),
}

impl Sandbox {
    /// Compiles a component (or takes it from the cache), checks it and asks it what it is. Loading
    /// what is loaded already is cheap.
    pub async fn load(&self, bytes: &[u8]) -> Result<Loaded, LoadError> {
        component::check_bytes(bytes)?;
        let digest = hex::encode(Sha256::digest(bytes));
        if let Some(plugin) = self.plugin(&digest) {
            return Ok(plugin.loaded.clone());
        }
        let engine = self.engine.wasm().clone();
        let bytes: Arc<[u8]> = bytes.into();
        let compiling = {
            let (cache, digest, bytes) = (self.cache.clone(), digest.clone(), bytes.clone());
            tokio::task::spawn_blocking(move || compile(&engine, cache.as_deref(), &digest, &bytes))
        };
        let component = compiling.await.map_err(LoadError::Compiler)??;
        let plugin = self.plugin_of(digest, bytes, &component).await?;
        let loaded = plugin.loaded.clone();
        tracing::info!(
            plugin = %loaded.manifest.name, version = %loaded.manifest.version, digest = %loaded.digest,
            "plugin loaded"
        );
        self.keep(Arc::new(plugin));
        Ok(loaded)
    }

    async fn plugin_of(
        &self,
        digest: String,
        bytes: Arc<[u8]>,
        component: &Component,
    ) -> Result<Plugin, LoadError> {
        let shape = component::inspect(self.engine.wasm(), &component.component_type())?;
        let plain = self.link(component, &shape)?;
        let manifest = manifest::check(self.describe(shape.kind, &plain).await?, shape.kind)?;
        let loaded = Loaded {
            digest,
            manifest,
            size: bytes.len() as u64,
            imports: shape.imports.clone(),
            exports: shape.exports.clone(),
            warnings: warnings(component),
        };
        let bytes = plain.exports.prepares().then_some(bytes);
        let (plain, asked_for) = (Arc::new(plain), Moment::now());
        Ok(Plugin { loaded, shape, plain, snapshots: Snapshots::default(), bytes, asked_for })
    }

    /// Resolves the imports and finds the exports.
    pub(crate) fn link(&self, component: &Component, shape: &Shape) -> Result<Linked, LoadError> {
        let exports = Exports::find(component, shape).ok_or_else(|| {
            LoadError::Mismatch(format!("{} has no function `run`, or `prepare` none", shape.step).into())
        })?;
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch(error.into());
        let program = match shape.kind {
            Kind::Transform => Program::Transform(self.pure.instantiate_pre(component).map_err(mismatch)?),
            Kind::Validate => Program::Validate(self.pure.instantiate_pre(component).map_err(mismatch)?),
            Kind::Connector => {
                Program::Connector(self.connected.instantiate_pre(component).map_err(mismatch)?)
            }
            Kind::Verify => Program::Verify(self.keyed.instantiate_pre(component).map_err(mismatch)?),
        };
        Ok(Linked { exports, program })
    }

    async fn describe(&self, kind: Kind, plain: &Linked) -> Result<types::Manifest, LoadError> {
        let Linked { exports, program } = plain;
        let limits = confined();
        let wasi = Wasi::deterministic(0, RunId::from_bytes([0; 16]), "describe".into(), "".into());
        // Never closed; should it ever be, then loading goes on without waiting its turn.
        let _turn = self.loading.acquire().await.ok();
        match program {
            Program::Transform(pre) | Program::Validate(pre) => {
                let mut store = self.store(&limits, State::new(&limits, wasi, Pure));
                let answer = timeout(CONFINED, exports.describe(&mut store, pre, kind)).await;
                described(answer.ok(), store.data(), &limits)
            }
            Program::Connector(pre) => {
                let mut store = self.store(&limits, State::new(&limits, wasi, self.unconnected("describe")));
                let answer = timeout(CONFINED, exports.describe(&mut store, pre, kind)).await;
                described(answer.ok(), store.data(), &limits)
            }
            Program::Verify(pre) => {
                let mut store = self.store(&limits, State::new(&limits, wasi, Keyed::without()));
                let answer = timeout(CONFINED, exports.describe(&mut store, pre, kind)).await;
                described(answer.ok(), store.data(), &limits)
            }
        }
    }

    /// The reach of a connector that is not making an attempt: none.
    pub(crate) fn unconnected(&self, step: &str) -> Connected {
        let none = Context {
            grant: Arc::new(Grant::default()),
            limits: confined(),
            workflow: Arc::from(""),
            run: RunId::from_bytes([0; 16]),
            step: Arc::from(step),
            deadline: Instant::now(),
            clock: Arc::clone(&self.clock),
        };
        connect(self.egress(), self.storage.clone(), none)
    }
}

/// The limits of a call that is no attempt. Nothing but its own head: no request, no storage.
pub(crate) fn confined() -> Limits {
    Limits { wall_ms: duration::ms(CONFINED), http_requests: 0, storage_calls: 0, ..Limits::default() }
}

fn compile(
    engine: &wasmtime::Engine,
    cache: Option<&Cache>,
    digest: &str,
    bytes: &[u8],
) -> Result<Component, LoadError> {
    if let Some(component) = cache.and_then(|cache| cache.load(engine, digest)) {
        return Ok(component);
    }
    component::inspect_bytes(bytes)?;
    let began = Instant::now();
    let component =
        Component::from_binary(engine, bytes).map_err(|error| LoadError::Invalid(error.into()))?;
    tracing::info!(digest, took_ms = duration::ms(began.elapsed()), "component compiled");
    Ok(match cache {
        Some(cache) => cache.keep(engine, digest, component),
        None => component,
    })
}

fn described<R>(
    answer: Option<Result<types::Manifest, DescribeError>>,
    state: &State<R>,
    limits: &Limits,
) -> Result<types::Manifest, LoadError> {
    let Failure { cause, message, .. } = match answer {
        Some(Ok(manifest)) => return Ok(manifest),
        Some(Err(DescribeError::Mismatch(error))) => return Err(LoadError::Mismatch(error.into())),
        Some(Err(DescribeError::Failed(error))) => failure::of(&error, state, limits),
        None => failure::wall(limits),
    };
    Err(LoadError::Describe { cause, message })
}

fn warnings(component: &Component) -> Vec<String> {
    let Some(resources) = component.resources_required() else { return Vec::new() };
    match resources.max_initial_memory_size {
        Some(pages) if pages < SMALL_MEMORY => vec![format!(
            "its memory begins with {} KiB and grows at every attempt, which is slow; link it with \
             -C link-arg=--initial-memory=4194304",
            pages * 64
        )],
        Some(_) | None => Vec::new(),
    }
}
