//! Makes attempts with the plugins of every version: a component that is not loaded any more, because nothing that is
//! deployed uses it, is loaded again from the journal for the runs that began with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stepmill_core::Journal;
use stepmill_core::invoke::{Attempt, Invoke, Report};
use stepmill_sandbox::Sandbox;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::catalog::Live;
use crate::metrics;
use crate::shadow::Shadows;

/// How long a plugin stays loaded that nothing deployed uses, after its last attempt.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// Pause between two looks for plugins that are idle.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// The sandbox, with what is not loaded in reach.
pub struct Components {
    /// Makes the attempts.
    pub sandbox: Arc<Sandbox>,
    /// Keeps the components.
    pub journal: Arc<dyn Journal>,
    /// What is deployed.
    pub live: Live,
    /// Held by whoever loads one: others that need it wait for that.
    pub loading: Mutex<()>,
    /// Candidates that are tried beside plugins.
    pub shadows: Arc<Shadows>,
}

#[async_trait]
impl Invoke for Components {
    async fn invoke(&self, attempt: Attempt) -> Report {
        self.have(&attempt.digest).await;
        // If it is still not there, the attempt fails as the host's fault and is made again.
        let report = match self.shadows.take_up(&self.live, &attempt) {
            None => self.sandbox.invoke(attempt).await,
            Some(shadowed) => {
                let report = self.sandbox.invoke_taped(attempt, shadowed.tape()).await;
                shadowed.follow(&report);
                report
            }
        };
        metrics::attempt_made(&report.record);
        report
    }
}

impl Components {
    /// Makes a pure attempt again, which is not counted.
    pub(crate) async fn recompute(&self, attempt: Attempt) -> Report {
        self.have(&attempt.digest).await;
        self.sandbox.recompute(attempt).await
    }

    /// Has a component loaded, as far as there is one.
    async fn have(&self, digest: &Arc<str>) {
        if !self.sandbox.is_loaded(digest) {
            self.load(digest).await;
        }
    }

    async fn load(&self, digest: &Arc<str>) {
        let _turn = self.loading.lock().await;
        if self.sandbox.is_loaded(digest) {
            return;
        }
        match self.journal.component(digest).await {
            Ok(Some(bytes)) => match self.sandbox.load(&bytes).await {
                Ok(_) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(%digest, error, "a plugin that was deployed once does not load any more");
                }
            },
            Ok(None) => tracing::error!(%digest, "a run needs a plugin that is neither loaded nor kept"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%digest, error, "failed to read a plugin from the journal");
            }
        }
    }

    /// Unloads plugins that nothing deployed uses and that no run has asked for lately, until `stop`.
    pub async fn sweep(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
            let catalog = self.live.catalog();
            let deployed: BTreeSet<&str> = catalog.installed().map(|loaded| loaded.digest.as_str()).collect();
            for digest in self.sandbox.unload_idle(IDLE, |digest| deployed.contains(digest)) {
                tracing::info!(%digest, "plugin unloaded: nothing that is deployed uses it");
            }
        }
    }
}
