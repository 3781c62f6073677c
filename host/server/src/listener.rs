//! Takes connections for ingress and for the admin API, and keeps whoever makes them from taking what others need.
//!
//! The way of a connection: a place in the `table` → who has called (`proxy`) → [`tls`] → its bytes, of which only requests
//! go on that nobody could read in two ways (`wire`) → hyper → each request with its [`Peer`] to the router (`exchange`). What has
//! been going on for too long is asked to end by the table, which knows what each connection does (`activity`).
//!
//! hyper parses, frames and flushes; the limits of HTTP/2 are those of the crate h2.

mod activity;
mod body;
mod connection;
mod exchange;
mod fault;
mod files;
mod forwarded;
mod peer;
mod proxy;
mod source;
mod table;
pub mod tls;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Connections, Server};
use activity::Patience;
use connection::Serving;
use table::Table;
use tls::Certificates;

pub use body::BodyError;
pub use fault::Fault;
pub use files::raise_file_limit;
pub use peer::Peer;
pub use source::Source;

/// Files that the process needs besides connections: the journal's, the sandbox's, requests to systems.
const OWN_FILES: u64 = 512;
/// Shortest and longest pause after a connection could not be taken.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A listener that is bound.
#[derive(Debug)]
pub struct Listener {
    name: &'static str,
    tcp: TcpListener,
    certificates: (Arc<Certificates>, &'static str),
    connections: Connections,
}

impl Listener {
    /// Binds a listener.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn bind(
        name: &'static str,
        address: SocketAddr,
        certificates: (Arc<Certificates>, &'static str),
        connections: &Connections,
    ) -> io::Result<Self> {
        let tcp = TcpListener::bind(address).await?;
        Ok(Self { name, tcp, certificates, connections: connections.clone() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Its base URL.
    ///
    /// # Errors
    /// The operating system does not say where it listens.
    pub fn url(&self) -> io::Result<String> {
        let (certificates, key) = &self.certificates;
        let scheme = if certificates.current(key).is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.address()?))
    }

    /// Serves ingress, behind the proxies that config names.
    pub async fn serve_ingress(self, router: Router, server: &Server, stop: CancellationToken) {
        let (trusted, forwarded) = (server.trusted_proxies.as_slice().into(), server.forwarded);
        let has_proxy_header = server.proxy_protocol;
        let mut serving = self.serving(router);
        (serving.trusted, serving.forwarded, serving.has_proxy_header) =
            (trusted, forwarded, has_proxy_header);
        self.run(serving, stop).await;
    }

    /// Serves the admin API.
    pub async fn serve_admin(self, router: Router, stop: CancellationToken) {
        let serving = self.serving(router);
        self.run(serving, stop).await;
    }

    fn serving(&self, router: Router) -> Serving {
        let most = usize::try_from(self.connections.max)
            .unwrap_or(usize::MAX)
            .min(room(self.name, &self.connections));
        let of_one = usize::try_from(self.connections.per_address).unwrap_or(usize::MAX);
        let table = Table::new(self.name, most, of_one);
        Serving::new(self.name, table, router, self.certificates.clone(), &self.connections)
    }

    /// Takes connections until `stop`, and serves those that there are to their end.
    async fn run(self, serving: Serving, stop: CancellationToken) {
        let Connections { headers, idle, write, .. } = self.connections;
        let serving = Arc::new(serving);
        let table = Arc::clone(&serving.table);
        let mut connections = JoinSet::new();
        let mut pause = PAUSE.0;
        let taking = async {
            loop {
                tokio::select! {
                    taken = self.tcp.accept() => match taken {
                        Ok((stream, address)) => {
                            pause = PAUSE.0;
                            connections.spawn(Arc::clone(&serving).accept(stream, address));
                        }
                        Err(error) if is_of_connection(&error) => {}
                        Err(error) => {
                            let pause_ms = pause.as_millis();
                            tracing::error!(listener = self.name, error = &error as &dyn std::error::Error, pause_ms, "cannot take connections: trying again");
                            table.shrink();
                            tokio::time::sleep(pause).await;
                            pause = pause.saturating_mul(2).min(PAUSE.1);
                        }
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        };
        let hurrying = table.hurry(Patience { headers, idle, write });
        tokio::pin!(hurrying);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = taking => {}
            () = &mut hurrying => {}
        }
        drop(self.tcp);
        table.drain();
        let ended = async { while connections.join_next().await.is_some() {} };
        tokio::select! {
            () = ended => {}
            () = hurrying => {}
        }
    }
}

/// Whether only the connection that was about to be taken is concerned (accept(2)).
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// How many connections the process may have open files for.
fn room(name: &'static str, connections: &Connections) -> usize {
    let Some(files) = files::limit() else { return usize::MAX };
    let room = files.saturating_sub(OWN_FILES).max(files / 2);
    if room < u64::from(connections.max) {
        tracing::warn!(
            listener = name,
            files,
            max = room,
            "the process may open fewer files than there may be connections (server.connections.max): raise its limit (ulimit -n, LimitNOFILE)"
        );
    }
    usize::try_from(room).unwrap_or(usize::MAX)
}
