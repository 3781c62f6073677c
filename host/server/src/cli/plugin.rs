//! `stepmill plugin`: what authors make, and what operators have installed.

mod access;
mod inspect;
mod list;
mod lock;
mod pull;
mod push;
mod sign;
mod verify;

use clap::Subcommand;
use serde_json::Value;

use super::{Error, Exit, output};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the plugins of the running service.
    List(list::ListArguments),
    /// Shows what a plugin is: digest, size, permissions, JSON Schemas.
    Inspect(inspect::InspectArguments),
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
