//! A sandbox without a service around it.

use std::sync::Arc;

use anyhow::Context as _;
use stepmill_core::clock::SystemClock;
use stepmill_core::{Clock, PluginStorage};
use stepmill_journal::LocalJournal;
use stepmill_sandbox::egress::Egress;
use stepmill_sandbox::{Loaded, Options, Sandbox};

/// A sandbox of its own: it reaches nothing and keeps nothing.
pub(crate) struct Workbench {
    pub(crate) sandbox: Arc<Sandbox>,
}

impl Workbench {
    /// Starts its engine.
    ///
    /// # Errors
    /// The machine does not let it.
    pub(crate) fn try_new() -> anyhow::Result<Self> {
        Self::with(Options { pool: false, max_concurrent: 1, cache_dir: None })
    }

    /// The same with an engine of other options.
    ///
    /// # Errors
    /// As [`Self::try_new`].
    pub(super) fn with(options: Options) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let storage: Arc<dyn PluginStorage> = Arc::new(LocalJournal::memory(Arc::clone(&clock))?);
        let sandbox = Sandbox::try_new(options, Egress::try_new(Vec::new())?, storage, clock)?;
        Ok(Self { sandbox })
    }

    /// Loads a component; `name` is what an error calls it.
    ///
    /// # Errors
    /// It is none that this host runs; the causes say why.
    pub(crate) async fn load(&self, name: &str, bytes: &[u8]) -> anyhow::Result<Loaded> {
        self.sandbox.load(bytes).await.with_context(|| format!("failed to load {name}"))
    }
}
