//! `stepmill serve`.

use std::path::Path;

use super::{Error, Exit, logging};
use crate::config::Project;
use crate::demo::interrupted;
use crate::service::Service;

pub(super) async fn run(config: &Path) -> Result<Exit, Error> {
    let project = Project::read(config)?;
    logging::init(&project.config.log);
    let service = Service::start(project).await?;
    let drained = service.run(async {
        interrupted().await;
        // Who asks twice does not want to wait for the drain; nothing that was accepted is lost by it.
        tokio::spawn(async {
            interrupted().await;
            tracing::warn!("asked twice to end: ending without a drain");
            std::process::exit(i32::from(Exit::Failed as u8));
        });
    });
    drained.await?;
    Ok(Exit::Done)
}
