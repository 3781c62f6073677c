//! Which system an author's command talks to.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use stepmill_sandbox::egress::{Credentials, System};

use crate::catalog;
use crate::cli::{Error, Exit};
use crate::config::Project;

/// Requests on their way at once.
const CONCURRENCY: usize = 16;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the head of a response may take.
const FIRST_BYTE: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(super) struct SystemArguments {
    /// The system that paths go to, without credentials
    #[arg(long, value_name = "URL", conflicts_with = "system")]
    system_url: Option<String>,
    /// The system that paths go to, by its name in a project: with its credentials, which the plugin never sees
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
}

impl SystemArguments {
    /// The system, if one is named, of the project of this config.
    pub(super) fn system(&self, config: &Path) -> Result<Option<System>, Error> {
        if let Some(url) = &self.system_url {
            let base_url = catalog::base_url(url)
                .map_err(|problem| Error::new(Exit::Usage, format!("--system-url: {problem}")))?;
            return Ok(Some(System {
                name: url.clone(),
                base_url,
                credentials: Credentials::None,
                concurrency: CONCURRENCY,
                connect_timeout: CONNECT,
                first_byte_timeout: FIRST_BYTE,
                ca_pem: None,
            }));
        }
        let Some(name) = &self.system else { return Ok(None) };
        Ok(Some(catalog::system(&Project::without_workflows(config)?, name)?))
    }
}
