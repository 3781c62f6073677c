//! The component that an author's command is about.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, bail};

use super::build::DIST;
use crate::config::Project;
use crate::{distribution, stock};

/// The component of a project's folder, or the one that is named itself.
///
/// # Errors
/// There is none.
pub(crate) fn find(target: &Path) -> anyhow::Result<PathBuf> {
    if target.is_dir() {
        return of_project(target);
    }
    if target.extension().is_some_and(|extension| extension == "wasm") {
        return Ok(target.to_owned());
    }
    bail!("{} is neither a project's folder nor a component's file (.wasm)", target.display())
}

/// The component that was built last in a project's folder.
fn of_project(folder: &Path) -> anyhow::Result<PathBuf> {
    let newest = built(folder).into_iter().max_by_key(|(at, _)| *at).map(|(_, path)| path);
    newest.with_context(|| {
        let place = folder.join(DIST);
        format!(
            "there is no component in {}: build the plugin first, or name its .wasm file",
            place.display()
        )
    })
}

fn built(folder: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = fs::read_dir(folder.join(DIST)).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let components = paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    components.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).collect()
}

/// The file that a plugin is given by; none if it is given by its name.
pub(crate) fn file(given: &str) -> Option<&Path> {
    let path = Path::new(given);
    let is_file =
        path.extension().is_some_and(|extension| extension == "wasm") || path.components().count() > 1;
    is_file.then_some(path)
}

/// The component that is given by its file, or by the name of a plugin of the project or of a stock one; none if there
/// is no such name.
///
/// # Errors
/// The file cannot be read, or the project's plugin cannot be had.
pub(crate) async fn of(given: &str, project: Option<&Project>) -> anyhow::Result<Option<Vec<u8>>> {
    if let Some(path) = file(given) {
        return read(path).map(Some);
    }
    let configured = project.and_then(|project| Some((project, project.config.plugins.get(given)?)));
    match configured {
        Some((project, plugin)) => Ok(Some(distribution::configured(project, given, plugin).await?)),
        None => Ok(stock::find(given).map(|stock| stock.component.to_vec())),
    }
}

/// The folder with the cases of a target: its own, or that of the project that the component was built in.
pub(crate) fn cases_folder(target: &Path) -> PathBuf {
    const CASES: &str = "cases";
    if target.is_dir() {
        return target.join(CASES);
    }
    let absolute = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
    let found = absolute.ancestors().skip(1).map(|folder| folder.join(CASES)).find(|folder| folder.is_dir());
    found.unwrap_or_else(|| target.parent().unwrap_or(Path::new("")).join(CASES))
}

/// Reads a component.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read the component {}", path.display()))
}
