//! From an author's project to a component: the language's own tools, then a look at what came of them.
//!
//! ```text
//! project ── cargo │ npm │ python ──▶ component ── without debug information ──▶ loaded once ──▶ dist/NAME.wasm
//! ```

mod js;
mod project;
mod python;
mod rust;
mod stamp;
mod tool;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use stepmill_sandbox::Loaded;

use super::Workbench;
use super::kit::Language;
use super::strip::strip;

/// Where a project's component is put.
pub(super) const DIST: &str = "dist";

/// What a build has made.
#[derive(Debug)]
pub(crate) struct Built {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) loaded: Loaded,
    /// What its author should know, a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// Builds the project in a folder. The tools' own output goes to standard error, with the commands that are run.
///
/// # Errors
/// It is no project, a tool is missing or fails, or what they made is no plugin.
pub(crate) async fn build(folder: &Path) -> anyhow::Result<Built> {
    let made = match project::language(folder)? {
        Language::Rust => rust::build(folder)?,
        Language::Js => js::build(folder)?,
        Language::Python => python::build(folder)?,
    };
    let bytes = fs::read(&made).with_context(|| format!("failed to read {}", made.display()))?;
    let workbench = Workbench::try_new()?;
    let mut warnings = Vec::new();
    // Compiling one takes seconds in some languages, so that only one of the two is loaded if all is well.
    let (loaded, bytes) = match lean(&workbench, &bytes).await {
        Ok(lean) => lean,
        Err(error) => {
            let whole = workbench.load(&made.display().to_string(), &bytes).await?;
            warnings.push(format!("its debug information stays: {error:#}"));
            (whole, bytes)
        }
    };
    warnings.extend(loaded.warnings.iter().cloned());
    let path = folder.join(DIST).join(format!("{}.wasm", loaded.manifest.name));
    put(&path, &bytes).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(Built { path, loaded, warnings })
}

/// The component without its debug information, loaded.
async fn lean(workbench: &Workbench, bytes: &[u8]) -> anyhow::Result<(Loaded, Vec<u8>)> {
    let stripped = strip(bytes).map_err(|error| anyhow!("the component cannot be written anew: {error}"))?;
    let loaded = workbench.load("what is left of it", &stripped).await?;
    Ok((loaded, stripped))
}

/// Puts a file in its place at once: whoever reads it finds it whole.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = path.with_added_extension("new");
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}
