//! What kind of project a folder is, and what its tools have made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use anyhow::{Context as _, bail};

use crate::author::kit::Language;

/// The file by which a language's project is known.
const FILES: [(&str, Language); 3] =
    [("Cargo.toml", Language::Rust), ("package.json", Language::Js), ("pyproject.toml", Language::Python)];

/// The language of the project in a folder.
///
/// # Errors
/// There is no project, or there are several.
pub(super) fn language(folder: &Path) -> anyhow::Result<Language> {
    if !folder.is_dir() {
        bail!("there is no folder {}", folder.display());
    }
    let found: Vec<_> = FILES.into_iter().filter(|(file, _)| folder.join(file).is_file()).collect();
    match found.as_slice() {
        [(_, language)] => Ok(*language),
        [] => bail!(
            "{} is no plugin's project: it has no Cargo.toml, package.json or pyproject.toml; \
             `stepmill plugin new NAME` makes one",
            folder.display()
        ),
        [(one, _), (other, _), ..] => bail!(
            "{} has {one} and {other}: a plugin is written in one language, so keep each in a folder of its own",
            folder.display()
        ),
    }
}

/// The components in a project's `dist`, to tell the one that a tool makes.
pub(super) struct Dist {
    folder: PathBuf,
    before: BTreeMap<PathBuf, SystemTime>,
}

impl Dist {
    /// As it is now.
    pub(super) fn before(project: &Path) -> anyhow::Result<Self> {
        let folder = project.join(super::DIST);
        Ok(Self { before: components(&folder)?, folder })
    }

    /// The component that `tool` has made since.
    pub(super) fn made(self, tool: &str) -> anyhow::Result<PathBuf> {
        let Self { folder, before } = self;
        let now = components(&folder)?;
        let new: Vec<_> = now.iter().filter(|(path, time)| before.get(*path) != Some(*time)).collect();
        match new.as_slice() {
            [(path, _)] => Ok((*path).clone()),
            [] => bail!("{tool} has written no component into {}", folder.display()),
            [..] => bail!(
                "{tool} has written {} components into {}: a project makes one",
                new.len(),
                folder.display()
            ),
        }
    }
}

/// The components in a folder, with when each was written.
fn components(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, SystemTime>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.with_context(|| format!("failed to read {}", folder.display()))?,
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "wasm") {
            found.insert(entry.path(), entry.metadata()?.modified()?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_known_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let said = |language: anyhow::Result<Language>| {
            let text = language.unwrap_err().to_string();
            text.replace(&folder.path().display().to_string(), "FOLDER")
        };
        assert_eq!(
            said(language(folder.path())),
            "FOLDER is no plugin's project: it has no Cargo.toml, package.json or pyproject.toml; \
             `stepmill plugin new NAME` makes one"
        );
        fs::write(folder.path().join("package.json"), "{}").unwrap();
        assert_eq!(language(folder.path()).unwrap(), Language::Js);
        fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(
            said(language(folder.path())),
            "FOLDER has Cargo.toml and package.json: a plugin is written in one language, so keep each in a folder of \
             its own"
        );
        assert_eq!(said(language(&folder.path().join("gone"))), "there is no folder FOLDER/gone");
    }
}
