//! Events: which there are, and one by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use stepmill_core::RunId;
use stepmill_core::document::{self, Document};
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{Publication, Published};
use stepmill_core::workflow::{key_of, value_key};

use super::runs::json_payload;
use super::{Admin, Error};
use crate::metrics;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keyed {
    key: Option<String>,
}

pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Json<Value> {
    let describe = |event: &Arc<crate::catalog::DeployedEvent>| {
        let plan = &event.plan;
        json!({
            "name": &*plan.name,
            "webhook": plan.webhook.as_ref().map(|webhook| &webhook.path),
            "verify": plan.webhook.as_ref().map(super::verify),
            "keep_ms": plan.keep_ms,
        })
    };
    Json(admin.live.catalog().events.values().map(describe).collect())
}

/// Gives an event to runs that wait for it, under the key that is given or that its own expression gives, and
/// starts the workflows that begin with it.
pub(super) async fn publish(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Query(Keyed { key }): Query<Keyed>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Error> {
    let catalog = admin.live.catalog();
    let deployed = catalog.events.get(&name).ok_or_else(|| Error::NoSuchEvent(name.clone()))?;
    json_payload(&body)?;
    let at_ms = admin.clock.now_ms();
    let id = RunId::new(at_ms, admin.entropy.id());
    let event = Event {
        trigger: Trigger::Event { name: name.clone() },
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        document: Document::from_bytes(document::JSON, body.into()),
        raw: None,
    };
    let key = match key {
        Some(key) => key_of("key", Value::from(key))?,
        None => value_key("key", &deployed.plan.key, &event, id, &name, at_ms)?,
    };
    let mut acceptances = Vec::new();
    for started in catalog.begun_by(&name) {
        let run = RunId::new(at_ms, admin.entropy.id());
        match started.plan.accept(run, at_ms, event.clone(), None) {
            Ok(acceptance) => acceptances.push(acceptance),
            Err(error) => {
                tracing::error!(event = name, workflow = %started.plan.name, %error, "an event cannot become a run");
            }
        }
    }
    let started: Vec<RunId> =
        admin.journal.accept(acceptances).await?.into_iter().map(|out| out.run()).collect();
    let keep_until_ms = at_ms.saturating_add(deployed.plan.keep_ms);
    let publication = Publication { id, name: name.clone(), key, at_ms, event, keep_until_ms, dedupe: None };
    let woken = match admin.journal.publish(publication).await? {
        Published::New(woken) => woken,
        Published::Duplicate(_) => Vec::new(),
    };
    metrics::event_accepted(&name);
    admin.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(json!({ "event": id, "woken": woken, "started": started }))))
}
