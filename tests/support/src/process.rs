//! The real binary in a process of its own, to be killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use stepmill_server::service::Addresses;

use crate::host::{AdminClient, PATIENCE};
use crate::sender::{Sender, client};

/// A running `stepmill serve`. Killed with SIGKILL when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub addresses: Addresses,
    /// Sends it events.
    pub sender: Sender,
    /// Its admin API.
    pub admin: AdminClient,
}

impl Process {
    /// Starts `binary` on the project whose `stepmill.yaml` is at `config` and waits until it is ready.
    pub async fn start(binary: &Path, config: &Path) -> Self {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(config);
        Self::spawn(command, config).await
    }

    /// The same with an eye on its files.
    pub async fn start_watching(binary: &Path, config: &Path) -> Self {
        let mut command = Command::new(binary);
        command.args(["serve", "--watch", "--config"]).arg(config);
        Self::spawn(command, config).await
    }

    /// The same through a shell, which ends its `script` with `exec "$@"`.
    pub async fn start_in_shell(script: &str, binary: &Path, config: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(binary).arg("serve").arg("--config").arg(config);
        Self::spawn(command, config).await
    }

    async fn spawn(mut command: Command, config: &Path) -> Self {
        let data = config.parent().unwrap().join("data");
        let log = data.with_extension("log");
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut child =
            command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("stepmill serve ended with {status}:\n{}", text(&log));
            }
            if let Some(addresses) = ready(&data, child.id()).await {
                let sender = Sender::new(&addresses.ingress);
                let admin = AdminClient::new(&addresses.admin);
                return Self { child, log, addresses, sender, admin };
            }
            assert!(Instant::now() < deadline, "stepmill serve is not ready:\n{}", text(&log));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        text(&self.log)
    }

    /// Id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself and answers how it did, with all that it and those before it on this
    /// project have logged.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, text(&self.log));
            }
            assert!(Instant::now() < deadline, "stepmill serve does not end:\n{}", text(&self.log));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn ready(data: &Path, pid: u32) -> Option<Addresses> {
    let addresses = Addresses::read(data).ok().filter(|addresses| addresses.pid == pid)?;
    let response = client().get(format!("{}/health/ready", addresses.ingress)).send().await.ok()?;
    response.status().is_success().then_some(addresses)
}

fn text(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}
