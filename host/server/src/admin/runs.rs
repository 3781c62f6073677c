//! Runs: list, show, start by hand, redrive, cancel.

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
use stepmill_core::journal::{Acceptance, Accepted, Filter, PhaseName, Transition};
use stepmill_core::run::{self, Entry, Phase, State as RunState, What};

use super::{Admin, Error};
use crate::metrics;

/// Runs of one page unless the caller says otherwise, and at most.
const PAGE: (usize, usize) = (50, 500);
/// Who is named where a caller does not say.
const SOMEBODY: &str = "admin api";

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
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Redrive {
    from_start: bool,
    document: Option<Document>,
    by: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Cancel {
    by: Option<String>,
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
    Ok(Json(Shown { state, entries }))
}

pub(super) async fn start(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Error> {
    let deployed = admin.catalog.plans.get(&name).ok_or_else(|| Error::NoSuchWorkflow(name.clone()))?;
    serde_json::from_slice::<IgnoredAny>(&body)
        .map_err(|error| Error::InvalidRequest(format!("the payload is not well-formed JSON: {error}")))?;
    let at_ms = admin.clock.now_ms();
    let acceptance = Acceptance {
        run: RunId::new(at_ms, rand::random()),
        workflow: name.clone(),
        version: deployed.plan.version.to_string(),
        at_ms,
        event: Event {
            trigger: Trigger::Manual,
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            document: Document::from_bytes(document::JSON, body.into()),
        },
        dedupe: None,
        fire: None,
    };
    let accepted = admin.journal.accept(vec![acceptance]).await?;
    admin.wake.notify_one();
    metrics::event_accepted(&name);
    let runs: Vec<RunId> = accepted
        .into_iter()
        .map(|accepted| match accepted {
            Accepted::New(run) | Accepted::Duplicate(run) => run,
        })
        .collect();
    Ok((StatusCode::ACCEPTED, Json(json!({ "run": runs.first() }))))
}

pub(super) async fn redrive(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<RunState>, Error> {
    let request: Redrive = request(&body)?;
    let what = What::Redriven {
        from_start: request.from_start,
        document: request.document,
        by: request.by.unwrap_or_else(|| SOMEBODY.into()),
    };
    amend(&admin, parse(id)?, what).await
}

pub(super) async fn cancel(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<RunState>, Error> {
    let request: Cancel = request(&body)?;
    amend(&admin, parse(id)?, What::Cancelled { by: request.by.unwrap_or_else(|| SOMEBODY.into()) }).await
}

async fn amend(admin: &Admin, run: RunId, what: What) -> Result<Json<RunState>, Error> {
    let (state, _) = admin.journal.read(run).await?;
    let seq = state.seq;
    let entry = Entry { at_ms: admin.clock.now_ms(), what, pure: Vec::new() };
    let state = run::next(Some(state), &entry)?;
    let transition = Transition { entries: vec![entry], state: state.clone(), writes: Vec::new() };
    admin.journal.amend(run, seq, transition).await?;
    if state.phase == Phase::Cancelled {
        metrics::run_ended(&state.workflow, state.phase.name());
    }
    admin.wake.notify_one();
    Ok(Json(state))
}

fn parse(id: String) -> Result<RunId, Error> {
    id.parse().map_err(|_| Error::InvalidRunId(id))
}

/// An empty body asks for the defaults.
fn request<T: Default + serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map_err(|error| Error::InvalidRequest(format!("the request's body: {error}")))
}
