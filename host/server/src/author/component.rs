//! Where components and cases are in an author's folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

use super::build::DIST;
use super::found::NoComponent;

/// The folder of cases in a project.
pub(crate) const CASES: &str = "cases";

/// The component's file that a path means: the file itself, or what was built last in a project's folder.
///
/// # Errors
/// There is none.
pub(crate) fn file(path: &Path) -> Result<PathBuf, NoComponent> {
    if path.is_dir() {
        let newest = built(path).into_iter().max_by_key(|(at, _)| *at).map(|(_, path)| path);
        return newest.ok_or_else(|| NoComponent::Unbuilt(path.join(DIST)));
    }
    if path.exists() { Ok(path.to_owned()) } else { Err(NoComponent::Path(path.to_owned())) }
}

/// The components that were built in a project's folder.
fn built(folder: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = fs::read_dir(folder.join(DIST)).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let components = paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    components.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).collect()
}

/// The folder with the cases of a path: its own, or that of the project that the component was built in.
pub(crate) fn cases_folder(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.join(CASES);
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = absolute.ancestors().skip(1).map(|folder| folder.join(CASES)).find(|folder| folder.is_dir());
    found.unwrap_or_else(|| path.parent().unwrap_or(Path::new("")).join(CASES))
}

/// Reads a component.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read the component {}", path.display()))
}
