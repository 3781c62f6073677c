//! The serving process: this executable's `serve`, started, watched and killed.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

use super::project::{Folder, SECRETS};

/// Longest wait for a start; the first one compiles the plugins.
const START: Duration = Duration::from_secs(120);
/// Lines of the log that are shown when the process ended by itself.
const TAIL: usize = 20;

/// How to start the service, and the running one.
pub(super) struct Server {
    config: PathBuf,
    log: PathBuf,
    /// Base URL of ingress.
    ingress: String,
    client: reqwest::Client,
    /// Killed when dropped.
    child: Option<Child>,
}

impl Server {
    /// The service on this folder, not yet started.
    pub(super) fn new(folder: &Folder, ingress: String, client: reqwest::Client) -> Self {
        Self { config: folder.config(), log: folder.log(), ingress, client, child: None }
    }

    /// Starts it, waits until it is ready and answers how long that took.
    pub(super) async fn start(&mut self) -> anyhow::Result<Duration> {
        let executable = std::env::current_exe().context("failed to find this executable")?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("failed to open {}", self.log.display()))?;
        let began = Instant::now();
        let child = Command::new(&executable)
            .arg("serve")
            .arg("--config")
            .arg(&self.config)
            .envs(SECRETS)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("failed to share the log file")?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start {}", executable.display()))?;
        self.child = Some(child);
        let ready = format!("{}/health/ready", self.ingress);
        while began.elapsed() < START {
            self.watch()?;
            if self.client.get(&ready).send().await.is_ok_and(|response| response.status().is_success()) {
                return Ok(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the service was not ready after {} s; its log ends with\n{}", START.as_secs(), self.log_tail())
    }

    /// Fails if the process has ended by itself.
    pub(super) fn watch(&mut self) -> anyhow::Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        match child.try_wait().context("failed to look after the serving process")? {
            None => Ok(()),
            Some(status) => {
                self.child = None;
                bail!(
                    "the serving process ended by itself ({status}); its log ends with\n{}",
                    self.log_tail()
                )
            }
        }
    }

    /// Id of the process, if it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Ends it with SIGKILL: it has no chance to put anything in order.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().await.context("failed to kill the serving process")
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
    }
}
