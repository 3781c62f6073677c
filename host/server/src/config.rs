//! `stepmill.yaml` as plain data, and [`Project`]: it together with the workflows that it names.

mod address;
mod check;
mod ingress;
mod listener;
mod options;
mod plugins;
mod project;
mod schema;
mod systems;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_core::duration;
use stepmill_core::limits::Limits;
use stepmill_core::network::Network;
use stepmill_core::secret::SecretRef;
use stepmill_core::workflow::EventDefinition;

pub(crate) use check::{is_digest, pointer};
pub use ingress::Ingress;
pub use listener::{Certificate, ClientAuth, Connections, ForwardedBy, Tls};
pub use plugins::{Plugin, Require, Trust};
pub(crate) use project::read as read_source;
pub use project::{FILE, Project, WorkflowSource};
pub(crate) use schema::schema;
pub use schema::{config_schema, workflow_schema};
pub use systems::{Auth, System, Timeouts};

/// The service's config, `stepmill.yaml`. Every key has a default.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "stepmill.yaml")]
pub struct Config {
    /// Where the service listens and keeps its data.
    pub server: Server,
    /// What ingress takes at once, and where senders reach it.
    pub ingress: Ingress,
    /// What the service says of itself on standard error.
    pub log: Log,
    /// The durable record of events and runs.
    pub journal: Journal,
    /// How much goes on at once.
    pub concurrency: Concurrency,
    /// What one attempt may use up; a step's `limits` replace them.
    pub limits: Limits,
    /// The workflow files, as patterns relative to this file: `*` for any name, `**` for any folders.
    pub workflows: Vec<String>,
    /// The plugins besides the stock ones, by the name that a step's `use` gives. A plugin of a stock
    /// plugin's name takes its place.
    pub plugins: IndexMap<String, Plugin>,
    /// Candidates that are tried beside plugins, stock ones included, by the plugins' names: with the same attempts,
    /// after them, without any effect. What they would have done otherwise is told by `stepmill plugin shadow`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub shadows: IndexMap<String, Shadow>,
    /// Whose plugins are loaded.
    pub trust: Trust,
    /// The external applications that connectors talk to, by the name that a step's `system` gives.
    pub systems: IndexMap<String, System>,
    /// The events that runs wait for or are started by, besides those of their own webhooks.
    pub events: IndexMap<String, EventDefinition>,
    /// Links by which people without an account decide what `approve` steps wait for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server::default(),
            ingress: Ingress::default(),
            log: Log::default(),
            journal: Journal::default(),
            concurrency: Concurrency::default(),
            limits: Limits::default(),
            workflows: vec!["workflows/*.yaml".into()],
            plugins: IndexMap::new(),
            shadows: IndexMap::new(),
            trust: Trust::default(),
            systems: IndexMap::new(),
            events: IndexMap::new(),
            approvals: None,
        }
    }
}

/// Where the service listens and keeps its data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address of the listener for webhooks and health, as IP:PORT; 127.0.0.1:8080 unless given. Port 0
    /// takes any free port.
    #[serde(with = "address")]
    #[schemars(with = "String")]
    pub ingress: SocketAddr,
    /// Address of the listener for the admin API and metrics, as IP:PORT; 127.0.0.1:8081
    /// unless given.
    #[serde(with = "address")]
    #[schemars(with = "String")]
    pub admin: SocketAddr,
    /// TLS of the listener for webhooks; none unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// TLS of the listener for the admin API; none unless given. Its callers are known by `admin_token`, not by certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_tls: Option<Tls>,
    /// The networks of the proxies before the listener for webhooks, such as `[10.0.0.0/8]`, which are believed when they say for whom
    /// they call; none unless given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<Network>,
    /// By which header they say it; `x-forwarded` unless given. The other one is not read.
    pub forwarded: ForwardedBy,
    /// Whether they begin each connection with a header of the PROXY protocol, version 1 or 2; not unless given. Then nobody else can
    /// connect.
    pub proxy_protocol: bool,
    /// Limits of the connections of each listener.
    pub connections: Connections,
    /// The token that callers of the admin API give (`Authorization: Bearer …`), as `env:NAME` or
    /// `file:PATH`. It must be given unless the admin listener is on a loopback address.
    pub admin_token: Option<SecretRef>,
    /// Folder of the journal and of compiled plugins, relative to this file; `stepmill-data` unless
    /// given.
    pub data: PathBuf,
    /// Folder of compiled plugins, relative to this file; `compiled` in the data folder unless given. It
    /// must belong to the service alone, since native code is loaded from it. Services may share one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiled: Option<PathBuf>,
    /// How long runs in flight may take to reach their next commit at a shutdown; 30s unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub drain: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            ingress: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 8081)),
            tls: None,
            admin_tls: None,
            trusted_proxies: Vec::new(),
            forwarded: ForwardedBy::default(),
            proxy_protocol: false,
            connections: Connections::default(),
            admin_token: None,
            data: PathBuf::from("stepmill-data"),
            compiled: None,
            drain: Duration::from_secs(30),
        }
    }
}

/// What the service says of itself on standard error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// What is worth a line: `error`, `warn`, `info`, `debug`, `trace` or `off`, also by part, such as
    /// `info,stepmill_sandbox=debug`; `info` unless given.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".into() }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The durable record of events and runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// How many runs may be unfinished before senders are told to come again (503); 1000000 unless
    /// given.
    pub max_unfinished: u64,
    /// How many bytes the journal may have on disk before senders are told to come again (503);
    /// 10737418240 (10 GiB) unless given.
    pub max_bytes: u64,
    /// How long finished runs are kept of workflows whose `retain` says nothing else; 7d unless given.
    /// Dead letters stay until somebody redrives or discards them.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub retain: Duration,
    /// Bytes of memory that the journal uses for its cache; 134217728 (128 MiB) unless given.
    pub cache_bytes: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            max_unfinished: 1_000_000,
            max_bytes: 10 << 30,
            retain: Duration::from_secs(7 * 24 * 3600),
            cache_bytes: 128 << 20,
        }
    }
}

/// How much goes on at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Concurrency {
    /// Runs in memory; the rest waits in the journal. 256 unless given.
    pub runs: usize,
    /// Attempts in the sandbox; each has its own memory. 64 unless given.
    pub attempts: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { runs: 256, attempts: 64 }
    }
}

/// Links by which people without an account decide what `approve` steps wait for: `links.ID` in expressions.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// Where people's browsers reach the listener `server.ingress`, such as `https://flows.example.com`: the links
    /// go below it, to `/approvals`.
    pub url: String,
    /// What the links are signed with: at least 16 random bytes.
    pub secret: SecretRef,
    /// What they were signed with before, while such links may still be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SecretRef>,
}

/// A candidate that is tried beside a plugin.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// The candidate's file (`.wasm`), relative to this file. It must be of the plugin's kind.
    pub path: PathBuf,
    /// The candidate's digest, as `sha256:` and 64 hexadecimal digits: no other component is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The share of the plugin's attempts that it is tried with, above 0 and at most 1; 1 unless given.
    #[serde(default = "all")]
    pub share: f64,
}

fn all() -> f64 {
    1.0
}

#[cfg(test)]
mod tests;
