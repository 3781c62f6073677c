//! `stepmill serve`.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;

use super::{Error, Exit, logging};
use crate::config::Project;
use crate::demo::interrupted;
use crate::service::Service;

pub(super) async fn run(config: &Path, watch: bool) -> Result<Exit, Error> {
    let project = Project::read(config)?;
    logging::init(&project.config.log);
    crate::listener::raise_file_limit();
    let mut service = Service::start(project).await?;
    if watch {
        service.watch();
    }
    reload_when_hung_up(service.reload_asked())?;
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

/// SIGHUP asks for a reload, as is usual for services.
#[cfg(unix)]
fn reload_when_hung_up(asked: Arc<Notify>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hung_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hung_up.recv().await.is_some() {
            asked.notify_one();
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn reload_when_hung_up(_: Arc<Notify>) -> std::io::Result<()> {
    Ok(())
}
