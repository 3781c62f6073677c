//! `stepmill check`: what a deploy would hit, found without running anything.

use std::fs::{self, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use stepmill_core::Clock;
use stepmill_core::clock::SystemClock;
use stepmill_journal::LocalJournal;
use stepmill_sandbox::Sandbox;
use stepmill_sandbox::egress::{Egress, System};
use tokio::net::{TcpListener, TcpStream};

use super::{Catalog, plugins, systems};
use crate::config::{Project, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::distribution::Fetching;
use crate::listener::tls;

/// How long a system may take to accept a connection.
const REACH: Duration = Duration::from_secs(2);

/// What a check does and how hard it judges.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Connects to no system, and fetches no plugin.
    pub offline: bool,
    /// Makes warnings errors.
    pub strict: bool,
}

/// What a check found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Everything that is wrong or suspicious.
    pub diagnostics: Diagnostics,
    /// How many workflows were checked.
    pub workflows: usize,
    /// How many plugins load.
    pub plugins: usize,
    /// How many systems there are.
    pub systems: usize,
}

impl Report {
    /// Whether a deploy would go well.
    pub fn is_ok(&self) -> bool {
        self.diagnostics.errors() == 0
    }
}

/// Checks the project at `path`: config and workflows, plugins, secrets, the data folder, the ports and
/// whether the systems can be reached. Runs nothing and leaves nothing behind.
pub async fn check(path: &Path, options: CheckOptions) -> Report {
    check_with_compiled(path, options, None).await
}

/// The same with compiled plugins kept in a folder.
pub(super) async fn check_with_compiled(
    path: &Path,
    options: CheckOptions,
    folder: Option<PathBuf>,
) -> Report {
    let mut report = Report::default();
    match Project::read(path) {
        Ok(project) => {
            // Compiling plugins is most of the work, so what is compiled is used; but no folder is made.
            let compiled =
                folder.or_else(|| Some(project.compiled_folder()).filter(|folder| folder.is_dir()));
            check_project(&project, options, compiled, &mut report).await;
        }
        Err(found) => report.diagnostics = found,
    }
    if options.strict {
        report.diagnostics = report.diagnostics.strict();
    }
    report.diagnostics = report.diagnostics.without_idle_notes();
    report
}

async fn check_project(
    project: &Project,
    options: CheckOptions,
    cache: Option<PathBuf>,
    report: &mut Report,
) {
    let found = &mut report.diagnostics;
    report.workflows = project.workflows.len();
    report.systems = project.config.systems.len();
    let systems = systems(project).unwrap_or_else(|problems| {
        found.extend(problems);
        Vec::new()
    });
    if let Err(problems) = project.admin_token() {
        found.extend(problems);
    }
    match tls::read(project) {
        Ok((_, warnings)) => found.extend(warnings),
        Err(problems) => found.extend(problems),
    }
    let fetching = if options.offline { Fetching::Never } else { Fetching::Look };
    match sandbox(systems.clone(), cache) {
        Ok(sandbox) => match Catalog::build_fetching(project, &sandbox, fetching).await {
            Ok((catalog, _)) => {
                report.plugins = catalog.plugins.len();
                found.extend(catalog.warnings);
            }
            Err(problems) => found.extend(problems),
        },
        Err(problem) => found.push(project.source.error("/systems", problem)),
    }
    found.extend(data_folder(project));
    for (key, address) in [("ingress", project.config.server.ingress), ("admin", project.config.server.admin)]
    {
        found.extend(port(project, key, address).await);
    }
    if !options.offline {
        let attempts = systems.iter().map(|system| reach(project, system));
        found.extend(futures::future::join_all(attempts).await.into_iter().flatten());
    }
}

/// A sandbox that loads plugins and never runs a step.
pub(super) fn sandbox(systems: Vec<System>, cache_dir: Option<PathBuf>) -> Result<Arc<Sandbox>, String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let egress = Egress::try_new(systems).map_err(|error| plugins::chain(&error))?;
    let storage = LocalJournal::memory(Arc::clone(&clock)).map_err(|error| plugins::chain(&error))?;
    let options = stepmill_sandbox::Options { pool: false, max_concurrent: 1, cache_dir, cache_bound: None };
    Sandbox::try_new(options, egress, Arc::new(storage), clock).map_err(|error| plugins::chain(&error))
}

/// Whether the data folder, or the one that it would be made in, can be written.
fn data_folder(project: &Project) -> Option<Diagnostic> {
    let folder = project.data_folder();
    let there = folder.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.exists())?;
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let error = probe(there).err()?;
    let problem = format!("the data folder {} cannot be written: {error}", folder.display());
    let help = match error.kind() {
        io::ErrorKind::NotADirectory => format!("{} is a file: name a folder", there.display()),
        _ => format!("let the user of the service write {}, or name another folder", there.display()),
    };
    Some(project.source.error("/server/data", problem).help(help))
}

fn probe(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let file = folder.join(format!(".stepmill-check-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&file)?;
    fs::remove_file(file)
}

/// Whether the port is free. That it is not, is only a warning if the service itself has it.
async fn port(project: &Project, key: &str, address: SocketAddr) -> Option<Diagnostic> {
    let error = TcpListener::bind(address).await.err()?;
    let problem = project
        .source
        .error(&pointer(&["server", key]), format!("the service could not listen on {address}: {error}"));
    let own = crate::service::Addresses::read(&project.data_folder()).is_ok_and(|own| {
        let own = if key == "ingress" { own.ingress } else { own.admin };
        own.strip_prefix("http://").or_else(|| own.strip_prefix("https://")) == Some(&*address.to_string())
    });
    Some(if own {
        problem
            .help("this project's service seems to be running: stop it before it is started anew")
            .warning()
    } else {
        problem.help("stop what uses the port, or choose another")
    })
}

/// Whether a system accepts a connection.
async fn reach(project: &Project, system: &System) -> Option<Diagnostic> {
    let host = system.base_url.host_str()?;
    let port = system.base_url.port_or_known_default()?;
    // An IPv6 address has brackets in a URL and none here.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let why = match tokio::time::timeout(REACH, TcpStream::connect((bare, port))).await {
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", REACH.as_secs()),
    };
    let problem = format!("the system {} cannot be reached at {host}:{port}: {why}", system.name);
    let help = "steps that need it are retried until it can; --offline leaves this check out";
    Some(project.source.error(&pointer(&["systems", &system.name, "url"]), problem).help(help).warning())
}
