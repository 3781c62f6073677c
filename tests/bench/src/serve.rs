//! The servers that are measured, each in a process of its own.

pub(crate) mod native;
mod stepmill;

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::serve::ListenerExt as _;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::child::{self, Child};
use crate::usage::Usage;

/// A running server.
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) at: Listening,
}

/// Which server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// Stepmill as it is served, on a project.
    Service {
        /// The project's `stepmill.yaml`.
        config: PathBuf,
    },
    /// Stepmill's ingress and journal, and nobody who works on the runs.
    Ingress {
        /// The project's `stepmill.yaml`.
        config: PathBuf,
        /// Whether commits wait for the disk.
        durable: bool,
    },
    /// A handler that verifies the signature and answers 202.
    Bare,
    /// A handler that verifies the signature, validates, reshapes and posts, then answers 202.
    Native {
        /// Base URL of the system to post to.
        stub: String,
    },
}

/// Where a server listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// For events.
    pub(crate) ingress: SocketAddr,
    /// For questions, if it is a whole service.
    pub(crate) admin: Option<SocketAddr>,
}

impl Server {
    /// Starts a server and waits until it takes events.
    pub(crate) fn start(what: &What) -> Self {
        let mut process = Child::spawn(&["serve", &serde_json::to_string(what).unwrap()]);
        let at = process.hear();
        Self { process, at }
    }

    /// Id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has used up.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.pid())
    }
}

/// The child's side. One worker a core, as the `stepmill` binary has.
pub(crate) fn main(what: &str) {
    let what: What = serde_json::from_str(what).unwrap();
    std::thread::spawn(|| {
        child::lines::<()>().for_each(drop);
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match what {
            What::Service { config } => stepmill::service(&config).await,
            What::Ingress { config, durable } => stepmill::ingress(&config, durable).await,
            What::Bare => router(native::bare()).await,
            What::Native { stub } => router(native::native(&stub)).await,
        }
    });
}

/// Serves a router with what axum has for it.
async fn router(router: Router) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    child::say(&Listening { ingress: listener.local_addr().unwrap(), admin: None });
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.unwrap();
}
