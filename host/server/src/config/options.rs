//! A project's config as the options of the parts that it sets up.

use std::path::PathBuf;
use std::sync::Arc;

use stepmill_core::Clock;

use super::Project;

impl Project {
    /// The folder of the journal and of `addresses.json`.
    pub fn data_folder(&self) -> PathBuf {
        self.path(&self.config.server.data)
    }

    /// The folder of compiled plugins.
    pub fn compiled_folder(&self) -> PathBuf {
        match &self.config.server.compiled {
            Some(folder) => self.path(folder),
            None => self.data_folder().join("compiled"),
        }
    }

    /// How the journal is opened.
    pub fn journal_options(&self, clock: Arc<dyn Clock>) -> stepmill_journal::Options {
        stepmill_journal::Options {
            cache_bytes: self.config.journal.cache_bytes,
            clock,
            ..stepmill_journal::Options::new(self.data_folder().join("journal"))
        }
    }

    /// How the sandbox is built.
    pub fn sandbox_options(&self) -> stepmill_sandbox::Options {
        stepmill_sandbox::Options {
            max_concurrent: self.config.concurrency.attempts,
            cache_dir: Some(self.compiled_folder()),
            ..stepmill_sandbox::Options::default()
        }
    }
}
