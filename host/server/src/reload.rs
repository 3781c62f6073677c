//! Puts what is on disk in force, while the service runs: all of it or, if anything is wrong with it, nothing.
//!
//! Runs that have begun end under the version of their workflow that they began with. What belongs to the service, its
//! systems and their credentials, its events and its limits, is for all runs what it is now. Addresses, the data folder
//! and whatever else is set up once take effect at the next start.

mod changes;
pub(crate) mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use stepmill_core::Journal;
use stepmill_core::journal::{Deployment, JournalError};
use stepmill_sandbox::{Sandbox, egress};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::catalog::{self, Catalog, Live};
use crate::config::Project;
use crate::diagnostic::Diagnostics;
use crate::gates::Gates;
use crate::listener::tls::{self, Certificates};

pub use changes::{Changed, Changes};

/// Why nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// What is on disk has errors; they are in it.
    #[error(transparent)]
    Config(#[from] Diagnostics),
    /// The systems cannot be set up.
    #[error(transparent)]
    Egress(#[from] egress::BuildError),
    /// The journal does not keep what is to be deployed.
    #[error("failed to keep what is to be deployed")]
    Journal(#[from] JournalError),
}

/// What a reload works with.
pub struct Reload {
    /// What is in force.
    pub live: Live,
    /// Keeps the versions.
    pub journal: Arc<dyn Journal>,
    /// Loads the plugins.
    pub sandbox: Arc<Sandbox>,
    /// The gates in front of systems.
    pub gates: Arc<Gates>,
    /// What the listeners greet their clients with.
    pub certificates: Arc<Certificates>,
    /// Tells the dispatcher that runs may go on which could not.
    pub wake: Arc<Notify>,
    /// The project that is in force, and the files that its steps name. One reload at a time.
    pub current: Mutex<Current>,
}

/// What is in force, as it was read.
#[derive(Debug)]
pub struct Current {
    /// The project.
    pub project: Project,
    /// The files that its steps and webhooks name, relative to its root.
    pub named: Vec<PathBuf>,
}

impl Current {
    /// The project, and what was made of it.
    pub fn new(project: Project, catalog: &Catalog, deployment: &Deployment) -> Self {
        let by_steps = deployment.versions.iter().flat_map(|version| version.files.keys());
        let by_webhooks = catalog.verifying.values().flat_map(|plan| &plan.files);
        Self { named: by_steps.chain(by_webhooks).map(PathBuf::from).collect(), project }
    }
}

impl Reload {
    /// Reads the project again and puts it in force.
    ///
    /// # Errors
    /// Everything that is wrong with it; then all is as it was.
    pub async fn reload(&self) -> Result<Changes, ReloadError> {
        let mut current = self.current.lock().await;
        let file = current.project.file.clone();
        let read = tokio::task::spawn_blocking(move || Project::read(&file)).await;
        let project = read.unwrap_or_else(|join| std::panic::resume_unwind(join.into_panic()))?;
        let (certificates, of_certificates) = tls::read(&project)?;
        let egress = self.sandbox.egress().renewed(catalog::systems(&project)?)?;
        let (catalog, deployment) = Catalog::build(&project, &self.sandbox).await?;
        let before = self.live.catalog();
        let mut changes = Changes::between(&current.project, &before, &project, &catalog);
        changes.warnings.extend(of_certificates.iter().map(ToString::to_string));
        let next = Current::new(project, &catalog, &deployment);
        // What runs begin under is kept before any does.
        self.journal.deploy(deployment).await?;
        self.sandbox.set_egress(egress);
        self.gates.set(&catalog.gates);
        self.live.replace(catalog);
        self.certificates.replace(certificates);
        *current = next;
        self.wake.notify_one();
        Ok(changes)
    }

    /// Reloads whenever it is asked to, until `stop`, and logs what came of it.
    pub async fn run(self: Arc<Self>, asked: Arc<Notify>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = asked.notified() => {}
            }
            match self.reload().await {
                Ok(changes) => changes.log(),
                Err(ReloadError::Config(found)) => {
                    for problem in found.iter() {
                        tracing::error!("{problem}");
                    }
                    tracing::error!("not reloaded: all is as it was");
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "not reloaded: all is as it was");
                }
            }
        }
    }
}
