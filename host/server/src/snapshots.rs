//! Prepares the steps whose config has no expressions, and the webhooks that plugins verify, one after another, while the service is already up:
//! each is served by its plugin as it is until its snapshot is ready.

use std::collections::HashSet;
use std::sync::Arc;

use stepmill_sandbox::{Sandbox, SnapshotError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Constant, Live};
use crate::health::Health;

use stepmill_core::duration;

/// The snapshots of what is deployed.
pub struct Snapshots {
    /// What is deployed.
    pub live: Live,
    /// Where the plugins are loaded.
    pub sandbox: Arc<Sandbox>,
    /// Is told when all are made.
    pub health: Arc<Health>,
}

impl Snapshots {
    /// Makes them for each catalog that comes into force, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut changes = self.live.changes();
        loop {
            let catalog = Arc::clone(&changes.borrow_and_update());
            let configs: HashSet<(&str, &str)> =
                catalog.constants.iter().map(|of| (&*of.digest, &*of.config)).collect();
            self.sandbox.keep_snapshots(|digest, config| configs.contains(&(digest, config)));
            let is_new = |of: &&Constant| !self.sandbox.is_prepared(&of.digest, &of.config);
            for constant in catalog.constants.iter().filter(is_new) {
                self.make(constant, &stop).await;
                // Waited for to its end, so that nothing uses the journal when the service has ended.
                if stop.is_cancelled() {
                    return;
                }
            }
            self.health.set_prepared(true);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Ok(()) = changes.changed() => self.health.set_prepared(false),
            }
        }
    }

    async fn make(&self, constant: &Constant, stop: &CancellationToken) {
        let Constant { plugin, digest, config, user } = constant;
        let began = Instant::now();
        match self.sandbox.prepare(digest, config, stop).await {
            Ok(bytes) => {
                let took_ms = duration::ms(began.elapsed());
                tracing::info!(%plugin, %user, took_ms, bytes, "config prepared");
            }
            Err(SnapshotError::Abandoned) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%plugin, %user, error, "the config is not prepared: the work is done again each time");
            }
        }
    }
}
