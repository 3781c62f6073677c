//! `stepmill.lock`: which component each plugin is, and what it may reach. It is written by `stepmill plugin lock`, meant to be
//! committed and reviewed, and never written by the service.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_core::manifest::Kind;

use crate::config::{is_digest, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};

/// Name of the lock file, beside `stepmill.yaml`.
pub const LOCK: &str = "stepmill.lock";
/// The version of its format.
const FORMAT: u32 = 1;
const HEAD: &str =
    "# What stepmill plugin lock has resolved and somebody has accepted. Commit it; do not edit it.\n";

/// What the lock file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of this file's format: 1.
    pub format: u32,
    /// The plugins, by the names that `stepmill.yaml` gives them.
    pub plugins: BTreeMap<String, Locked>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { format: FORMAT, plugins: BTreeMap::new() }
    }
}

/// One plugin as it was locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Where it comes from, as `stepmill.yaml` said.
    pub source: String,
    /// The component's digest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The digest of the manifest that the registry had under the tag; of plugins in registries only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// The component's size, in bytes.
    pub size: u64,
    /// The version that it gives itself.
    pub version: String,
    /// What kind of plugin it is.
    pub kind: Kind,
    /// What it can reach; somebody has accepted that.
    pub permissions: BTreeSet<String>,
    /// The key of `trust.keys` that had signed it, if one had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
}

impl Lock {
    /// Where the lock of a project is.
    pub fn file(root: &Path) -> PathBuf {
        root.join(LOCK)
    }

    /// Reads the lock of a project; an empty one if there is none.
    ///
    /// # Errors
    /// It is damaged.
    pub fn read(root: &Path) -> Result<Self, Diagnostics> {
        let file = Self::file(root);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(
                    Diagnostic::of_file(file, format!("the lock file cannot be read: {error}")).into()
                );
            }
        };
        let source = Source::new(file.to_string_lossy(), text);
        let help = "take it from version control again, or remove it and run `stepmill plugin lock`";
        let lock: Self = source.parse().map_err(|problems| {
            let mut found = Diagnostics::default();
            found.extend(problems.into_iter().map(|problem| match problem.help {
                Some(_) => problem,
                None => problem.help(help),
            }));
            found
        })?;
        if lock.format != FORMAT {
            let message =
                format!("the lock file has format {}, and this stepmill reads {FORMAT}", lock.format);
            let help = "use the stepmill that wrote it, or remove it and run `stepmill plugin lock`";
            return Err(source.error("/format", message).help(help).into());
        }
        let mut found = Diagnostics::default();
        for (name, locked) in &lock.plugins {
            let digests = [("digest", Some(&locked.digest)), ("manifest", locked.manifest.as_ref())];
            for (key, _) in digests.iter().filter(|(_, digest)| digest.is_some_and(|text| !is_digest(text))) {
                let at = pointer(&["plugins", name, key]);
                found.push(
                    source.error(&at, "this is no digest: sha256: and 64 hexadecimal digits").help(help),
                );
            }
        }
        found.or(lock).map(|(lock, _)| lock)
    }

    /// Its text: the same for the same content, so that a change shows what has changed.
    ///
    /// # Errors
    /// None that a lock can cause.
    pub fn text(&self) -> Result<String, serde_saphyr::ser_error::Error> {
        Ok(format!("{HEAD}{}", serde_saphyr::to_string(self)?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    #[test]
    fn what_is_written_is_read_and_reads_well() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::read(folder.path()).unwrap(), Lock::default());
        let plugin = |source: &str, manifest: bool, permissions: &[&str]| Locked {
            source: source.into(),
            digest: format!("sha256:{}", "a1".repeat(32)),
            manifest: manifest.then(|| format!("sha256:{}", "0".repeat(64))),
            size: 70_123,
            version: "1.10".into(),
            kind: Kind::Transform,
            permissions: permissions.iter().map(|&name| name.into()).collect(),
            signer: manifest.then(|| "acme".into()),
        };
        let mut lock = Lock::default();
        lock.plugins
            .insert("pricing".into(), plugin("oci://ghcr.io/acme/pricing:1.10", true, &["storage", "http"]));
        lock.plugins.insert("labels".into(), plugin("https://example.com/labels.wasm", false, &[]));
        let text = lock.text().unwrap();
        insta::assert_snapshot!(text);
        fs::write(Lock::file(folder.path()), text).unwrap();
        assert_eq!(Lock::read(folder.path()).unwrap(), lock);
    }

    #[test]
    fn a_damaged_lock_says_where_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let said = |text: &str| {
            fs::write(Lock::file(folder.path()), text).unwrap();
            let found = Lock::read(folder.path()).unwrap_err().to_string();
            found.replace(&folder.path().display().to_string(), "FOLDER")
        };
        let all = [
            "format: 2\nplugins: {}\n",
            "format: 1\nplugins: { pricing: { source: a, sauce: b } }\n",
            "<<<<<<< ours\nformat: 1\n",
            "format: 1\nplugins: { pricing: { source: a, digest: ../../b, size: 1, version: 1.0.0, kind: transform, permissions: [] } }\n",
        ];
        insta::assert_snapshot!(all.map(said).join("\n"));
    }
}
