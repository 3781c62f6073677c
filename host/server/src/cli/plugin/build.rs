//! `stepmill plugin build`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::described;
use crate::author::build;
use crate::catalog::{PluginEntry, PluginSource};
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = "\
Runs, and says so: cargo build for a Cargo.toml, `npm run build` for a package.json, `python -m stepmill.build` for a \
pyproject.toml. What they make is loaded once, freed of debug information and put to dist/NAME.wasm.

Example:
  stepmill plugin build order-totals")]
pub(in crate::cli) struct BuildArguments {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl BuildArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let build::Built { path, loaded, warnings } = build::build(&self.folder).await?;
        let entry = PluginEntry {
            name: loaded.manifest.name.clone(),
            source: PluginSource::File(path.clone()),
            loaded,
        };
        let mut plugin = entry.to_json();
        if self.json {
            if let Some(plugin) = plugin.as_object_mut() {
                plugin.insert("warnings".into(), json!(warnings));
            }
            output::print_json(&plugin)?;
            return Ok(Exit::Done);
        }
        let paint = Paint::stdout();
        let built = paint.text(Tone::Good, path.display().to_string());
        output::print(&format!("{built}\n\n{}", described::summary(paint, &plugin)))?;
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        Ok(Exit::Done)
    }
}
