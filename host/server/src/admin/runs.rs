//! Runs: list, show, start by hand, redrive, cancel, decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepmill_core::RunId;
use stepmill_core::document::{self, Document};
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Filter, PhaseName};
use stepmill_core::run::{Decision, Entry, Phase, Stand, State as RunState, What, root};

use super::{Admin, Error, read};
use crate::cancel;
use crate::metrics;

/// Runs of one page unless the caller says otherwise, and at most.
const PAGE: (usize, usize) = (50, 500);
/// Who is named where a caller does not say.
pub(super) const SOMEBODY: &str = "admin api";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    workflow: Option<String>,
    phase: Option<PhaseName>,
    cursor: Option<RunId>,
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct List {
    runs: Vec<RunState>,
    cursor: Option<RunId>,
}

#[derive(Serialize)]
pub(super) struct Shown {
    state: RunState,
    entries: Vec<Entry>,
    /// By which people decide what its steps wait for, by the steps' ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    links: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Redrive {
    from_start: bool,
    document: Option<Document>,
    /// `current` unless given, `same`, or the beginning of a version's id.
    version: Option<String>,
    by: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Cancel {
    by: Option<String>,
    undo: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    step: String,
    approved: bool,
    by: Option<String>,
    comment: Option<String>,
}

pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List>, Error> {
    let limit = query.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let filter = Filter { workflow: query.workflow, phase: query.phase };
    let page = admin.journal.query(&filter, query.cursor, limit).await?;
    Ok(Json(List { runs: page.runs, cursor: page.cursor }))
}

pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Error> {
    let (state, entries) = admin.journal.read(parse(id)?).await?;
    let links = links(&admin, &state);
    Ok(Json(Shown { state, entries, links }))
}

fn links(admin: &Admin, state: &RunState) -> BTreeMap<String, String> {
    let catalog = admin.live.catalog();
    let Some(links) = catalog.links.as_ref().filter(|_| !state.phase.has_ended()) else {
        return BTreeMap::new();
    };
    let asks = state.steps.iter().filter(|(_, progress)| matches!(progress.stand, Stand::Undecided { .. }));
    asks.map(|(step, _)| (step.clone(), links.url(state.run, step))).collect()
}

pub(super) async fn start(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Error> {
    let catalog = admin.live.catalog();
    let deployed = catalog.plans.get(&name).ok_or_else(|| Error::NoSuchWorkflow(name.clone()))?;
    json_payload(&body)?;
    let at_ms = admin.clock.now_ms();
    let event = Event {
        trigger: Trigger::Manual,
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        document: Document::from_bytes(document::JSON, body.into()),
        raw: None,
    };
    let run = RunId::new(at_ms, admin.entropy.id());
    let acceptance = deployed.plan.accept(run, at_ms, event, None)?;
    admin.journal.accept(vec![acceptance]).await?;
    admin.wake.notify_one();
    metrics::event_accepted(&name);
    Ok((StatusCode::ACCEPTED, Json(json!({ "run": run }))))
}

pub(super) async fn redrive(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<RunState>, Error> {
    let request: Redrive = request(&body)?;
    let run = parse(id)?;
    let state = admin.journal.state(run).await?;
    let version = version_for(&admin, &state, request.version.as_deref()).await?;
    let by = request.by.unwrap_or_else(|| SOMEBODY.into());
    // Runs that it began before are not waited for any more. If this ends in between, they find out by themselves.
    let begun = if request.from_start || version.is_some() { cancel::children(&state) } else { Vec::new() };
    let what = What::Redriven {
        from_start: request.from_start,
        document: request.document,
        version,
        by: by.clone(),
        by_rule: false,
    };
    let redriven = append(&admin, run, what).await?;
    cancel::trees(&*admin.journal, &*admin.clock, begun, &by, false).await?;
    Ok(redriven)
}

/// The version that a redriven run goes on under; none for the one that it has. Unless asked otherwise that is the one
/// that is deployed, by which whatever was wrong with the one before is mended.
async fn version_for(admin: &Admin, state: &RunState, asked: Option<&str>) -> Result<Option<String>, Error> {
    let workflow = root(&state.workflow);
    let version = match asked {
        None | Some("current") => {
            let catalog = admin.live.catalog();
            let deployed = catalog.plans.get(workflow);
            let part = deployed.and_then(|deployed| deployed.plan.part(&state.workflow));
            part.map(|plan| plan.version.to_string())
        }
        Some("same") => None,
        Some(id) => {
            let kept = admin.journal.versions().await?;
            let mut found =
                kept.into_iter().filter(|kept| kept.workflow == workflow && kept.version.starts_with(id));
            match (found.next(), found.next()) {
                (Some(kept), None) => Some(kept.version.to_string()),
                _ => return Err(Error::NoSuchVersion { workflow: workflow.to_owned(), id: id.to_owned() }),
            }
        }
    };
    Ok(version.filter(|version| *version != state.version))
}

/// Ends a run, and those that it has begun and waits for.
pub(super) async fn cancel(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<RunState>, Error> {
    let request: Cancel = request(&body)?;
    let by = request.by.unwrap_or_else(|| SOMEBODY.into());
    let state = cancel::tree(&*admin.journal, &*admin.clock, parse(id)?, &by, request.undo).await?;
    if state.phase == Phase::Cancelled {
        metrics::run_ended(&state.workflow, state.phase.name());
    }
    admin.wake.notify_one();
    Ok(Json(state))
}

/// Decides what a run waits for.
pub(super) async fn decide(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<RunState>, Error> {
    let request: Decide = read(&body)?;
    let decision = Decision {
        approved: request.approved,
        by: request.by.unwrap_or_else(|| SOMEBODY.into()),
        comment: request.comment,
    };
    append(&admin, parse(id)?, What::Decided { step: request.step, decision }).await
}

pub(super) async fn append(admin: &Admin, run: RunId, what: What) -> Result<Json<RunState>, Error> {
    let state = admin.journal.append(run, Entry::new(admin.clock.now_ms(), what)).await?;
    admin.wake.notify_one();
    Ok(Json(state))
}

/// A payload must be well-formed JSON.
pub(super) fn json_payload(body: &[u8]) -> Result<(), Error> {
    serde_json::from_slice::<IgnoredAny>(body)
        .map(drop)
        .map_err(|error| Error::InvalidRequest(format!("the payload is not well-formed JSON: {error}")))
}

pub(super) fn parse(id: String) -> Result<RunId, Error> {
    id.parse().map_err(|_| Error::InvalidRunId(id))
}

/// An empty body asks for the defaults.
fn request<T: Default + serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.is_empty() {
        return Ok(T::default());
    }
    read(body)
}
