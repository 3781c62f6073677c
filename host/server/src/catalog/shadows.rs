//! The candidates that are tried beside plugins, loaded.

use std::collections::BTreeMap;
use std::path::Path;

use stepmill_sandbox::{Loaded, Sandbox};

use super::plugins::{Plugins, chain, unpinned};
use crate::config::{self, FILE, Project, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::distribution::read_file;

/// A candidate that is tried beside a plugin.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// What the sandbox says of it.
    pub loaded: Loaded,
    /// The share of the plugin's attempts that it is tried with: above 0, at most 1.
    pub share: f64,
}

pub(super) async fn load(
    project: &Project,
    sandbox: &Sandbox,
    plugins: &Plugins,
    found: &mut Diagnostics,
) -> BTreeMap<String, Shadow> {
    let mut shadows = BTreeMap::new();
    for (name, shadow) in &project.config.shadows {
        let at = pointer(&["shadows", name]);
        let Some(plugin) = plugins.entries.get(name) else {
            // One that does not load has its error already.
            if !plugins.damaged.contains(name) {
                let names: Vec<&str> = plugins.entries.keys().map(String::as_str).collect();
                let help = format!("installed: {}", names.join(", "));
                found.push(
                    project.source.error_at_key(&at, format!("there is no plugin {name:?}")).help(help),
                );
            }
            continue;
        };
        let path = project.path(&shadow.path);
        match load_candidate(project, sandbox, name, shadow, &path).await {
            Ok(_) if !plugin.loaded.manifest.kind.is_step() => {
                let kind = plugin.loaded.manifest.kind.name();
                let message = format!("{name} is a {kind} plugin, which makes no attempts");
                let help = "shadows are tried with the attempts of steps: remove this one";
                found.push(project.source.error_at_key(&at, message).help(help));
            }
            Ok(loaded) if loaded.manifest.kind == plugin.loaded.manifest.kind => {
                shadows.insert(name.clone(), Shadow { loaded, share: shadow.share });
            }
            Ok(loaded) => {
                let (kind, is) = (plugin.loaded.manifest.kind.name(), loaded.manifest.kind.name());
                let message = format!("{name} is a {kind} plugin, and {} a {is} plugin", path.display());
                let help = "only plugins of one kind can be compared";
                found.push(project.source.error(&format!("{at}/path"), message).help(help));
            }
            Err(problem) => found.push(problem),
        }
    }
    shadows
}

async fn load_candidate(
    project: &Project,
    sandbox: &Sandbox,
    name: &str,
    shadow: &config::Shadow,
    path: &Path,
) -> Result<Loaded, Diagnostic> {
    let wrong = |message: String| project.source.error(&pointer(&["shadows", name, "path"]), message);
    let shown = path.display();
    let bytes = read_file(path).map_err(|error| {
        let help =
            format!("paths are relative to the folder of {FILE}; build the plugin first if it is yours");
        wrong(format!("the plugin {shown} cannot be read: {error}")).help(help)
    })?;
    let loaded = sandbox.load(&bytes).await;
    let loaded =
        loaded.map_err(|error| wrong(format!("the plugin {shown} does not load: {}", chain(&error))))?;
    let (keys, digest) = (["shadows", name, "digest"], shadow.digest.as_deref());
    match unpinned(project, &keys, digest, &shown.to_string(), &loaded) {
        Some(problem) => Err(problem),
        None => Ok(loaded),
    }
}
