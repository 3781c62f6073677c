//! The real binary in a process of its own, to be killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stepmill_server::service::Addresses;

use crate::host::{AdminClient, PATIENCE};
use crate::sender::{Sender, client};

/// A running `stepmill serve`. Killed with SIGKILL when dropped.
pub struct Process {
    child: Child,
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
        let data = config.parent().unwrap().join("data");
        let log =
            std::fs::File::options().create(true).append(true).open(data.with_extension("log")).unwrap();
        let mut child = Command::new(binary)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("stepmill serve ended with {status}:\n{}", tail(&data.with_extension("log")));
            }
            if let Some(addresses) = ready(&data, child.id()).await {
                let sender = Sender::new(&addresses.ingress);
                let admin = AdminClient::new(&addresses.admin);
                return Self { child, addresses, sender, admin };
            }
            assert!(
                Instant::now() < deadline,
                "stepmill serve is not ready:\n{}",
                tail(&data.with_extension("log"))
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end and answers whether it ended well.
    pub async fn ended(mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(Instant::now() < deadline, "stepmill serve does not end");
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

fn tail(log: &PathBuf) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}
