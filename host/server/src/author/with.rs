//! A step's config (its `with`) as the command line gives it.

use std::path::{Path, PathBuf};

use crate::config::read_source;
use crate::diagnostic::{Diagnostics, Source};

/// A config that was given.
#[derive(Clone, Debug)]
pub(crate) struct With {
    /// Its text, to point into.
    pub(crate) config: Source,
    /// What the files that it names are relative to.
    pub(crate) folder: PathBuf,
}

impl With {
    /// A mapping in braces as it stands; else the YAML or JSON file of this name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(given: &str) -> Result<Self, Diagnostics> {
        if given.trim_start().starts_with('{') {
            return Ok(Self { config: Source::new("--with", given), folder: PathBuf::from(".") });
        }
        let file = Path::new(given);
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { config: read_source(file)?, folder: folder.to_owned() })
    }
}
