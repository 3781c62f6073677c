//! The plugins: stock ones and those of config, loaded.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::workflow::PluginInfo;
use stepmill_sandbox::{LoadError, Loaded, Sandbox};

use crate::config::{Plugin, Project, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::distribution::{Fetching, Origin, Supplied, Supply, bare, permissions};
use crate::stock::{self, Stock};

use super::{Catalog, NoPlugin, verifying};

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

impl PluginSource {
    /// What config says of a plugin, with the path of a file from here.
    pub(crate) fn of(origin: &Origin, project: &Project) -> Self {
        match origin {
            Origin::File(path) => Self::File(project.path(path)),
            Origin::Url(_) | Origin::Oci { .. } => Self::Remote(origin.to_string()),
        }
    }
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
    /// Loads a stock plugin.
    async fn stock(stock: &Stock, sandbox: &Sandbox) -> Result<Self, LoadError> {
        let loaded = sandbox.load(stock.component).await?;
        Ok(Self { name: stock.name.into(), source: PluginSource::Stock, loaded })
    }

    /// What workflows are checked against.
    fn info(&self) -> PluginInfo {
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

impl Catalog {
    /// All plugins that a step could use, by name: those that are loaded, and the stock ones that nothing uses, which
    /// are loaded for this. A stock plugin that does not load is left out, and told in the log.
    pub async fn all_plugins(&self, sandbox: &Sandbox) -> BTreeMap<String, PluginEntry> {
        let mut plugins = self.plugins.clone();
        for stock in stock::ALL {
            if let Entry::Vacant(place) = plugins.entry(stock.name.to_owned()) {
                match PluginEntry::stock(stock, sandbox).await {
                    Ok(entry) => drop(place.insert(entry)),
                    Err(error) => tell(stock, &error),
                }
            }
        }
        plugins
    }

    /// The plugin of a name: of config, else a stock one, which is loaded if nothing uses it.
    ///
    /// # Errors
    /// There is none, or the stock plugin does not load, which is told in the log.
    pub async fn plugin(&self, name: &str, sandbox: &Sandbox) -> Result<PluginEntry, NoPlugin> {
        if let Some(entry) = self.plugins.get(name) {
            return Ok(entry.clone());
        }
        if let Some(stock) = stock::find(name) {
            match PluginEntry::stock(stock, sandbox).await {
                Ok(entry) => return Ok(entry),
                Err(error) => tell(stock, &error),
            }
        }
        let configured = self.plugins.values().filter(|entry| entry.source != PluginSource::Stock);
        Err(NoPlugin::of_any(name, Some(configured.map(|entry| &entry.name))))
    }
}

fn tell(stock: &Stock, error: &LoadError) {
    tracing::error!(plugin = stock.name, error = error as &dyn Error, "a stock plugin does not load");
}

/// The plugins that load, and the names of those that do not.
#[derive(Debug, Default)]
pub(super) struct Plugins {
    pub entries: BTreeMap<String, PluginEntry>,
    /// What workflows are checked against.
    pub infos: BTreeMap<String, PluginInfo>,
    /// The components by their digests.
    pub bytes: HashMap<Arc<str>, Arc<[u8]>>,
    pub damaged: BTreeSet<String>,
    /// The stock plugins that no workflow uses.
    pub unused: BTreeSet<String>,
}

impl Plugins {
    fn add(&mut self, entry: PluginEntry, bytes: &[u8]) {
        self.bytes.insert(entry.loaded.digest.as_str().into(), bytes.into());
        self.infos.insert(entry.name.clone(), entry.info());
        self.entries.insert(entry.name.clone(), entry);
    }
}

/// Loads the plugins of config, and of the stock ones those that a workflow or a webhook uses: to compile all of them would be most
/// of a first start.
pub(super) async fn load(
    project: &Project,
    sandbox: &Sandbox,
    fetching: Fetching,
    found: &mut Diagnostics,
) -> Plugins {
    let mut plugins = Plugins::default();
    let configured = &project.config.plugins;
    let by_steps = project.workflows.iter().flat_map(|workflow| workflow.definition.plugins());
    let by_webhooks = verifying::named(project);
    let used: BTreeSet<&str> = by_steps.chain(by_webhooks).collect();
    for stock in stock::ALL.iter().filter(|stock| !configured.contains_key(stock.name)) {
        if !used.contains(stock.name) {
            plugins.unused.insert(stock.name.into());
            continue;
        }
        match PluginEntry::stock(stock, sandbox).await {
            Ok(entry) => plugins.add(entry, stock.component),
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
        if stock::find(name).is_some() {
            let at = pointer(&["plugins", name]);
            let message =
                format!("this takes the place of the stock plugin {name} in every workflow that uses it");
            let help = "give it a name of its own unless that is meant".to_owned();
            found.push(project.source.error(&at, message).help(help).warning());
        }
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
    let source = PluginSource::of(&supplied.origin, project);
    let shown = source.to_string();
    let loaded = sandbox.load(&supplied.bytes).await.map_err(|error| {
        let at = pointer(&["plugins", name, supplied.origin.key()]);
        project.source.error(&at, format!("the plugin {shown} does not load: {}", chain(&error)))
    })?;
    let digest = plugin.digest.as_deref();
    if let Some(problem) = unpinned(project, &["plugins", name, "digest"], digest, &shown, &loaded) {
        return Err(problem.into());
    }
    supply.consented(name, &supplied, &permissions(&loaded.imports))?;
    Ok((PluginEntry { name: name.into(), source, loaded }, supplied))
}

/// What is wrong with a component whose digest is not the one that stands at these keys.
pub(super) fn unpinned(
    project: &Project,
    keys: &[&str],
    wanted: Option<&str>,
    shown: &str,
    loaded: &Loaded,
) -> Option<Diagnostic> {
    let digest = bare(&loaded.digest);
    if wanted.is_none_or(|wanted| bare(wanted).eq_ignore_ascii_case(digest)) {
        return None;
    }
    let message = format!("the plugin {shown} is not the one that is pinned");
    let help = format!("its digest is sha256:{digest}: put the right file there, or this digest here");
    Some(project.source.error(&pointer(keys), message).help(help))
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
