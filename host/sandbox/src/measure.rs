//! What loading and instantiating cost by themselves: only to measure, as `warm.rs` is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::invoke::Attempt;
use stepmill_core::limits::Limits;
use wasmtime::component::{Component, InstancePre};

use crate::component;
use crate::error::LoadError;
use crate::host::wasi::Wasi;
use crate::invoke::{pure_state, settle};
use crate::plugin::Program;
use crate::sandbox::Sandbox;
use crate::state::State;

/// How long it takes to get a component ready to run.
#[derive(Clone, Copy, Debug)]
pub struct LoadTimes {
    /// To compile it.
    pub compile: Duration,
    /// To take it from the cache; none if the sandbox has no cache.
    pub cached: Option<Duration>,
}

impl Sandbox {
    /// Compiles a component, and takes it from the cache as a later start does. It is not loaded by that.
    #[doc(hidden)]
    pub async fn time_loading(&self, bytes: &[u8]) -> Result<LoadTimes, LoadError> {
        component::check_bytes(bytes)?;
        let (engine, cache) = (self.engine.wasm().clone(), self.cache.clone());
        let (bytes, digest) = (Arc::<[u8]>::from(bytes), hex::encode(Sha256::digest(bytes)));
        let timing = tokio::task::spawn_blocking(move || {
            component::inspect_bytes(&bytes)?;
            let began = Instant::now();
            let compiled = Component::from_binary(&engine, &bytes);
            let compile = began.elapsed();
            let compiled = compiled.map_err(|error| LoadError::Invalid(error.into()))?;
            let cached = cache.and_then(|cache| {
                // Twice, so that the file is where the second time finds it.
                drop(cache.keep(&engine, &digest, compiled));
                let began = Instant::now();
                cache.load(&engine, &digest).map(|_| began.elapsed())
            });
            Ok(LoadTimes { compile, cached })
        });
        timing.await.map_err(LoadError::Compiler)?
    }

    /// How long the store and the instance of an attempt take. Nothing of the plugin runs but what it does at its
    /// start.
    #[doc(hidden)]
    pub async fn time_instantiating(&self, attempt: &Attempt) -> Result<Duration, Failure> {
        let _turn = self.turns.acquire().await.ok();
        let plugin = self
            .plugin(&attempt.digest)
            .ok_or_else(|| Failure::new(Cause::Host, "the plugin is not loaded"))?;
        match &plugin.linked(&attempt.config).program {
            Program::Transform(pre) | Program::Validate(pre) => {
                self.instantiated(pre, &attempt.limits, || pure_state(attempt)).await
            }
            Program::Connector(pre) => {
                let state = || State::new(&attempt.limits, Wasi::real(), self.unconnected(&attempt.step));
                self.instantiated(pre, &attempt.limits, state).await
            }
            Program::Verify(_) => Err(Failure::new(Cause::Host, "the plugin is no step")),
        }
    }

    async fn instantiated<R: Send + 'static>(
        &self,
        pre: &InstancePre<State<R>>,
        limits: &Limits,
        state: impl FnOnce() -> State<R>,
    ) -> Result<Duration, Failure> {
        let began = Instant::now();
        let mut store = self.store(limits, state());
        let ended = pre.instantiate_async(&mut store).await;
        let took = began.elapsed();
        settle(Ok(ended), store.data(), limits).map(|_| took)
    }
}
