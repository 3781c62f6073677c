//! Puts the parts together: `Options` → [`Service::start`] → [`Service::run`] until a shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stepmill_core::clock::SystemClock;
use stepmill_core::journal::JournalError;
use stepmill_core::{Clock, Entropy, Invoke, Journal};
use stepmill_journal::LocalJournal;
use stepmill_sandbox::Sandbox;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::answers::Answers;
use crate::backtest::Backtests;
use crate::catalog::{self, Catalog, Live};
use crate::components::Components;
use crate::config::Project;
use crate::diagnostic::{Diagnostics, Severity};
use crate::dispatcher::Dispatcher;
use crate::entropy::SystemEntropy;
use crate::gates::Gates;
use crate::health::Health;
use crate::ingress::{self, Admission, Handshakes, Ingress, KeyCache};
use crate::listener::Listener;
use crate::listener::tls::{self, Certificates};
use crate::metrics;
use crate::reload::{Current, Reload};
use crate::retention::Pruning;
use crate::schedules::Schedules;
use crate::shadow::Shadows;
use crate::snapshots::Snapshots;
use crate::sources::Sources;

/// Pause between two looks at whether the journal still takes writes.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// How long the last users of the journal may take to let go of it.
const LET_GO: Duration = Duration::from_secs(2);
/// File in the data folder that says where the service listens.
const ADDRESSES: &str = "addresses.json";

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The config has errors; they are in it.
    #[error(transparent)]
    Config(#[from] Diagnostics),
    /// The data folder cannot be used.
    #[error("failed to prepare the data folder {folder} (server.data)")]
    Data {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The journal does not open.
    #[error(transparent)]
    Journal(#[from] stepmill_journal::OpenError),
    /// The journal does not keep what is deployed.
    #[error("failed to keep what is deployed")]
    Deploy(#[source] JournalError),
    /// The journal does not say what was said of sources.
    #[error("failed to read what was said of the sources")]
    Sources(#[source] JournalError),
    /// The engine does not start.
    #[error(transparent)]
    Sandbox(#[from] stepmill_sandbox::BuildError),
    /// The egress does not start.
    #[error(transparent)]
    Egress(#[from] stepmill_sandbox::egress::BuildError),
    /// A listener cannot be bound.
    #[error("failed to listen on {address} ({key}): is another process using the port?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The config key.
        key: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Where a service listens, as in `addresses.json` of its data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Base URL of ingress.
    pub ingress: String,
    /// Base URL of the admin API.
    pub admin: String,
    /// Id of the process.
    pub pid: u32,
}

impl Addresses {
    /// What the service on this data folder wrote last.
    pub fn read(data: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(data.join(ADDRESSES))?)?)
    }

    fn write(&self, data: &Path) -> io::Result<()> {
        let draft = data.join("addresses.json.new");
        std::fs::write(&draft, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(draft, data.join(ADDRESSES))
    }
}

/// A service whose listeners are bound and whose journal is open.
pub struct Service {
    current: Current,
    live: Live,
    journal: Arc<dyn Journal>,
    sandbox: Arc<Sandbox>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sources: Arc<Sources>,
    /// Tells the dispatcher of runs that begin.
    wake: Arc<Notify>,
    health: Arc<Health>,
    ingress: Listener,
    admin: Listener,
    certificates: Arc<Certificates>,
    token: Option<stepmill_core::secret::Secret>,
    reload_asked: Arc<Notify>,
    is_watching: bool,
}

impl Service {
    /// Opens the journal, loads the plugins, compiles the workflows and binds the listeners. Nothing is
    /// answered or run before [`Service::run`].
    pub async fn start(project: Project) -> Result<Self, StartError> {
        let data = project.data_folder();
        std::fs::create_dir_all(&data).map_err(|source| StartError::Data { folder: data.clone(), source })?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = project.journal_options(Arc::clone(&clock));
        let journal = tokio::task::spawn_blocking(move || LocalJournal::open(&options))
            .await
            .map_err(|join| StartError::Data { folder: data.clone(), source: io::Error::other(join) })??;
        Self::start_on(project, Arc::new(journal), clock).await
    }

    /// The same on a journal that is already open, such as one in memory.
    pub async fn start_on(
        project: Project,
        journal: Arc<LocalJournal>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let egress = stepmill_sandbox::egress::Egress::try_new(catalog::systems(&project)?)?;
        let storage = Arc::clone(&journal) as Arc<dyn stepmill_core::PluginStorage>;
        let sandbox = Sandbox::try_new(project.sandbox_options(), egress, storage, Arc::clone(&clock))?;
        let (catalog, deployment) = Catalog::build(&project, &sandbox).await?;
        for found in catalog.warnings.iter() {
            match found.severity {
                Severity::Error | Severity::Warning => tracing::warn!("{found}"),
                Severity::Note => tracing::info!("{found}"),
            }
        }
        let token = project.admin_token()?;
        let (fresh, warnings) = tls::read(&project)?;
        for warning in warnings.iter() {
            tracing::warn!("{warning}");
        }
        let certificates = Certificates::new(fresh);
        let server = &project.config.server;
        let listen = async |name, key, address, tls| {
            let certificates = (Arc::clone(&certificates), tls);
            let bound = Listener::bind(name, address, certificates, &server.connections).await;
            bound.map_err(|source| StartError::Listen { address, key, source })
        };
        let ingress = listen("ingress", "server.ingress", server.ingress, tls::INGRESS).await?;
        let admin = listen("admin", "server.admin", server.admin, tls::ADMIN).await?;
        let current = Current::new(project, &catalog, &deployment);
        journal.deploy(deployment).await.map_err(StartError::Deploy)?;
        let journal: Arc<dyn Journal> = journal;
        let (live, wake) = (Live::new(catalog), Arc::new(Notify::new()));
        let sources =
            Sources::open(live.clone(), Arc::clone(&journal), Arc::clone(&clock), Arc::clone(&wake)).await;
        let service = Self {
            current,
            live,
            journal,
            sources: sources.map_err(StartError::Sources)?,
            wake,
            sandbox,
            clock,
            entropy: Arc::new(SystemEntropy),
            health: Arc::new(Health::default()),
            ingress,
            admin,
            certificates,
            token,
            reload_asked: Arc::default(),
            is_watching: false,
        };
        service.announce()?;
        Ok(service)
    }

    /// Asks for a reload by being notified.
    pub fn reload_asked(&self) -> Arc<Notify> {
        Arc::clone(&self.reload_asked)
    }

    /// Reloads by itself when files change.
    pub fn watch(&mut self) {
        self.is_watching = true;
    }

    /// Where it listens.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses { ingress: self.ingress.url()?, admin: self.admin.url()?, pid: std::process::id() })
    }

    /// Where webhooks go.
    pub fn ingress_addr(&self) -> io::Result<SocketAddr> {
        self.ingress.address()
    }

    /// Where the admin API is.
    pub fn admin_addr(&self) -> io::Result<SocketAddr> {
        self.admin.address()
    }

    /// Serves until `shutdown`, then drains: ingress answers 503, runs in flight reach their next
    /// commit, and what is left goes on after the next start.
    ///
    /// # Errors
    /// The journal has failed, or a listener has: the process should be started again.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        metrics::install();
        let stop_work = CancellationToken::new();
        let stop_listening = CancellationToken::new();
        let wake = Arc::clone(&self.wake);
        let config = self.current.project.config.clone();
        let data = self.current.project.data_folder();
        let journal = Arc::clone(&self.journal);
        let answers = Arc::new(Answers::default());
        let gates = Gates::new(
            &self.live.catalog().gates,
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
            Arc::clone(&wake),
        );
        let reload = Arc::new(Reload {
            live: self.live.clone(),
            journal: Arc::clone(&self.journal),
            sandbox: Arc::clone(&self.sandbox),
            gates: Arc::clone(&gates),
            wake: Arc::clone(&wake),
            certificates: Arc::clone(&self.certificates),
            current: Mutex::new(self.current),
        });
        let ingress = Ingress {
            live: self.live.clone(),
            journal: Arc::clone(&self.journal),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            answers: Arc::clone(&answers),
            sources: Arc::clone(&self.sources),
            admission: Admission {
                max_unfinished: config.journal.max_unfinished,
                max_bytes: config.journal.max_bytes,
                requests: config.ingress.requests,
                bodies: config.ingress.bodies,
            },
            wake: Arc::clone(&wake),
            health: Arc::clone(&self.health),
            waiting: Semaphore::new(ingress::WAITING),
            handshakes: Handshakes::new(data.join("handshakes")),
            keys: KeyCache::default(),
            sandbox: Arc::clone(&self.sandbox),
        };
        let shadows = Shadows::new(Arc::clone(&self.sandbox), Arc::clone(&self.entropy), stop_work.clone());
        let components = Arc::new(Components {
            sandbox: Arc::clone(&self.sandbox),
            journal: Arc::clone(&self.journal),
            live: self.live.clone(),
            loading: Mutex::default(),
            shadows: Arc::clone(&shadows),
        });
        let admin = Admin {
            backtests: Backtests::new(Arc::clone(&components), stop_work.clone()),
            shadows,
            sources: Arc::clone(&self.sources),
            live: self.live.clone(),
            journal: Arc::clone(&self.journal),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            gates: Arc::clone(&gates),
            reload: Arc::clone(&reload),
            wake: Arc::clone(&wake),
            health: Arc::clone(&self.health),
            token: self.token,
        };
        let schedules = Schedules {
            live: self.live.clone(),
            journal: Arc::clone(&self.journal),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            wake: Arc::clone(&wake),
        };
        let snapshots =
            Snapshots { live: self.live.clone(), sandbox: self.sandbox, health: Arc::clone(&self.health) };
        let pruning = Pruning {
            live: self.live.clone(),
            journal: Arc::clone(&self.journal),
            clock: Arc::clone(&self.clock),
            retain: config.journal.retain,
        };
        let dispatcher = Dispatcher {
            live: self.live,
            journal: Arc::clone(&self.journal),
            sandbox: Arc::clone(&components) as Arc<dyn Invoke>,
            clock: self.clock,
            entropy: self.entropy,
            answers,
            gates,
            wake,
            concurrency: config.concurrency.runs,
            drain: config.server.drain,
        };
        let mut listeners = JoinSet::new();
        let (server, stop) = (config.server.clone(), stop_listening.clone());
        listeners.spawn(async move { self.ingress.serve_ingress(ingress.router(), &server, stop).await });
        listeners.spawn(self.admin.serve_admin(admin.router(), stop_listening.clone()));
        let mut work = JoinSet::new();
        work.spawn(dispatcher.run(stop_work.clone()));
        work.spawn(schedules.run(stop_work.clone()));
        work.spawn(self.sources.run(stop_work.clone()));
        work.spawn(snapshots.run(stop_work.clone()));
        work.spawn(components.sweep(stop_work.clone()));
        if self.is_watching {
            let (reload, asked) = (Arc::clone(&reload), Arc::clone(&self.reload_asked));
            let stop = stop_work.clone();
            work.spawn(async move { reload.watch(&asked, stop).await });
        }
        work.spawn(reload.run(self.reload_asked, stop_work.clone()));
        work.spawn(self.certificates.watch(stop_work.clone()));
        work.spawn(metrics::upkeep(stop_work.clone()));
        work.spawn(pruning.run(stop_work.clone()));

        self.health.set_accepting(true);
        tracing::info!("ready");
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            failure = failure(&*journal) => Err(journal_failed(&failure)),
            Some(_ended) = listeners.join_next() => Err(io::Error::other("a listener ended by itself")),
            Some(_ended) = work.join_next() => Err(io::Error::other("a part of the service ended by itself")),
        };
        if let Err(error) = &ended {
            tracing::error!(%error, "shutting down");
        }
        tracing::info!(drain_s = config.server.drain.as_secs(), "draining");
        self.health.set_accepting(false);
        stop_work.cancel();
        while work.join_next().await.is_some() {}
        stop_listening.cancel();
        // Callers that hold a connection open do not keep the service from ending.
        let closed = tokio::time::timeout(Duration::from_secs(5), async {
            while listeners.join_next().await.is_some() {}
        });
        if closed.await.is_err() {
            listeners.shutdown().await;
        }
        until_alone(&journal).await;
        tracing::info!("stopped");
        // It may have failed in the drain, too.
        ended.and_then(|()| journal.failure().map_or(Ok(()), |failure| Err(journal_failed(&failure))))
    }

    fn announce(&self) -> Result<(), StartError> {
        let data = self.current.project.data_folder();
        let fail = |source| StartError::Data { folder: data.clone(), source };
        let addresses = self.addresses().map_err(fail)?;
        std::fs::create_dir_all(&data).and_then(|()| addresses.write(&data)).map_err(fail)?;
        tracing::info!(ingress = %addresses.ingress, admin = %addresses.admin, "listening");
        Ok(())
    }
}

fn journal_failed(why: &str) -> io::Error {
    io::Error::other(format!("the journal has failed: {why}"))
}

/// Waits until the journal has failed and answers why.
async fn failure(journal: &dyn Journal) -> String {
    loop {
        if let Some(failure) = journal.failure() {
            return failure;
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

/// Waits until nothing else has the journal, so that it is closed when the service has ended. A connection's task
/// may outlive its listener by a moment.
async fn until_alone(journal: &Arc<dyn Journal>) {
    let alone = async {
        while Arc::strong_count(journal) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if tokio::time::timeout(LET_GO, alone).await.is_err() {
        tracing::warn!("a connection is still open: the journal is closed when the process ends");
    }
}
