//! What the plugin of a command is, for all commands alike. It is given by a path or by a name, and which of them is
//! told by how it is written, not by what lies around: a path has a `/`, ends in `.wasm`, or is `.` or `..`.
//!
//! A path is a component's file, or the folder of a plugin's project, of which the component that was built last is
//! meant. A name is a plugin of the project's config, else a stock plugin.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use stepmill_sandbox::Loaded;

use super::{Workbench, component};
use crate::catalog::{NoPlugin, PluginEntry, PluginSource};
use crate::config::{FILE, Project};
use crate::diagnostic::Diagnostics;
use crate::{distribution, stock};

/// How a plugin is given, for `--help`.
pub(crate) const HELP: &str = "\
A plugin is given by a path (with a / in it, or ending in .wasm) or by a name. A path is a component's file, or the \
folder of a plugin's project: its component that was built last. A name is a plugin of the project's config (--config), \
else a stock plugin.";

/// How a plugin is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given<'a> {
    /// A component's file, or a project's folder.
    Path(&'a Path),
    /// The name of a plugin.
    Name(&'a str),
}

impl<'a> Given<'a> {
    /// What the text of an argument says.
    pub(crate) fn of(text: &'a str) -> Self {
        let is_path = text.contains(std::path::is_separator)
            || [".", ".."].contains(&text)
            || Path::new(text).extension().is_some_and(|extension| extension == "wasm");
        if is_path { Self::Path(Path::new(text)) } else { Self::Name(text) }
    }
}

/// There is no such component.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoComponent {
    /// Nothing is at the path.
    #[error("there is no component {}: no such file or folder", .0.display())]
    Path(PathBuf),
    /// Nothing was built in the folder.
    #[error("there is no component in {}: build the plugin first, or name its .wasm file", .0.display())]
    Unbuilt(PathBuf),
    /// No plugin has the name.
    #[error("{0}; a component's file or a plugin's folder is written with a / or .wasm")]
    Name(NoPlugin),
    /// No plugin has the name, but a folder.
    #[error("there is no plugin {0:?}, but a folder: write ./{0} if that is meant")]
    Folder(String),
}

/// A component that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// As it was given.
    pub(crate) given: String,
    /// Where it comes from.
    pub(crate) source: PluginSource,
    /// The component.
    pub(crate) bytes: Cow<'static, [u8]>,
}

impl Found {
    /// What is given, in the project of this config, which need not be there.
    ///
    /// # Errors
    /// There is no such component, or it cannot be had.
    pub(crate) async fn at(given: &str, config: &Path) -> anyhow::Result<Self> {
        match Given::of(given) {
            Given::Path(path) => Self::of_path(path),
            Given::Name(name) => Self::named(name, project(config)?.as_ref()).await,
        }
    }

    /// The component of a file, or the one that was built last in a project's folder.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub(crate) fn of_path(path: &Path) -> anyhow::Result<Self> {
        let file = component::file(path)?;
        let bytes = component::read(&file)?.into();
        Ok(Self { given: path.display().to_string(), source: PluginSource::File(file), bytes })
    }

    /// The plugin of a project, if there is one, else the stock plugin.
    ///
    /// # Errors
    /// There is none, or it cannot be had.
    pub(crate) async fn named(name: &str, project: Option<&Project>) -> anyhow::Result<Self> {
        let plugins = project.map(|project| &project.config.plugins);
        if let (Some(project), Some(plugin)) = (project, plugins.and_then(|plugins| plugins.get(name))) {
            let supplied = distribution::configured(project, name, plugin).await?;
            let source = PluginSource::of(&supplied.origin, project);
            return Ok(Self { given: name.to_owned(), source, bytes: supplied.bytes.into() });
        }
        if let Some(stock) = stock::find(name) {
            let bytes = stock.component.into();
            return Ok(Self { given: name.to_owned(), source: PluginSource::Stock, bytes });
        }
        if Path::new(name).is_dir() {
            return Err(NoComponent::Folder(name.to_owned()).into());
        }
        Err(NoComponent::Name(NoPlugin::of_any(name, plugins.map(|plugins| plugins.keys()))).into())
    }

    /// Loads it.
    ///
    /// # Errors
    /// It is no plugin.
    pub(crate) async fn load(&self, workbench: &Workbench) -> anyhow::Result<Loaded> {
        workbench.load(&self.given, &self.bytes).await
    }

    /// What there is to say of it once it is loaded.
    pub(crate) fn entry(self, loaded: Loaded) -> PluginEntry {
        let name = match Given::of(&self.given) {
            Given::Name(name) => name.to_owned(),
            // A file has no name but the one that it gives itself.
            Given::Path(_) => loaded.manifest.name.clone(),
        };
        PluginEntry { name, source: self.source, loaded }
    }
}

/// The file that is meant, if it is one, for whoever waits until it changes.
pub(crate) fn file(given: &str, config: &Path) -> Option<PathBuf> {
    match Given::of(given) {
        Given::Path(path) => component::file(path).ok(),
        Given::Name(name) => {
            let project = project(config).ok()??;
            let path = project.config.plugins.get(name)?.path.as_ref()?;
            Some(project.path(path))
        }
    }
}

/// The project of a config, as far as plugins and systems go; none in a folder that is none, where the command line names no other.
///
/// # Errors
/// What is wrong with the config, or it is not where the command line says.
fn project(config: &Path) -> Result<Option<Project>, Diagnostics> {
    if config == Path::new(".") && !Path::new(FILE).exists() {
        return Ok(None);
    }
    Project::without_workflows(config).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_is_written_tells_a_path_from_a_name() {
        for path in ["pricing.wasm", "dist/pricing", "./pricing", "pricing/", ".", "..", "/pricing"] {
            assert_eq!(Given::of(path), Given::Path(Path::new(path)));
        }
        for name in ["pricing", "json-schema", "pricing.v2"] {
            assert_eq!(Given::of(name), Given::Name(name));
        }
    }
}
