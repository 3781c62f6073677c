//! A service in this process, and what a test wants to know of it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use stepmill_core::clock::SystemClock;
use stepmill_core::journal::PhaseName;
use stepmill_core::run::{Entry, State};
use stepmill_core::{Clock, RunId};
use stepmill_journal::LocalJournal;
use stepmill_server::config;
use stepmill_server::service::{Addresses, Service};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::sender::{Sender, client};

/// Longest wait for what a test expects: a bound on failure, not a time that anything takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running service.
pub struct Host {
    /// Sends it events.
    pub sender: Sender,
    /// Base URL of its ingress.
    pub ingress: String,
    /// Its admin API.
    pub admin: AdminClient,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Host {
    /// Serves the project whose `stepmill.yaml` is at `path`, on a journal in memory.
    pub async fn in_memory(path: &Path) -> Self {
        Self::at(path, Arc::new(SystemClock)).await
    }

    /// The same by another clock.
    pub async fn at(path: &Path, clock: Arc<dyn Clock>) -> Self {
        let project = config::Project::read(path).unwrap_or_else(|errors| panic!("{errors}"));
        let service =
            Service::start_on(project, Arc::new(LocalJournal::memory(Arc::clone(&clock)).unwrap()), clock)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
        Self::run(service)
    }

    /// Serves it on its embedded journal.
    pub async fn on_disk(path: &Path) -> Self {
        let project = config::Project::read(path).unwrap_or_else(|errors| panic!("{errors}"));
        Self::run(Service::start(project).await.unwrap_or_else(|error| panic!("{error}")))
    }

    fn run(service: Service) -> Self {
        let Addresses { ingress, admin, .. } = service.addresses().unwrap();
        let admin = AdminClient::new(admin);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(service.run(async move {
            let _ = stopped.await;
        }));
        Self { sender: Sender::new(&ingress), ingress, admin, stop: Some(stop), served }
    }

    /// Sends an event to a workflow's webhook and answers its run.
    pub async fn accept(&self, workflow: &str, id: &str, body: &Value) -> RunId {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, answer) = self.sender.send(workflow, id, body).await.unwrap();
            if status == 202 {
                return answer["run"].as_str().unwrap().parse().unwrap();
            }
            assert!(status == 503 && Instant::now() < deadline, "{status} {answer}");
        }
    }

    /// Sends an event and waits for its run's end.
    pub async fn finish(&self, workflow: &str, id: &str, body: &Value) -> (State, Vec<Entry>) {
        let run = self.accept(workflow, id, body).await;
        self.admin.ended(run).await
    }

    /// Drains and stops.
    pub async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.served.await.unwrap().unwrap();
    }
}

/// The admin API of a service.
#[derive(Clone)]
pub struct AdminClient {
    client: reqwest::Client,
    base: String,
}

impl AdminClient {
    /// The admin API at this base URL.
    pub fn new(base: impl Into<String>) -> Self {
        Self { client: client(), base: base.into() }
    }

    /// Where a path of the API is.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A GET's JSON.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(self.url(path)).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// A GET's text.
    pub async fn text(&self, path: &str) -> String {
        self.client.get(self.url(path)).send().await.unwrap().text().await.unwrap()
    }

    /// A POST's status and JSON.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(self.url(path)).body(body.to_string());
        let response = request.header("content-type", "application/json").send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    /// A POST of bytes: its status and text.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> (u16, String) {
        let response = self.client.post(self.url(path)).body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The same, as it comes in.
    pub async fn post_streaming(&self, path: &str, body: Vec<u8>) -> reqwest::Response {
        self.client.post(format!("{}{path}", self.base)).body(body).send().await.unwrap()
    }

    /// A run and its journal.
    pub async fn read(&self, run: RunId) -> (State, Vec<Entry>) {
        let mut shown = self.get(&format!("/api/runs/{run}")).await;
        let state = serde_json::from_value(shown["state"].take()).unwrap();
        (state, serde_json::from_value(shown["entries"].take()).unwrap())
    }

    /// Waits until a run has ended.
    pub async fn ended(&self, run: RunId) -> (State, Vec<Entry>) {
        self.until(run, |state| state.phase.has_ended() || state.phase.is_dead()).await
    }

    /// Waits until a run's state is as wanted.
    pub async fn until(&self, run: RunId, wanted: impl Fn(&State) -> bool) -> (State, Vec<Entry>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (state, entries) = self.read(run).await;
            if wanted(&state) {
                return (state, entries);
            }
            assert!(Instant::now() < deadline, "waited in vain for {run}: {state:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until no run is unfinished.
    pub async fn idle(&self) {
        let deadline = Instant::now() + 4 * PATIENCE;
        while self.get("/api/status").await["backlog"]["unfinished"] != 0 {
            assert!(Instant::now() < deadline, "runs do not end: {}", self.get("/api/status").await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many runs are in a phase, as listed.
    pub async fn count(&self, phase: PhaseName) -> usize {
        let phase = serde_json::to_value(phase).unwrap();
        let page = self.get(&format!("/api/runs?limit=500&phase={}", phase.as_str().unwrap())).await;
        page["runs"].as_array().unwrap().len()
    }
}
