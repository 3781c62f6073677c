//! Making a config ready: one call of a component's `prepare` in an instance of its own, and what came of it.

use std::sync::Arc;

use stepmill_core::attempt::{MESSAGE_BYTES, capped};
use tokio::time::timeout;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::answer;
use crate::export::Exports;
use crate::failure;
use crate::host::Frozen;
use crate::host::keys::Keyed;
use crate::host::wasi::Wasi;
use crate::plugin::{CONFINED, Linked, Program, confined};
use crate::sandbox::Sandbox;
use crate::state::{Pure, State};

/// What a plugin says to a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// Nothing: it exports no `prepare`.
    Absent,
    /// It is ready for documents, and [`Sandbox::prepare`] can keep it so.
    Ready,
    /// No document could be run with it.
    Rejected {
        /// A short stable name for the kind of rejection.
        code: String,
        /// What is wrong, for a person.
        message: String,
    },
    /// `prepare` did what it must not, or came to no end: attempts do without. Says why.
    Unusable(String),
}

/// Why a config is not ready.
pub(crate) enum Refusal {
    Rejected { code: String, message: String },
    Unusable(String),
}

impl Sandbox {
    /// Asks a loaded plugin what it says to a config, which leaves nothing behind.
    pub async fn try_config(&self, digest: &str, config: &str) -> Preparation {
        let Some(plugin) = self.plugin(digest) else {
            return Preparation::Unusable("the plugin is not loaded".into());
        };
        if !plugin.plain.exports.prepares() {
            return Preparation::Absent;
        }
        let Linked { exports, program } = &*plugin.plain;
        let config: Arc<str> = config.into();
        let _turn = self.loading.acquire().await.ok();
        let ready = match program {
            Program::Transform(pre) | Program::Validate(pre) => {
                prepare(&mut self.frozen(&config, Pure), exports, pre, &config).await
            }
            Program::Connector(pre) => {
                prepare(&mut self.frozen(&config, self.unconnected("prepare")), exports, pre, &config).await
            }
            Program::Verify(pre) => {
                prepare(&mut self.frozen(&config, Keyed::without()), exports, pre, &config).await
            }
        };
        match ready {
            Ok(_) => Preparation::Ready,
            Err(Refusal::Rejected { code, message }) => Preparation::Rejected { code, message },
            Err(Refusal::Unusable(why)) => Preparation::Unusable(why),
        }
    }

    /// A store for a call of `prepare`.
    pub(crate) fn frozen<R: Send + 'static>(&self, config: &Arc<str>, reach: R) -> Store<State<R>> {
        let limits = confined();
        self.store(&limits, State::new(&limits, Wasi::frozen(config.clone()), reach))
    }
}

/// Calls `prepare` in a fresh instance, which is answered if nothing is left outside of its memory.
pub(crate) async fn prepare<R: Send + 'static>(
    store: &mut Store<State<R>>,
    exports: &Exports,
    pre: &InstancePre<State<R>>,
    config: &str,
) -> Result<Instance, Refusal> {
    let unusable = |why: &str| Err(Refusal::Unusable(why.into()));
    let (instance, answer) = match timeout(CONFINED, exports.prepare(store, pre, config)).await {
        Ok(Ok(Some(called))) => called,
        Ok(Ok(None)) => return unusable("the component has no `prepare`"),
        Ok(Err(error)) => return Err(Refusal::Unusable(told(&error, store.data()))),
        Err(_) => return Err(Refusal::Unusable(failure::wall(&confined()).message)),
    };
    if let Err(rejection) = answer {
        let message = capped(rejection.message, MESSAGE_BYTES);
        return Err(Refusal::Rejected { code: answer::code(&rejection.code), message });
    }
    let state = store.data();
    if !state.logs.take().is_empty() {
        return unusable("it logs or prints, and the lines would be missing from every attempt");
    }
    if !state.table.is_empty() {
        return unusable("it keeps a handle, such as a stream, which no attempt would have");
    }
    Ok(instance)
}

/// What ended the call.
fn told<R>(error: &wasmtime::Error, state: &State<R>) -> String {
    match error.downcast_ref::<Frozen>() {
        Some(refused) => refused.to_string(),
        None => failure::of(error, state, &confined()).message,
    }
}
