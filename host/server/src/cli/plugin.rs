//! `stepmill plugin`: what authors make, and what operators have installed.

mod backtest;
mod inspect;
mod list;
mod shadow;

use std::path::Path;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::Value;

use super::{Error, Exit, output};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the plugins of the running service.
    List(list::ListArguments),
    /// Shows what a plugin is: digest, size, permissions, JSON Schemas.
    Inspect(inspect::InspectArguments),
    /// Makes recorded attempts of a step again with another component, and shows what differs.
    Backtest(backtest::BacktestArguments),
    /// Shows what the candidates do otherwise that the running service tries beside plugins.
    Shadow(shadow::ShadowArguments),
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::List(arguments) => arguments.run().await,
            Self::Inspect(arguments) => arguments.run().await,
            Self::Backtest(arguments) => arguments.run().await,
            Self::Shadow(arguments) => arguments.run().await,
        }
    }
}

/// The file that a plugin is given by; none if it is given by its name.
fn file(plugin: &str) -> Option<&Path> {
    let path = Path::new(plugin);
    let is_file =
        path.extension().is_some_and(|extension| extension == "wasm") || path.components().count() > 1;
    is_file.then_some(path)
}

/// The component of a file.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("failed to read the component {}", file.display()))
}

fn text<'a>(plugin: &'a Value, key: &str) -> &'a str {
    plugin.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn size(plugin: &Value) -> String {
    output::bytes(plugin.get("size").and_then(Value::as_u64).unwrap_or_default())
}
