//! The plugins: stock ones and those of config, loaded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::workflow::PluginInfo;
use stepmill_sandbox::{Loaded, Sandbox};

use crate::config::{Plugin, Project, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::distribution::{Fetching, Origin, Supplied, Supply, bare, permissions};
use crate::stock;

/// A plugin that workflows can use.
#[derive(Clone, Debug)]
pub struct PluginEntry {
    /// The name that a step's `use` gives; the manifest may have another.
    pub name: String,
    /// Where it comes from.
    pub source: PluginSource,
    /// What the sandbox says of it.
    pub loaded: Loaded,
}

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// The binary carries it.
    Stock,
    /// A file.
    File(PathBuf),
    /// An address or a registry, as `stepmill.lock` says it.
    Remote(String),
}

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock => f.write_str("stock"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Remote(source) => f.write_str(source),
        }
    }
}

impl PluginEntry {
    /// What workflows are checked against.
    pub(super) fn info(&self) -> PluginInfo {
        PluginInfo {
            manifest: Arc::new(self.loaded.manifest.clone()),
            digest: self.loaded.digest.as_str().into(),
        }
    }

    /// What the admin API and `stepmill plugin` show.
    pub fn to_json(&self) -> Value {
        let manifest = &self.loaded.manifest;
        json!({
            "name": self.name,
            "kind": manifest.kind,
            "version": manifest.version,
            "summary": manifest.summary,
            "digest": self.loaded.digest,
            "size": self.loaded.size,
            "source": self.source.to_string(),
            "imports": self.loaded.imports,
            "exports": self.loaded.exports,
            "config_schema": manifest.config_schema,
            "input_schema": manifest.input_schema,
            "output_schema": manifest.output_schema,
        })
    }
}

/// The plugins that load, and the names of those that do not.
#[derive(Debug, Default)]
pub(super) struct Plugins {
    pub entries: BTreeMap<String, PluginEntry>,
    /// The components by their digests.
    pub bytes: HashMap<Arc<str>, Arc<[u8]>>,
    pub damaged: BTreeSet<String>,
}

impl Plugins {
    fn add(&mut self, entry: PluginEntry, bytes: &[u8]) {
        self.bytes.insert(entry.loaded.digest.as_str().into(), bytes.into());
        self.entries.insert(entry.name.clone(), entry);
    }
}

pub(super) async fn load(
    project: &Project,
    sandbox: &Sandbox,
    fetching: Fetching,
    found: &mut Diagnostics,
) -> Plugins {
    let mut plugins = Plugins::default();
    let configured = &project.config.plugins;
    for stock in stock::ALL.iter().filter(|stock| !configured.contains_key(stock.name)) {
        match sandbox.load(stock.component).await {
            Ok(loaded) => {
                let entry = PluginEntry { name: stock.name.into(), source: PluginSource::Stock, loaded };
                plugins.add(entry, stock.component);
            }
            Err(error) => {
                let message = format!("the stock plugin {} does not load: {}", stock.name, chain(&error));
                found.push(
                    Diagnostic::of_file("stepmill", message)
                        .help("this build of stepmill is broken: report it"),
                );
                plugins.damaged.insert(stock.name.into());
            }
        }
    }
    let supply = match Supply::of(project, fetching, found) {
        Ok(supply) => supply,
        Err(problems) => {
            // With keys or a lock that cannot be read nothing can be said of any of them.
            found.extend(problems);
            plugins.damaged.extend(configured.keys().cloned());
            return plugins;
        }
    };
    for (name, plugin) in configured {
        match load_configured(project, sandbox, &supply, name, plugin).await {
            Ok((entry, supplied)) => {
                let at = pointer(&["plugins", name, supplied.origin.key()]);
                found.extend(
                    entry
                        .loaded
                        .warnings
                        .iter()
                        .map(|warning| project.source.error(&at, warning.to_string()).warning()),
                );
                plugins.add(entry, &supplied.bytes);
            }
            Err(problems) => {
                found.extend(problems);
                plugins.damaged.insert(name.clone());
            }
        }
    }
    plugins
}

async fn load_configured(
    project: &Project,
    sandbox: &Sandbox,
    supply: &Supply<'_>,
    name: &str,
    plugin: &Plugin,
) -> Result<(PluginEntry, Supplied), Diagnostics> {
    let supplied = supply.take(name, plugin).await?;
    let source = match &supplied.origin {
        Origin::File(path) => PluginSource::File(project.path(path)),
        Origin::Url(_) | Origin::Oci { .. } => PluginSource::Remote(supplied.origin.to_string()),
    };
    let shown = source.to_string();
    let loaded = sandbox.load(&supplied.bytes).await.map_err(|error| {
        let at = pointer(&["plugins", name, supplied.origin.key()]);
        project.source.error(&at, format!("the plugin {shown} does not load: {}", chain(&error)))
    })?;
    if let Some(pinned) = &plugin.digest {
        let digest = bare(&loaded.digest);
        if !bare(pinned).eq_ignore_ascii_case(digest) {
            let problem = project.source.error(
                &pointer(&["plugins", name, "digest"]),
                format!("the plugin {shown} is not the one that is pinned"),
            );
            let help =
                format!("its digest is sha256:{digest}: put the right file there, or this digest here");
            return Err(problem.help(help).into());
        }
    }
    supply.consented(name, &supplied, &permissions(&loaded.imports))?;
    Ok((PluginEntry { name: name.into(), source, loaded }, supplied))
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
