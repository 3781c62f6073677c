//! `stepmill plugin inspect`.

use clap::Args;
use serde_json::Value;

use super::described;
use crate::author::Workbench;
use crate::author::found::Found;
use crate::cli::output::{self, Paint};
use crate::cli::{Connection, Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = "\
A component is asked what it is in the sandbox; no step is run. Files need no service.

Examples:
  stepmill plugin inspect rest
  stepmill plugin inspect target/wasm32-wasip2/release/pricing.wasm --json")]
pub(in crate::cli) struct InspectArguments {
    /// Name of a plugin of the running service or of a stock plugin, or a component's file (.wasm)
    #[arg(value_name = "NAME|FILE")]
    plugin: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl InspectArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let (plugin, warnings) = self.find().await?;
        if self.json {
            output::print_json(&plugin)?;
        } else {
            output::print(&described::whole(Paint::stdout(), &plugin))?;
        }
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        Ok(Exit::Done)
    }

    /// A file is inspected here; a name is the running service's plugin, else a stock one.
    async fn find(&self) -> Result<(Value, Vec<String>), Error> {
        if let Some(file) = Found::file(&self.plugin)? {
            return entry(file).await;
        }
        match (self.connection.client()?.plugin(&self.plugin).await, Found::stock(&self.plugin)) {
            (Ok(plugin), _) => Ok((plugin, Vec::new())),
            (Err(_), Some(stock)) => entry(stock).await,
            // Without the service nobody knows whether there is such a plugin.
            (Err(error), None) => Err(error.into()),
        }
    }
}

/// What there is to say of a component.
async fn entry(found: Found) -> Result<(Value, Vec<String>), Error> {
    let loaded = found.load(&Workbench::try_new()?).await?;
    let warnings = loaded.warnings.clone();
    Ok((found.entry(loaded).to_json(), warnings))
}
