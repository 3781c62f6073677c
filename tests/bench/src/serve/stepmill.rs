//! Stepmill, whole or its front half.

use std::future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stepmill_core::clock::SystemClock;
use stepmill_core::{Clock, Journal, PluginStorage};
use stepmill_journal::{LocalJournal, Options, Sync};
use stepmill_sandbox::Sandbox;
use stepmill_sandbox::egress::Egress;
use stepmill_server::Service;
use stepmill_server::catalog::{self, Catalog, Live};
use stepmill_server::config::Project;
use stepmill_server::entropy::SystemEntropy;
use stepmill_server::health::Health;
use stepmill_server::ingress::{self, Admission, Handshakes, Ingress, KeyCache};
use stepmill_server::listener::Listener;
use stepmill_server::listener::tls::{self, Certificates};
use stepmill_server::sources::Sources;
use stepmill_test_support::host::AdminClient;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Listening;
use crate::child;

/// The whole service.
pub(super) async fn service(config: &Path) {
    let service = Service::start(read(config)).await.unwrap_or_else(|error| panic!("{error}"));
    let at = Listening { ingress: service.ingress_addr().unwrap(), admin: service.admin_addr().ok() };
    let running = tokio::spawn(service.run(future::pending()));
    // Its listeners are bound, and it takes events at once; what is measured is how it serves for the rest of its
    // life, with its steps prepared.
    while !is_prepared(&at).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child::say(&at);
    running.await.unwrap().unwrap();
}

/// Ingress on a journal of its own. Wired as the service wires it, but without dispatcher, schedules and pruning.
pub(super) async fn ingress(config: &Path, durable: bool) {
    let project = read(config);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut options = Options::new(project.data_folder().join("journal"));
    options.sync = if durable { Sync::Durable } else { Sync::Unsynced };
    std::fs::create_dir_all(project.data_folder()).unwrap();
    let journal = Arc::new(LocalJournal::open(&options).unwrap());
    let storage = Arc::clone(&journal) as Arc<dyn PluginStorage>;
    let egress = Egress::try_new(catalog::systems(&project).unwrap()).unwrap();
    let sandbox = Sandbox::try_new(project.sandbox_options(), egress, storage, Arc::clone(&clock)).unwrap();
    let (catalog, _) = Catalog::build(&project, &sandbox).await.unwrap_or_else(|error| panic!("{error}"));
    let health = Arc::new(Health::default());
    health.set_accepting(true);
    stepmill_server::metrics::install();
    let (live, journal, wake) = (Live::new(catalog), journal as Arc<dyn Journal>, Arc::new(Notify::new()));
    let sources = Sources::open(live.clone(), Arc::clone(&journal), Arc::clone(&clock), Arc::clone(&wake));
    let ingress = Ingress {
        live,
        journal,
        clock,
        sources: sources.await.unwrap(),
        entropy: Arc::new(SystemEntropy),
        answers: Arc::default(),
        admission: Admission {
            max_unfinished: u64::MAX,
            max_bytes: u64::MAX,
            requests: project.config.ingress.requests,
            bodies: project.config.ingress.bodies,
        },
        wake,
        health,
        waiting: Semaphore::new(ingress::WAITING),
        handshakes: Handshakes::new(project.data_folder().join("handshakes")),
        keys: KeyCache::default(),
        sandbox,
    };
    let (certificates, _) = tls::read(&project).unwrap_or_else(|errors| panic!("{errors}"));
    let certificates = (Certificates::new(certificates), tls::INGRESS);
    let server = &project.config.server;
    let listener =
        Listener::bind("ingress", server.ingress, certificates, &server.connections).await.unwrap();
    child::say(&Listening { ingress: listener.address().unwrap(), admin: None });
    listener.serve_ingress(ingress.router(), server, CancellationToken::new()).await;
}

fn read(config: &Path) -> Project {
    Project::read(config).unwrap_or_else(|errors| panic!("{errors}"))
}

async fn is_prepared(at: &Listening) -> bool {
    let Some(admin) = at.admin else { return true };
    let status = AdminClient::new(format!("http://{admin}")).get("/api/status").await;
    status["accepting"] == true && status["prepared"] == true
}
