//! The command line. Commands that are about a running service use its admin API; they print tables on
//! a terminal, plain columns elsewhere, and JSON with `--json`.

mod backup;
mod check;
pub mod client;
mod connect;
mod dead;
mod draft;
mod events;
mod exit;
mod journal;
mod logging;
mod new;
pub(crate) mod output;
mod plugin;
mod reload;
mod runs;
mod schedules;
mod schema;
mod serve;
mod sources;
mod stopped;
mod versions;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::demo;

pub use connect::Connection;
pub use exit::{Error, Exit};

/// Runs integration workflows whose steps are sandboxed WebAssembly components.
///
/// Webhooks and schedules start runs; a sender reads 2xx only once its event is on disk, and whatever was
/// accepted comes to its end or waits for a person as a dead letter.
#[derive(Debug, Parser)]
#[command(name = "stepmill", version, after_help = exit::HELP, after_long_help = long_help(), max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  stepmill demo                              the whole story in a minute, with a kill -9
  stepmill new my-orders                     a project to begin with
  stepmill check my-orders                   finds without running what a deploy would hit
  stepmill serve --config my-orders
  stepmill dead redrive run_… --payload mended.json

Environment:
  RUST_LOG                what the service logs, in place of log.level
  NO_COLOR                no colours, whatever its value
  STEPMILL_CONFIG         stepmill.yaml or its folder
  STEPMILL_ADMIN          base URL of the admin API
  STEPMILL_ADMIN_TOKEN    its token";

fn long_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit::HELP)
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a project until SIGTERM or Ctrl-C, then drains.
    #[command(
        after_help = "Listeners' addresses are logged, and written to addresses.json in the data folder."
    )]
    Serve {
        /// The project: stepmill.yaml or its folder
        #[arg(long, short, value_name = "PATH", default_value = ".", env = "STEPMILL_CONFIG")]
        config: PathBuf,
        /// Reload whenever a file changes that the service was started from
        #[arg(long)]
        watch: bool,
    },
    /// Puts what is on disk in force, without a restart: config, workflows, plugins.
    Reload(reload::Arguments),
    /// Versions of workflows: those that runs begin under, and those that runs are still to end under.
    Versions(versions::Arguments),
    /// Finds without running what a deploy would hit: config, workflows, plugins, secrets, ports, systems.
    Check(check::Arguments),
    /// Makes a folder with a project to begin with: the example order-to-cash.
    New {
        /// The folder; it must not exist or be empty
        folder: PathBuf,
    },
    /// Serves the example order-to-cash against simulated applications, with failures and a kill -9, and
    /// accounts for every order.
    Demo(DemoArguments),
    /// Runs: what they do, did, and wait for.
    #[command(subcommand)]
    Runs(runs::Command),
    /// Dead letters: runs that failed for good and wait for a person.
    #[command(subcommand)]
    Dead(dead::Command),
    /// Schedules: when they fire, and pauses.
    #[command(subcommand)]
    Schedules(schedules::Command),
    /// Sources: the paths that senders POST to, and what becomes of what they are sent.
    #[command(subcommand)]
    Sources(sources::Command),
    /// Events: what runs wait for.
    #[command(subcommand)]
    Events(events::Command),
    /// Plugins: what they are, what they can reach, what they are configured with.
    #[command(subcommand, visible_alias = "plugins")]
    Plugin(plugin::Command),
    /// Prints the JSON Schema of a file, for editors.
    #[command(
        after_help = "Example, for the YAML language server: stepmill schema workflow > .stepmill-workflow.json"
    )]
    Schema {
        /// Of which file
        #[arg(value_enum, default_value = "service")]
        of: schema::Of,
    },
    /// Writes a backup of the journal, while the service runs or is stopped.
    Backup(backup::Backup),
    /// Makes a new data folder of a backup.
    Restore(backup::Restore),
    /// Carries a journal over, while the service is stopped: to move it, and to give back space.
    #[command(subcommand)]
    Journal(journal::Command),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Fails unless everything adds up: every order that was answered 2xx is in the ERP once, is a dead letter \
because it makes no sense, or found nothing in stock.

Example:
  stepmill demo --orders 10000 --seconds 60 --keep")]
struct DemoArguments {
    /// How many orders the shop sends
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    orders: u64,
    /// How long the shop takes over them
    #[arg(long, value_name = "S", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Leave all running afterwards, until Ctrl-C, and leave the folder
    #[arg(long)]
    keep: bool,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever kept the command from it, with the exit code that says what kind of thing it was.
    pub fn run(self) -> Result<Exit, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(self.command.run());
        // What still waits for standard input or a name server must not keep the process.
        runtime.shutdown_timeout(Duration::from_secs(1));
        result
    }
}

impl Command {
    async fn run(self) -> Result<Exit, Error> {
        match &self {
            Self::Serve { .. } => {}
            Self::Check(_)
            | Self::Reload(_)
            | Self::Versions(_)
            | Self::New { .. }
            | Self::Demo(_)
            | Self::Runs(_)
            | Self::Dead(_)
            | Self::Schedules(_)
            | Self::Sources(_)
            | Self::Events(_)
            | Self::Plugin(_)
            | Self::Schema { .. }
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Journal(_) => logging::init_quiet(),
        }
        match self {
            Self::Serve { config, watch } => serve::run(&config, watch).await,
            Self::Reload(arguments) => reload::run(arguments).await,
            Self::Versions(arguments) => versions::run(arguments).await,
            Self::Check(arguments) => check::run(&arguments).await,
            Self::New { folder } => new::run(&folder),
            Self::Demo(arguments) => arguments.run().await,
            Self::Runs(command) => command.run().await,
            Self::Dead(command) => command.run().await,
            Self::Schedules(command) => command.run().await,
            Self::Sources(command) => command.run().await,
            Self::Events(command) => command.run().await,
            Self::Plugin(command) => command.run().await,
            Self::Schema { of } => schema::run(of),
            Self::Backup(arguments) => arguments.run().await,
            Self::Restore(arguments) => arguments.run().await,
            Self::Journal(command) => command.run().await,
        }
    }
}

impl DemoArguments {
    async fn run(self) -> Result<Exit, Error> {
        let options = demo::Options {
            orders: self.orders,
            period: Duration::from_secs(self.seconds),
            keep: self.keep,
            json: self.json,
        };
        if demo::run(&options).await? {
            Ok(Exit::Done)
        } else {
            Err(Error::new(Exit::Failed, "the counts do not add up"))
        }
    }
}

/// Who asks for something, as the journal keeps it.
fn whoami() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    user.filter(|user| !user.is_empty())
        .map_or_else(|| "command line".into(), |user| format!("{user} (command line)"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
