//! What a project's tools have installed, and from what, so that a change of it is installed too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

/// A mark in the folder of what is installed: the digest of the files that say what is to be.
pub(super) struct Stamp {
    file: PathBuf,
    digest: String,
}

impl Stamp {
    /// Of these files of a project as they are now; one that is not there counts as empty. `installed` is the folder.
    pub(super) fn of(project: &Path, files: &[&str], installed: &str) -> Self {
        let mut digest = Sha256::new();
        for name in files {
            let content = fs::read(project.join(name)).unwrap_or_default();
            digest.update(content.len().to_le_bytes());
            digest.update(content);
        }
        Self {
            file: project.join(installed).join(".stepmill-installed"),
            digest: hex::encode(digest.finalize()),
        }
    }

    /// Whether that is installed.
    pub(super) fn is_there(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|digest| digest == self.digest)
    }

    /// That it is.
    pub(super) fn set(&self) -> anyhow::Result<()> {
        fs::write(&self.file, &self.digest)
            .with_context(|| format!("failed to write {}", self.file.display()))
    }
}
