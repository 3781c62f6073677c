//! The journal of a project that no service has.

use std::sync::Arc;

use anyhow::Context as _;
use stepmill_core::clock::SystemClock;
use stepmill_journal::{LocalJournal, OpenError, Options};
use tokio::task::spawn_blocking;

use super::{Connection, Error};
use crate::config::Project;

/// The project and its journal, if no service has it. What a service wrote down of itself may be of one that runs no
/// more; the lock tells. None also if another service is meant, or there is no project here.
///
/// # Errors
/// There is a journal, and it does not open.
pub(super) async fn journal(service: &Connection) -> Result<Option<(Project, LocalJournal)>, Error> {
    if service.is_named() {
        return Ok(None);
    }
    let Ok(project) = Project::read(&service.config) else { return Ok(None) };
    let options = project.journal_options(Arc::new(SystemClock));
    if !options.path.exists() {
        return Ok(None);
    }
    match open(options).await? {
        Ok(journal) => Ok(Some((project, journal))),
        Err(OpenError::InUse { .. }) => Ok(None),
        Err(error) => Err(anyhow::Error::from(error).into()),
    }
}

/// Opens a journal off the runtime.
pub(super) async fn open(options: Options) -> Result<Result<LocalJournal, OpenError>, Error> {
    Ok(spawn_blocking(move || LocalJournal::open(&options)).await.context("the journal broke down")?)
}
