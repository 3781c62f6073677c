//! The admin API, on its own listener: what is deployed, what runs did, and what a person may do to
//! them. JSON throughout; errors are `{"error": {"code", "message"}}`.

mod backtest;
mod backup;
mod error;
mod events;
mod raw;
mod runs;
mod schedules;
mod snooze;
mod sources;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stepmill_core::journal::KeptVersion;
use stepmill_core::secret::Secret;
use stepmill_core::signature::{Verify, Weakness};
use stepmill_core::workflow::{Plan, PlannedStep, Webhook};
use stepmill_core::{Clock, Entropy, Journal};
use subtle::ConstantTimeEq as _;
use tokio::sync::Notify;

use crate::backtest::Backtests;
use crate::catalog::{Live, PluginEntry};
use crate::gates::Gates;
use crate::health::Health;
use crate::metrics;
use crate::reload::{Changes, Reload};
use crate::shadow::{self, Shadows};
use crate::sources::Sources;

use error::Error;

/// Largest body of a request, such as a redrive's payload.
const BODY_BYTES: usize = 16 << 20;

/// What the admin API works with.
pub struct Admin {
    /// What is deployed.
    pub live: Live,
    /// Where runs are.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of runs.
    pub entropy: Arc<dyn Entropy>,
    /// The gates in front of systems.
    pub gates: Arc<Gates>,
    /// Puts what is on disk in force.
    pub reload: Arc<Reload>,
    /// Makes recorded attempts again.
    pub backtests: Backtests,
    /// What senders POST to.
    pub sources: Arc<Sources>,
    /// The candidates that are tried beside plugins.
    pub shadows: Arc<Shadows>,
    /// Tells the dispatcher of redriven runs.
    pub wake: Arc<Notify>,
    /// Whether the service is up.
    pub health: Arc<Health>,
    /// What callers must show as a bearer token; none only on loopback.
    pub token: Option<Secret>,
}

impl Admin {
    /// The HTTP service of the admin listener.
    pub fn router(self) -> Router {
        let health = Arc::clone(&self.health);
        let admin = Arc::new(self);
        let api = Router::new()
            .route("/api/status", get(status))
            .route("/api/reload", post(reload))
            .route("/api/versions", get(versions))
            .route("/api/plugins", get(plugins))
            .route("/api/plugins/{name}", get(plugin))
            .route("/api/workflows", get(workflows))
            .route("/api/workflows/{name}/runs", post(runs::start))
            .route("/api/runs", get(runs::list))
            .route("/api/runs/{id}", get(runs::show))
            .route("/api/runs/{id}/raw", get(raw::download))
            .route("/api/runs/{id}/redrive", post(runs::redrive))
            .route("/api/runs/{id}/snooze", post(snooze::snooze))
            .route("/api/runs/{id}/cancel", post(runs::cancel))
            .route("/api/runs/{id}/decide", post(runs::decide))
            .route("/api/schedules", get(schedules::list))
            .route("/api/schedules/{name}", post(schedules::pause))
            .route("/api/sources", get(sources::list).post(sources::set))
            .route("/api/sources/replay", post(sources::replay))
            .route("/api/systems", get(systems))
            .route("/api/backup", get(backup::download))
            .route(
                "/api/backtest",
                post(backtest::run).layer(DefaultBodyLimit::max(backtest::COMPONENT_BYTES)),
            )
            .route("/api/shadow", get(shadow))
            .route("/api/events", get(events::list))
            .route("/api/events/{name}", post(events::publish))
            .route("/metrics", get(exposition))
            .layer(middleware::from_fn_with_state(Arc::clone(&admin), authorize))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .with_state(admin);
        Router::new()
            .route("/health/live", get(Health::live))
            .route("/health/ready", get(Health::ready).with_state(health))
            .merge(api)
            .fallback(|| async { Error::NoSuchPage })
    }
}

/// What a request's body asks for.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| Error::InvalidRequest(format!("the request's body: {error}")))
}

async fn authorize(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Result<Response, Error> {
    let Some(token) = &admin.token else { return Ok(next.run(request).await) };
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .ok_or(Error::Unauthorized)?;
    if bool::from(given.ct_eq(token.expose())) {
        Ok(next.run(request).await)
    } else {
        Err(Error::Unauthorized)
    }
}

async fn status(State(admin): State<Arc<Admin>>) -> Result<Json<Value>, Error> {
    let backlog = admin.journal.backlog();
    let snoozed = admin.journal.snoozed(admin.clock.now_ms()).await?;
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "accepting": admin.health.is_accepting(),
        "prepared": admin.health.is_prepared(),
        "backlog": backlog,
        "snoozed": snoozed,
        // The two are not counted at the same moment.
        "attention": backlog.dead.saturating_sub(snoozed),
    })))
}

