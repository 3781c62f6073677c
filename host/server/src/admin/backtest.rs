//! Backtests, told line by line as they go.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde::Deserialize;
use stepmill_sandbox::Loaded;
use tokio::sync::mpsc;

use super::{Admin, Error};
use crate::backtest::{Candidate, Line, Order, Target};
use crate::catalog::chain;

/// Largest component.
pub(super) const COMPONENT_BYTES: usize = 64 << 20;
/// Lines that may wait for the caller.
const LINES: usize = 16;
/// Runs that are looked at unless the caller says otherwise, and at most.
const LAST: (usize, usize) = (1_000, 1_000_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// `WORKFLOW/STEP`.
    step: String,
    last: Option<usize>,
    #[serde(default)]
    all: bool,
    /// A plugin of the service, in place of a component in the body.
    plugin: Option<String>,
}

/// Answers with the lines of a backtest, as NDJSON. It ends when the caller goes away.
pub(super) async fn run(
    State(admin): State<Arc<Admin>>,
    Query(asked): Query<Asked>,
    component: Bytes,
) -> Result<Response, Error> {
    let target: Target = asked
        .step
        .parse()
        .map_err(|error: crate::backtest::NoTarget| Error::InvalidRequest(error.to_string()))?;
    let last = asked.last.unwrap_or(LAST.0).clamp(1, LAST.1);
    let candidate = Candidate::new(loaded(&admin, asked.plugin, &component).await?);
    admin.backtests.check(&target, &candidate).await.map_err(Error::Backtest)?;
    let (sender, receiver) = mpsc::channel(LINES);
    let backtests = admin.backtests.clone();
    let order = Order { target, candidate, last, all: asked.all };
    tokio::spawn(async move { backtests.run(order, sender).await });
    let lines = stream::unfold(receiver, |mut receiver| async move {
        let line = receiver.recv().await?;
        Some((text(&line), receiver))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

async fn loaded(admin: &Admin, plugin: Option<String>, component: &[u8]) -> Result<Loaded, Error> {
    match plugin {
        Some(_) if !component.is_empty() => {
            Err(Error::InvalidRequest("give either a component in the body or `plugin`".into()))
        }
        Some(name) => Ok(admin.live.catalog().plugin(&name, &admin.reload.sandbox).await?.loaded),
        None => admin.reload.sandbox.load(component).await.map_err(|error| Error::Component(chain(&error))),
    }
}

fn text(line: &Line) -> Result<Bytes, serde_json::Error> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text.into())
}
