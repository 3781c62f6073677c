//! `stepmill plugin`: what authors make, and what operators have installed.

mod inspect;
mod list;
mod run;
mod system;
mod test;

use clap::Subcommand;
use serde_json::Value;

use super::{Error, Exit, output};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the plugins of the running service.
    List(list::ListArguments),
    /// Shows what a plugin is: digest, size, permissions, JSON Schemas.
    Inspect(inspect::InspectArguments),
    /// Runs the cases of a plugin: what its steps do with a config, an input and recorded exchanges.
    Test(test::TestArguments),
    /// Calls a plugin once, as a step would.
    Run(run::RunArguments),
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::List(arguments) => arguments.run().await,
            Self::Inspect(arguments) => arguments.run().await,
            Self::Test(arguments) => arguments.run().await,
            Self::Run(arguments) => arguments.run().await,
        }
    }
}

fn text<'a>(plugin: &'a Value, key: &str) -> &'a str {
    plugin.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn size(plugin: &Value) -> String {
    output::bytes(plugin.get("size").and_then(Value::as_u64).unwrap_or_default())
}
