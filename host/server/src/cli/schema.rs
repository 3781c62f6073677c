//! `stepmill schema`.

use clap::ValueEnum;

use super::{Error, Exit, output};
use crate::author::cases;
use crate::config;

/// Which file a schema is of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Of {
    /// stepmill.yaml
    Service,
    /// workflows/*.yaml
    Workflow,
    /// cases/*.case.yaml of a plugin that is a step
    Case,
    /// cases/*.case.yaml of a plugin that verifies webhooks
    VerifyCase,
}

pub(super) fn run(of: Of) -> Result<Exit, Error> {
    output::print_json(&match of {
        Of::Service => config::config_schema(),
        Of::Workflow => config::workflow_schema(),
        Of::Case => config::schema::<cases::Definition>(),
        Of::VerifyCase => config::schema::<cases::VerifyDefinition>(),
    })?;
    Ok(Exit::Done)
}
