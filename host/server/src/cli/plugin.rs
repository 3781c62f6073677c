//! `stepmill plugin`: what authors make, and what operators have installed.

mod inspect;
mod list;

use clap::Subcommand;
use serde_json::Value;

use super::{Error, Exit, output};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the plugins of the running service.
    List(list::ListArguments),
    /// Shows what a plugin is: digest, size, permissions, JSON Schemas.
    Inspect(inspect::InspectArguments),
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::List(arguments) => arguments.run().await,
            Self::Inspect(arguments) => arguments.run().await,
        }
    }
}

fn text<'a>(plugin: &'a Value, key: &str) -> &'a str {
    plugin.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn size(plugin: &Value) -> String {
    output::bytes(plugin.get("size").and_then(Value::as_u64).unwrap_or_default())
}
