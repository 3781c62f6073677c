//! `stepmill events`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output;
use super::runs::read_payload;
use super::{Connection, Error, Exit};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Gives an event to runs that wait for it, and starts the workflows that begin with it.
    Publish(PublishArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stepmill events publish shipment --key SO-17 --payload shipment.json")]
pub(super) struct PublishArguments {
    /// Name of the event, as in `events` of stepmill.yaml
    event: String,
    /// Its key; what the event's own expression gives unless given
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// File with the JSON payload; - for standard input
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Command {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        match self {
            Self::Publish(arguments) => arguments.run().await,
        }
    }
}

impl PublishArguments {
    async fn run(self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let payload = match &self.payload {
            Some(path) => read_payload(path)?,
            None => b"null".to_vec(),
        };
        let published = client.publish(&self.event, self.key.as_deref(), payload).await?;
        output::print_json(&published)?;
        Ok(Exit::Done)
    }
}
