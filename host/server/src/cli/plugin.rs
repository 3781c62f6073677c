//! `stepmill plugin`: what authors make, and what operators have installed.

mod access;
mod backtest;
mod bench;
mod build;
mod described;
mod diff;
mod doc;
mod inspect;
mod list;
mod lock;
mod new;
mod project;
mod pull;
mod push;
mod run;
mod shadow;
mod sign;
mod system;
mod test;
mod verify;

use clap::Subcommand;
use serde_json::Value;

use super::{Error, Exit, output};
use crate::author::found;

/// The end of the help of a command that a plugin is given.
fn help(rest: &str) -> String {
    format!("{}\n\n{rest}", found::HELP)
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the plugins of the running service.
    List(list::ListArguments),
    /// Shows what a plugin is: digest, size, permissions, JSON Schemas.
    Inspect(inspect::InspectArguments),
    /// Makes a folder with a project to begin a plugin with, in Rust, JavaScript or Python.
    New(new::NewArguments),
    /// Builds a plugin's project with its language's own tools, and shows what came of it.
    Build(build::BuildArguments),
    /// Compares two versions of a plugin: permissions, JSON Schemas, size, speed.
    Diff(diff::DiffArguments),
    /// Measures what attempts of a plugin cost.
    Bench(bench::BenchArguments),
    /// Writes a plugin's page, in Markdown.
    Doc(doc::DocArguments),
    /// Runs the cases of a plugin: what its steps do with a config, an input and recorded exchanges.
    Test(test::TestArguments),
    /// Calls a plugin once, as a step would.
    Run(run::RunArguments),
    /// Makes recorded attempts of a step again with another component, and shows what differs.
    Backtest(backtest::BacktestArguments),
    /// Shows what the candidates do otherwise that the running service tries beside plugins.
    Shadow(shadow::ShadowArguments),
    /// Writes into stepmill.lock which component each plugin is, and what it may reach.
    Lock(lock::LockArguments),
    /// Puts a component into an OCI registry.
    Push(push::PushArguments),
    /// Gets a component from an OCI registry or an address.
    Pull(pull::PullArguments),
    /// Signs a component's file.
    Sign(sign::SignArguments),
    /// Tells whether somebody has signed a component.
    Verify(verify::VerifyArguments),
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::List(arguments) => arguments.run().await,
            Self::Inspect(arguments) => arguments.run().await,
            Self::New(arguments) => arguments.run(),
            Self::Build(arguments) => arguments.run().await,
            Self::Diff(arguments) => arguments.run().await,
            Self::Bench(arguments) => arguments.run().await,
            Self::Doc(arguments) => arguments.run().await,
            Self::Test(arguments) => arguments.run().await,
            Self::Run(arguments) => arguments.run().await,
            Self::Backtest(arguments) => arguments.run().await,
            Self::Shadow(arguments) => arguments.run().await,
            Self::Lock(arguments) => arguments.run().await,
            Self::Push(arguments) => arguments.run().await,
            Self::Pull(arguments) => arguments.run().await,
            Self::Sign(arguments) => arguments.run(),
            Self::Verify(arguments) => arguments.run().await,
        }
    }
}

fn text<'a>(plugin: &'a Value, key: &str) -> &'a str {
    plugin.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn size(plugin: &Value) -> String {
    output::bytes(plugin.get("size").and_then(Value::as_u64).unwrap_or_default())
}
