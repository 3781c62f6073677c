//! A running host that steps are loaded into, one after another, and a system that they talk to.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, ensure};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde_json::{Value, json};
use stepmill_core::journal::PhaseName;
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use tokio::net::TcpListener;

use crate::authored::{Authored, Stepmill};
use crate::kind::Kind;

/// What the stub was sent.
type Seen = Arc<Mutex<Vec<String>>>;

/// A service that is reloaded for each step.
pub struct Running {
    process: Process,
    project: Project,
    seen: Seen,
}

impl Running {
    /// Serves a project without plugins of its own.
    pub async fn start(stepmill: &Stepmill) -> anyhow::Result<Self> {
        let seen = Seen::default();
        let project = Project::new().system("shop", &stub(Arc::clone(&seen)).await?);
        let process = Process::start(&stepmill.binary, &project.write()).await;
        Ok(Self { process, project, seen })
    }

    /// Has the running host load the step, and sends an event through it.
    pub async fn goes_through(&mut self, stepmill: &Stepmill, step: &Authored) -> anyhow::Result<()> {
        let config = self.add(step);
        stepmill.run(&["reload", "--config"], &config, &[])?;
        let (status, answer) = self.process.sender.send(&step.name, "1", &Kind::order()).await?;
        ensure!(status == 202, "{}: {status} {answer}", step.name);
        let run = answer["run"].as_str().context("a run")?.parse()?;
        let (state, entries) = self.process.admin.ended(run).await;
        ensure!(state.phase.name() == PhaseName::Succeeded, "{}: {state:?} {entries:#?}", step.name);
        let (sent, expected) = (self.seen.lock().unwrap().pop(), step.kind.output());
        ensure!(sent.as_ref() == Some(&expected), "{}: sent on {sent:?} in place of {expected}", step.name);
        Ok(())
    }

    /// Adds a workflow in which the step's output is sent to the system.
    fn add(&mut self, step: &Authored) -> PathBuf {
        let system = if step.kind == Kind::Connector { ", system: shop" } else { "" };
        let steps = format!(
            "  - {{ id: step, use: {}{system}, timeout: 10s }}\n  \
               - {{ id: send, use: rest, system: shop, with: {{ method: POST, path: /seen }} }}",
            step.name
        );
        let project = std::mem::take(&mut self.project);
        self.project = project.plugin(&step.name, &step.component()).workflow(&step.name, &steps);
        self.project.write()
    }
}

/// A system that has two of each article, and keeps what it is sent.
async fn stub(seen: Seen) -> anyhow::Result<String> {
    let stock = get(async || Json(json!({ "available": 2 })));
    let keep = post(async |State(seen): State<Seen>, body: String| -> Json<Value> {
        seen.lock().unwrap().push(body);
        Json(json!({}))
    });
    let router = Router::new().route("/stock", stock).route("/seen", keep).with_state(seen);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}
