//! An instance that is used again and again: only to measure what a fresh one costs.

use std::time::Duration;

use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::document::Document;
use stepmill_core::invoke::Attempt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::answer;
use crate::export::Exports;
use crate::invoke::{Texts, pure_state, settle};
use crate::limits::Cpu;
use crate::plugin::{Linked, Program};
use crate::sandbox::Sandbox;
use crate::state::{Pure, State};

/// A transform's instance that is kept between calls. Not for attempts: what one leaves behind in its
/// memory, the next one finds.
pub struct WarmInstance {
    store: Store<State<Pure>>,
    instance: Instance,
    exports: Exports,
    _turn: OwnedSemaphorePermit,
}

impl Sandbox {
    /// Instantiates the transform that `attempt` names.
    #[doc(hidden)]
    pub async fn warm(&self, attempt: &Attempt) -> Result<WarmInstance, Failure> {
        let host = |message: &str| Failure::new(Cause::Host, message);
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| host("the sandbox is closed"))?;
        let plugin = self.plugin(&attempt.digest).ok_or_else(|| host("the plugin is not loaded"))?;
        // Without a snapshot: what is measured is the same component, kept and fresh.
        let Linked { exports, program } = &*plugin.plain;
        let Program::Transform(pre) = program else { return Err(host("the plugin is no transform")) };
        let mut store = self.store(&attempt.limits, pure_state(attempt));
        let ended = pre.instantiate_async(&mut store).await;
        let instance = settle(Ok(ended), store.data(), &attempt.limits)?;
        Ok(WarmInstance { store, instance, exports: *exports, _turn: turn })
    }
}

impl WarmInstance {
    /// Runs once more.
    pub async fn run(&mut self, attempt: &Attempt) -> Result<Document, Failure> {
        let Self { store, instance, exports, .. } = self;
        store.data_mut().cpu = Cpu::new(attempt.limits.cpu_ms);
        store.set_epoch_deadline(1);
        let texts = Texts::of(attempt);
        let call = exports.run_in(store, instance, texts.arguments(attempt));
        let ended = timeout(Duration::from_millis(attempt.limits.wall_ms), call).await;
        settle(ended, store.data(), &attempt.limits)
            .and_then(|answer| answer::document(answer, &attempt.limits))
    }
}
