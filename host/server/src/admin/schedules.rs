//! Schedules: when they fire, and pauses.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Admin, Error, read};
use crate::schedules::pause_switch;

/// How many instants to come are shown.
const TO_COME: usize = 5;

/// A schedule as the API shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    workflow: String,
    schedule: String,
    paused: bool,
    /// The next instants, in milliseconds since the Unix epoch.
    next_ms: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pause {
    paused: bool,
}

pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Result<Json<Vec<Shown>>, Error> {
    let switches = admin.journal.switches().await?;
    let now_ms = admin.clock.now_ms();
    let catalog = admin.live.catalog();
    let shown = catalog.plans.values().filter_map(|deployed| {
        let plan = &deployed.plan;
        let schedule = plan.schedule.as_ref()?;
        Some(Shown {
            workflow: plan.name.to_string(),
            schedule: schedule.to_string(),
            paused: switches.contains_key(&pause_switch(&plan.name)),
            next_ms: schedule.preview(now_ms, TO_COME),
        })
    });
    Ok(Json(shown.collect()))
}

/// Pauses a schedule, or has it go on. What would have been fired meanwhile is passed over.
pub(super) async fn pause(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Vec<Shown>>, Error> {
    let request: Pause = read(&body)?;
    let catalog = admin.live.catalog();
    let deployed = catalog.plans.get(&name);
    if deployed.is_none_or(|deployed| deployed.plan.schedule.is_none()) {
        return Err(Error::NoSuchSchedule(name));
    }
    let value = request.paused.then(|| admin.clock.now_ms().to_string());
    admin.journal.set_switch(&pause_switch(&name), value).await?;
    list(State(admin)).await
}
