//! The project whose plugins and systems a command means.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(super) struct ProjectArguments {
    /// The project: stepmill.yaml or its folder
    #[arg(long, short, value_name = "PATH", default_value = ".", env = "STEPMILL_CONFIG")]
    pub(super) config: PathBuf,
}
