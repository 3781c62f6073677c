//! The plugins: stock ones and those of config, loaded.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::workflow::PluginInfo;
use stepmill_sandbox::{LoadError, Loaded, Sandbox};

use crate::config::{Plugin, Project, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::stock::{self, Stock};

use super::Catalog;

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
        let source = match &self.source {
            PluginSource::Stock => "stock".to_owned(),
            PluginSource::File(path) => path.display().to_string(),
        };
        json!({
            "name": self.name,
            "kind": manifest.kind,
            "version": manifest.version,
            "summary": manifest.summary,
            "digest": self.loaded.digest,
            "size": self.loaded.size,
            "source": source,
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

    /// The plugin of a name, loaded if it is a stock one that nothing uses.
    pub async fn plugin(&self, name: &str, sandbox: &Sandbox) -> Option<PluginEntry> {
        if let Some(entry) = self.plugins.get(name) {
            return Some(entry.clone());
        }
        let stock = stock::find(name)?;
        PluginEntry::stock(stock, sandbox).await.inspect_err(|error| tell(stock, error)).ok()
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

/// Loads the plugins of config, and of the stock ones those that a workflow uses: to compile all of them would be most
/// of a first start.
pub(super) async fn load(project: &Project, sandbox: &Sandbox, found: &mut Diagnostics) -> Plugins {
    let mut plugins = Plugins::default();
    let configured = &project.config.plugins;
    let used: BTreeSet<&str> =
        project.workflows.iter().flat_map(|workflow| workflow.definition.plugins()).collect();
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
    for (name, plugin) in configured {
        match load_file(project, sandbox, name, plugin).await {
            Ok((entry, bytes)) => {
                found.extend(entry.loaded.warnings.iter().map(|warning| {
                    project.source.error(&pointer(&["plugins", name, "path"]), warning.to_string()).warning()
                }));
                plugins.add(entry, &bytes);
            }
            Err(problem) => {
                found.push(problem);
                plugins.damaged.insert(name.clone());
            }
        }
    }
    plugins
}

async fn load_file(
    project: &Project,
    sandbox: &Sandbox,
    name: &str,
    plugin: &Plugin,
) -> Result<(PluginEntry, Vec<u8>), Diagnostic> {
    let path = project.path(&plugin.path);
    let (loaded, bytes) =
        load_at(project, sandbox, &["plugins", name], &path, plugin.digest.as_deref()).await?;
    Ok((PluginEntry { name: name.into(), source: PluginSource::File(path), loaded }, bytes))
}

/// Loads the component of a file, which stands under these keys as `path` and `digest`.
pub(super) async fn load_at(
    project: &Project,
    sandbox: &Sandbox,
    keys: &[&str],
    path: &Path,
    pinned: Option<&str>,
) -> Result<(Loaded, Vec<u8>), Diagnostic> {
    let at = |key: &str| format!("{}/{key}", pointer(keys));
    let wrong = |message: String| project.source.error(&at("path"), message);
    let bytes = read(path).map_err(|error| {
        wrong(format!("the plugin {} cannot be read: {error}", path.display())).help(format!(
            "paths are relative to the folder of {}; build the plugin first if it is yours",
            crate::config::FILE
        ))
    })?;
    let loaded = sandbox
        .load(&bytes)
        .await
        .map_err(|error| wrong(format!("the plugin {} does not load: {}", path.display(), chain(&error))))?;
    let digest = bare(&loaded.digest);
    if pinned.is_some_and(|pinned| !bare(pinned).eq_ignore_ascii_case(digest)) {
        let message = format!("the plugin {} is not the one that is pinned", path.display());
        let help = format!("its digest is sha256:{digest}: put the right file there, or this digest here");
        return Err(project.source.error(&at("digest"), message).help(help));
    }
    Ok((loaded, bytes))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.is_dir() { Err(std::io::ErrorKind::IsADirectory.into()) } else { fs::read(path) }
}

/// A digest without the name of its hash.
fn bare(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
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
