//! Snoozing a dead letter: it is out of sight until a time, unless somebody redrives or cancels it. It stays dead all the
//! same, and a rule's redrive comes when it is due.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use stepmill_core::duration;
use stepmill_core::run::{State as RunState, What};
use stepmill_core::workflow::instant;

use super::runs::{SOMEBODY, append, parse};
use super::{Admin, Error, read};

/// Longest time that a dead letter is snoozed: what nobody will look at is to be cancelled.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snooze {
    /// For how long, such as `2d`; `0s` ends it.
    #[serde(default, rename = "for", with = "duration::option")]
    lasts: Option<Duration>,
    /// Until when, as RFC 3339 has it.
    until: Option<String>,
    by: Option<String>,
}

pub(super) async fn snooze(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<RunState>, Error> {
    let wrong = |message: String| Error::InvalidRequest(format!("the request's body: {message}"));
    let request: Snooze = read(&body)?;
    let now_ms = admin.clock.now_ms();
    let until_ms = match (request.lasts, &request.until) {
        (Some(lasts), None) => now_ms.saturating_add(duration::ms(lasts)),
        (None, Some(until)) => instant(&Value::from(until.as_str())).ok_or_else(|| {
            wrong(format!("{until:?} is no time: give one such as 2026-12-24T18:00:00+01:00"))
        })?,
        _ => return Err(wrong("give either for, such as \"2d\", or until".into())),
    };
    if until_ms > now_ms.saturating_add(duration::ms(LONGEST)) {
        return Err(wrong(
            "a dead letter is snoozed for a year at most: cancel what nobody will look at".into(),
        ));
    }
    let by = request.by.unwrap_or_else(|| SOMEBODY.into());
    append(&admin, parse(id)?, What::Snoozed { until_ms, by }).await
}
