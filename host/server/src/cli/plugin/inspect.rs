//! `stepmill plugin inspect`.

use clap::Args;
use serde_json::Value;

use super::described;
use crate::author::Workbench;
use crate::author::found::{Found, Given};
use crate::cli::client::ClientError;
use crate::cli::output::{self, Paint};
use crate::cli::{Connection, Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = super::help("\
A name is looked up in the running service, if there is one. A component is asked what it is in the sandbox; no step is \
run.

Examples:
  stepmill plugin inspect rest
  stepmill plugin inspect target/wasm32-wasip2/release/pricing.wasm --json"))]
pub(in crate::cli) struct InspectArguments {
    /// The plugin
    #[arg(value_name = "PATH|NAME")]
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

    /// What a name means, the running service knows best; where none was named, it need not run.
    async fn find(&self) -> Result<(Value, Vec<String>), Error> {
        if let Given::Name(name) = Given::of(&self.plugin) {
            match self.connection.client()?.plugin(name).await {
                Ok(plugin) => return Ok((plugin, Vec::new())),
                Err(ClientError::Unreachable { .. }) if !self.connection.is_named() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let found = Found::at(&self.plugin, &self.connection.config).await?;
        let loaded = found.load(&Workbench::try_new()?).await?;
        let warnings = loaded.warnings.clone();
        Ok((found.entry(loaded).to_json(), warnings))
    }
}
