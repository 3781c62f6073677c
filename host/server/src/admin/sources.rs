//! Sources: what becomes of what they are sent, and what they hold.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepmill_core::RunId;

use super::runs::SOMEBODY;
use super::{Admin, Error, read};
use crate::catalog::Route;
use crate::sources::Mode;

/// Held runs that are counted: more are told as so many.
const COUNTED: usize = 1_000;

/// A source as the API shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    path: String,
    /// The workflow that it begins runs of.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<String>,
    /// The event that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// The scheme by which its sender proves itself.
    scheme: &'static str,
    mode: Mode,
    /// How many runs it holds; 1,000 stands for more, too.
    held: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    path: String,
    mode: Mode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    path: String,
    /// Which runs; all that it holds unless given.
    runs: Option<Vec<RunId>>,
    by: Option<String>,
}

pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Result<Json<Vec<Shown>>, Error> {
    let catalog = admin.live.catalog();
    let mut routes: Vec<_> = catalog.by_path.iter().collect();
    routes.sort_by_key(|(path, _)| *path);
    let mut shown = Vec::new();
    for (path, route) in routes {
        let (workflow, event, webhook) = match route {
            Route::Workflow(of) => (Some(of.plan.name.to_string()), None, of.plan.webhook.as_ref()),
            Route::Event(of) => (None, Some(of.plan.name.to_string()), of.plan.webhook.as_ref()),
        };
        let Some(webhook) = webhook else { continue };
        let held = match &workflow {
            Some(workflow) => admin.sources.held(workflow, COUNTED).await?.len(),
            None => 0,
        };
        let (mode, scheme) = (admin.sources.mode(path).await, webhook.verify.scheme());
        shown.push(Shown { path: path.clone(), workflow, event, scheme, mode, held });
    }
    Ok(Json(shown))
}

/// Sets the mode of a source.
pub(super) async fn set(State(admin): State<Arc<Admin>>, body: Bytes) -> Result<Json<Vec<Shown>>, Error> {
    let Set { path, mode } = read(&body)?;
    let is_event = match admin.live.catalog().by_path.get(&path) {
        Some(Route::Event(_)) => true,
        Some(Route::Workflow(_)) => false,
        None => return Err(Error::NoSuchSource(path)),
    };
    if mode == Mode::Resuming {
        return Err(Error::InvalidRequest("give open, paused, capture or blocked".into()));
    }
    if is_event && mode.holds() {
        return Err(Error::InvalidRequest(format!(
            "{path} is the source of an event, and can be open or blocked: runs wait for what it is sent, and their \
             time would run out while it is held; for those that will wait it is kept anyway (`keep`)"
        )));
    }
    let mode = admin.sources.set(&path, mode).await?;
    tracing::info!(path, mode = mode.as_str(), "a source's mode was set");
    list(State(admin)).await
}

/// Lets runs begin that a source holds.
pub(super) async fn replay(State(admin): State<Arc<Admin>>, body: Bytes) -> Result<Json<Value>, Error> {
    let Replay { path, runs, by } = read(&body)?;
    let by = by.unwrap_or_else(|| SOMEBODY.into());
    let workflow = match admin.live.catalog().by_path.get(&path) {
        Some(Route::Workflow(of)) => of.plan.name.to_string(),
        Some(Route::Event(_)) | None => return Err(Error::NoSuchSource(path)),
    };
    let released = match runs {
        Some(runs) => {
            for run in &runs {
                let state = admin.journal.state(*run).await?;
                if state.workflow != workflow || !state.phase.is_held() {
                    return Err(Error::Illegal(format!(
                        "{path} does not hold {run}, which is {}",
                        state.phase.name().as_str()
                    )));
                }
            }
            admin.sources.release(runs, &by).await?
        }
        None => admin.sources.release_all(&workflow, &by).await?,
    };
    Ok(Json(json!({ "released": released })))
}
