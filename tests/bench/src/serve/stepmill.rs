//! Stepmill, whole or its front half.

use std::future;
use std::path::Path;
use std::sync::Arc;

use stepmill_core::clock::SystemClock;
use stepmill_core::{Clock, Journal, PluginStorage};
use stepmill_journal::{LocalJournal, Options, Sync};
use stepmill_sandbox::Sandbox;
use stepmill_sandbox::egress::Egress;
use stepmill_server::Service;
use stepmill_server::catalog::{self, Catalog};
use stepmill_server::config::Project;
use stepmill_server::health::Health;
use stepmill_server::ingress::{Admission, Ingress};
use tokio::sync::Notify;

use super::Listening;
use crate::child;

/// The whole service.
pub(super) async fn service(config: &Path) {
    let service = Service::start(read(config)).await.unwrap_or_else(|error| panic!("{error}"));
    let at = Listening { ingress: service.ingress_addr().unwrap(), admin: service.admin_addr().ok() };
    let running = tokio::spawn(service.run(future::pending()));
    // Its listeners are bound; it takes events as soon as it says so.
    while !is_ready(&at).await {
        tokio::task::yield_now().await;
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
    let catalog = Catalog::build(&project, &sandbox).await.unwrap_or_else(|error| panic!("{error}"));
    let health = Arc::new(Health::default());
    health.set_accepting(true);
    stepmill_server::metrics::install();
    let ingress = Ingress {
        catalog: Arc::new(catalog),
        journal: journal as Arc<dyn Journal>,
        clock,
        admission: Admission { max_unfinished: u64::MAX, max_bytes: u64::MAX },
        wake: Arc::new(Notify::new()),
        health,
    };
    super::router(ingress.router()).await;
}

fn read(config: &Path) -> Project {
    Project::read(config).unwrap_or_else(|errors| panic!("{errors}"))
}

async fn is_ready(at: &Listening) -> bool {
    let url = format!("http://{}/health/ready", at.ingress);
    stepmill_test_support::sender::client()
        .get(url)
        .send()
        .await
        .is_ok_and(|response| response.status().is_success())
}