async fn reload(State(admin): State<Arc<Admin>>) -> Result<Json<Changes>, Error> {
    // To its end, also if the caller goes: what has been changed on the way is then told to nobody else.
    let reload = Arc::clone(&admin.reload);
    let reloaded = tokio::spawn(async move { reload.reload().await }).await;
    Ok(Json(reloaded.map_err(|_| Error::Stopping)??))
}

async fn versions(State(admin): State<Arc<Admin>>) -> Result<Json<Vec<KeptVersion>>, Error> {
    Ok(Json(admin.journal.versions().await?))
}

async fn plugins(State(admin): State<Arc<Admin>>) -> Json<Value> {
    let plugins = admin.live.catalog().all_plugins(&admin.reload.sandbox).await;
    Json(plugins.values().map(PluginEntry::to_json).collect())
}

async fn plugin(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Result<Json<Value>, Error> {
    let plugin = admin.live.catalog().plugin(&name, &admin.reload.sandbox).await;
    Ok(Json(plugin?.to_json()))
}

async fn shadow(State(admin): State<Arc<Admin>>) -> Json<Vec<shadow::Status>> {
    Json(admin.shadows.status(&admin.live.catalog()))
}

async fn systems(State(admin): State<Arc<Admin>>) -> Json<Value> {
    Json(json!(admin.gates.status()))
}

async fn workflows(State(admin): State<Arc<Admin>>) -> Json<Value> {
    let describe = |deployed: &Arc<crate::catalog::Deployed>| {
        let plan = &deployed.plan;
        json!({
            "name": &*plan.name,
            "version": &*plan.version,
            "webhook": plan.webhook.as_ref().map(|webhook| &webhook.path),
            "verify": plan.webhook.as_ref().map(verify),
            "event": plan.event.as_ref().map(|event| &*event.name),
            "schedule": plan.schedule.as_ref().map(ToString::to_string),
            "steps": steps(plan),
        })
    };
    Json(admin.live.catalog().plans.values().map(describe).collect())
}

/// Whom a webhook believes, and why that is weak, if it is.
fn verify(webhook: &Webhook) -> Value {
    let weaknesses: Vec<_> = webhook.verify.weaknesses().into_iter().map(Weakness::name).collect();
    let strength = if weaknesses.is_empty() { "strong" } else { "weak" };
    let mut told =
        json!({ "scheme": webhook.verify.scheme(), "strength": strength, "weaknesses": weaknesses });
    if let (Verify::Plugin(by), Some(members)) = (&webhook.verify, told.as_object_mut()) {
        // Neither the one nor the other, as far as can be told from here.
        members.insert("strength".into(), "by-plugin".into());
        members.insert("plugin".into(), by.plugin.as_str().into());
    }
    told
}

fn steps(plan: &Plan) -> Vec<Value> {
    let describe = |step: &PlannedStep| {
        let needs: Vec<&str> = step.needs.iter().filter_map(|at| Some(&*plan.steps.get(*at)?.id)).collect();
        let mut described = json!({ "id": &*step.id, "does": step.work.name(), "needs": needs });
        if let (Some(plugin), Some(members)) = (step.plugin(), described.as_object_mut()) {
            members.insert("kind".into(), json!(plugin.kind));
            members.insert("plugin".into(), json!(&*plugin.plugin));
            members.insert("digest".into(), json!(&*plugin.digest));
        }
        if let (Some(part), Some(members)) = (plan.parts.get(&step.id), described.as_object_mut()) {
            members.insert("steps".into(), json!(steps(part)));
        }
        described
    };
    plan.steps.iter().map(describe).collect()
}

async fn exposition(State(admin): State<Arc<Admin>>) -> String {
    metrics::set_backlog(admin.journal.backlog());
    if let Ok(snoozed) = admin.journal.snoozed(admin.clock.now_ms()).await {
        metrics::set_snoozed(snoozed);
    }
    metrics::install().map(|handle| handle.render()).unwrap_or_default()
}
