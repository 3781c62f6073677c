//! What a plugin is measured at: one input under one config.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use stepmill_core::RunId;
use stepmill_core::document::{Document, JSON, is_json};
use stepmill_core::grant::Grant;
use stepmill_core::invoke::Attempt;
use stepmill_core::limits::Limits;
use stepmill_sandbox::Loaded;

use crate::diagnostic::Source;

/// When the event of a measured attempt was accepted: some time, the same each time.
const ACCEPTED_MS: u64 = 1_700_000_000_000;

/// An input and a config.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    input: Arc<Document>,
    config: Value,
}

impl Work {
    /// Reads them from files; without, they are empty mappings.
    ///
    /// # Errors
    /// A file cannot be read, or is not what its name says.
    pub(crate) fn read(input: Option<&Path>, config: Option<&Path>) -> anyhow::Result<Self> {
        let input = match input {
            Some(path) => document(path)?,
            None => Document::json(&json!({})),
        };
        let config = match config {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("failed to read the config {}", path.display()))?;
                Source::new(path.to_string_lossy(), text).parse::<Value>()?
            }
            None => json!({}),
        };
        Ok(Self { input: Arc::new(input), config })
    }

    /// An attempt of a plugin at it.
    ///
    /// # Errors
    /// The plugin does not take the config.
    pub(super) fn attempt(&self, plugin: &Loaded) -> anyhow::Result<Attempt> {
        let name = plugin.manifest.name.as_str();
        let validator = jsonschema::options()
            .build(&plugin.manifest.config_schema)
            .with_context(|| format!("the config schema of {name} cannot be used"))?;
        if let Err(error) = validator.validate(&self.config) {
            bail!(
                "{name} does not take this config ({}: {error}): give one with --config",
                at(&error.instance_path().to_string())
            );
        }
        Ok(Attempt {
            digest: plugin.digest.as_str().into(),
            plugin: name.into(),
            workflow: "bench".into(),
            run: RunId::new(ACCEPTED_MS, [7; 10]),
            step: "bench".into(),
            number: 1,
            idempotency_key: "bench".into(),
            accepted_at_ms: ACCEPTED_MS,
            input: Arc::clone(&self.input),
            config: self.config.to_string().into(),
            limits: Limits::default(),
            grant: Arc::new(Grant { namespace: "bench".into(), ..Grant::default() }),
        })
    }
}

fn at(pointer: &str) -> &str {
    if pointer.is_empty() { "as a whole" } else { pointer }
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
