//! A sandbox without a service around it.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use stepmill_core::bound::Bound;
use stepmill_core::clock::SystemClock;
use stepmill_core::{Clock, PluginStorage};
use stepmill_journal::LocalJournal;
use stepmill_sandbox::egress::Egress;
use stepmill_sandbox::{BuildError, Loaded, Options, Sandbox};

/// What is kept of compiled components for the next command: some twenty of JavaScript or Python, at 50 MiB each.
const BOUND: Bound = Bound { bytes: 1 << 30, entries: 64 };

/// A sandbox of its own: it reaches nothing, and keeps nothing but what it compiled.
pub(crate) struct Workbench {
    pub(crate) sandbox: Arc<Sandbox>,
}

impl Workbench {
    /// Starts its engine. What it compiles is kept in the user's cache folder, so that the next command need not
    /// compile it again.
    ///
    /// # Errors
    /// The machine does not let it, or others may write that folder.
    pub(crate) fn try_new() -> anyhow::Result<Self> {
        Self::kept(Options { pool: false, max_concurrent: 1, ..Options::default() })
    }

    /// The same with an engine as the service has it, to measure attempts.
    ///
    /// # Errors
    /// As [`Self::try_new`].
    pub(super) fn pooled() -> anyhow::Result<Self> {
        Self::kept(Options::default())
    }

    fn kept(options: Options) -> anyhow::Result<Self> {
        let cache_dir = compiled_folder(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"));
        match Self::with(Options { cache_dir, cache_bound: Some(BOUND), ..options.clone() }) {
            // A home that cannot be written is no reason not to work.
            Err(error) if is_unwritable(&error) => {
                tracing::warn!(error = %format!("{error:#}"), "what is compiled is not kept");
                Self::with(options)
            }
            made => made,
        }
    }

    /// With an engine of these options, whatever they keep.
    ///
    /// # Errors
    /// The machine does not let it, or the folder of compiled components cannot be made or is not safe.
    pub(super) fn with(options: Options) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let storage: Arc<dyn PluginStorage> = Arc::new(LocalJournal::memory(Arc::clone(&clock))?);
        let sandbox = Sandbox::try_new(options, Egress::try_new(Vec::new())?, storage, clock)?;
        Ok(Self { sandbox })
    }

    /// Loads a component; `name` is what an error calls it.
    ///
    /// # Errors
    /// It is none that this host runs; the causes say why.
    pub(crate) async fn load(&self, name: &str, bytes: &[u8]) -> anyhow::Result<Loaded> {
        self.sandbox.load(bytes).await.with_context(|| format!("failed to load {name}"))
    }
}

/// Where compiled components are kept (<https://specifications.freedesktop.org/basedir-spec/latest/>: a relative path
/// is to be ignored); none for a user without a home.
fn compiled_folder(cache_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let cache = cache_home.and_then(absolute);
    let cache = cache.or_else(|| Some(home.and_then(absolute)?.join(".cache")))?;
    Some(cache.join("stepmill").join("compiled"))
}

/// Whether the folder of compiled components could not be made or read. One that is not safe is another matter.
fn is_unwritable(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<BuildError>(), Some(BuildError::Cache { .. }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    #[test]
    fn compiled_components_are_kept_where_the_users_caches_are() {
        let folder = |cache_home: Option<&str>, home: Option<&str>| {
            compiled_folder(cache_home.map(Into::into), home.map(Into::into))
        };
        let kept = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folder(Some("/c"), Some("/home/ann")), kept("/c/stepmill/compiled"));
        for nothing in [None, Some(""), Some("relative")] {
            assert_eq!(folder(nothing, Some("/home/ann")), kept("/home/ann/.cache/stepmill/compiled"));
            assert_eq!(folder(nothing, nothing), None);
        }
    }

    #[test]
    fn a_cache_that_cannot_be_made_is_told_from_one_that_is_not_safe() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let keeping = |folder: PathBuf| {
            Workbench::with(Options { pool: false, cache_dir: Some(folder), ..Options::default() })
        };
        let unmade = keeping(file.join("compiled")).err().unwrap();
        assert!(is_unwritable(&unmade), "{unmade:#}");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        let unsafe_one = keeping(link).err().unwrap();
        assert!(!is_unwritable(&unsafe_one), "{unsafe_one:#}");
    }
}
