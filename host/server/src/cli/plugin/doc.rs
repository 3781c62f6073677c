//! `stepmill plugin doc`.

use clap::Args;

use super::project::ProjectArguments;
use crate::author::found::Found;
use crate::author::{Workbench, doc};
use crate::cli::{Error, Exit, output};

#[derive(Debug, Args)]
#[command(after_help = super::help("\
The page follows from what the plugin says of itself alone, so that it can be committed, and compared in CI:
  stepmill plugin doc dist/order-totals.wasm | diff docs/order-totals.md -"))]
pub(in crate::cli) struct DocArguments {
    /// The plugin
    #[arg(value_name = "PATH|NAME")]
    plugin: String,
    #[command(flatten)]
    project: ProjectArguments,
}

impl DocArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let found = Found::at(&self.plugin, &self.project.config).await?;
        let loaded = found.load(&Workbench::try_new()?).await?;
        let entry = found.entry(loaded);
        output::print(&output::harmless(&doc::page(&entry.name, &entry.loaded)?))?;
        Ok(Exit::Done)
    }
}
