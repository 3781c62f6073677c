//! What a plugin is measured at: one input under one config, or a case.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use stepmill_core::RunId;
use stepmill_core::document::{Document, JSON, is_json};
use stepmill_sandbox::{Loaded, Sandbox};

use crate::author::cases::{self, Scene};
use crate::author::step::{Step, Try};
use crate::author::with::With;
use crate::diagnostic::Source;

/// When the event of a measured attempt was accepted: some time, the same each time.
const ACCEPTED_MS: u64 = 1_700_000_000_000;

/// What attempts are given.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// An input and a config, with nothing to reach.
    Plain {
        /// The input.
        input: Document,
        /// The config.
        with: With,
    },
    /// What a case file has, with its exchanges and its storage.
    Case(PathBuf),
}

impl Work {
    /// Reads an input from a file, and a config; without, they are empty mappings.
    ///
    /// # Errors
    /// A file cannot be read, or is not what its name says.
    pub(crate) fn read(input: Option<&Path>, with: Option<&str>) -> anyhow::Result<Self> {
        let input = match input {
            Some(path) => document(path)?,
            None => Document::json(&json!({})),
        };
        let with = match with {
            Some(given) => With::read(given)?,
            None => With { config: Source::new("without --with", "{}"), folder: PathBuf::from(".") },
        };
        Ok(Self::Plain { input, with })
    }

    /// A plugin's attempt at it.
    ///
    /// # Errors
    /// The plugin does not take the config, or does not pass the case.
    pub(super) async fn scene(&self, sandbox: &Sandbox, plugin: &Loaded) -> anyhow::Result<Scene> {
        match self {
            Self::Plain { input, with: With { config, folder } } => {
                let step = Step::of_config(plugin, config, folder, false)?;
                let run = RunId::new(ACCEPTED_MS, [7; 10]);
                Ok(Scene::alone(step, Try::first(run, ACCEPTED_MS, input.clone()))?)
            }
            Self::Case(file) => cases::passed(sandbox, plugin, file).await,
        }
    }
}

/// A file as a document: of the type that its name says, JSON where it says none.
fn document(path: &Path) -> anyhow::Result<Document> {
    let bytes =
        std::fs::read(path).with_context(|| format!("failed to read the input {}", path.display()))?;
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("json");
    let media_type = match extension {
        "json" => JSON,
        "csv" => "text/csv",
        "txt" => "text/plain",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    };
    let document = Document::from_bytes(media_type, bytes);
    if is_json(media_type) {
        document.to_json().with_context(|| format!("the input {} is not JSON", path.display()))?;
    }
    Ok(document)
}
