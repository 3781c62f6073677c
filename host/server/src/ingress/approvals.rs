//! The pages behind signed links, on which a person decides what an `approve` step waits for.
//!
//! Looking at one decides nothing: mail scanners follow links. The POST of its form does.
//!
//! Whoever has no good link learns nothing, not even whether there is such a run.

mod page;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use stepmill_core::RunId;
use stepmill_core::approval;
use stepmill_core::attempt::capped;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{Decision, Entry, Pending, Stand, State as RunState, What};

use super::{Ingress, Refusal, Shared, body};
use page::{Page, Saw};

/// Most bytes of a decision's form.
const FORM_BYTES: u64 = 64 << 10;
/// Most bytes of a person's name.
const NAME_BYTES: usize = 100;
/// Most bytes of what a person says to a decision.
const COMMENT_BYTES: usize = 2 << 10;

pub(super) fn router() -> Router<Arc<Shared>> {
    let path = format!("/{}/{{run}}/{{step}}", approval::PATH);
    Router::new().route(&path, get(look).post(decide))
}

/// The step that a link is for.
struct Asked {
    run: RunId,
    step: String,
    signature: String,
}

/// Why nothing is asked.
enum Unknown {
    /// There are no links.
    NoLinks,
    /// It is none of ours.
    Link,
}

impl IntoResponse for Unknown {
    fn into_response(self) -> Response {
        match self {
            Self::NoLinks => Refusal::NotFound.into_response(),
            Self::Link => Page::refused().into_response(),
        }
    }
}

async fn look(
    State(shared): State<Arc<Shared>>,
    Path((run, step)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let Ok(_permit) = shared.approvals.try_acquire() else { return Refusal::Busy.into_response() };
    match shared.ingress.asked(&run, step, query.as_deref()) {
        Ok(asked) => shared.ingress.see(&asked, StatusCode::OK).await,
        Err(unknown) => unknown.into_response(),
    }
}

async fn decide(
    State(shared): State<Arc<Shared>>,
    Path((run, step)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    let Ok(_permit) = shared.approvals.try_acquire() else { return Refusal::Busy.into_response() };
    let asked = match shared.ingress.asked(&run, step, query.as_deref()) {
        Ok(asked) => asked,
        Err(unknown) => return unknown.into_response(),
    };
    match body::read(body, FORM_BYTES).await {
        Ok(form) => shared.ingress.decide(&asked, &form).await,
        Err(refusal) => refusal.into_response(),
    }
}

impl Ingress {
    /// What a link asks for, if it is one of ours.
    fn asked(&self, run: &str, step: String, query: Option<&str>) -> Result<Asked, Unknown> {
        let catalog = self.live.catalog();
        let links = catalog.links.as_ref().ok_or(Unknown::NoLinks)?;
        let signature = member(query.unwrap_or_default().as_bytes(), "signature");
        let asked = run.parse().ok().map(|run| Asked { run, step, signature }).ok_or(Unknown::Link)?;
        if !links.is_genuine(asked.run, &asked.step, &asked.signature) {
            tracing::warn!(run = %asked.run, "refused the link of an approval");
            return Err(Unknown::Link);
        }
        Ok(asked)
    }

    /// The page of what has become of a step; `found` is the status if it has come to that.
    async fn see(&self, asked: &Asked, found: StatusCode) -> Response {
        match self.journal.read(asked.run).await {
            Ok((state, entries)) => {
                let saw = saw(&state, &entries, &asked.step);
                let status = match saw {
                    Saw::Decided { .. } | Saw::Open { .. } => found,
                    Saw::NotYet => StatusCode::NOT_FOUND,
                    Saw::Over => StatusCode::GONE,
                };
                Page::of(&state, &asked.step, saw).status(status).into_response()
            }
            // As if the signature were bad.
            Err(JournalError::NoSuchRun(_)) => Page::refused().into_response(),
            Err(error) => {
                tracing::error!(run = %asked.run, error = &error as &dyn std::error::Error, "failed to read a run for a decision");
                Page::later().into_response()
            }
        }
    }

    async fn decide(&self, asked: &Asked, form: &[u8]) -> Response {
        if !self.health.is_accepting() {
            return Page::later().into_response();
        }
        let approved = match &*member(form, "decision") {
            "approve" => true,
            "decline" => false,
            _ => return Page::unclear().into_response(),
        };
        // A page that was opened before the run came to the step anew may ask something else.
        if let Ok(seen) = member(form, "asked").parse::<usize>() {
            match self.journal.read(asked.run).await {
                Ok((_, entries)) if asking(&entries, &asked.step).is_some_and(|(at, _)| at != seen) => {
                    return self.see(asked, StatusCode::CONFLICT).await;
                }
                Ok(_) | Err(JournalError::NoSuchRun(_)) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(run = %asked.run, error, "failed to read a run for a decision");
                    return Page::later().into_response();
                }
            }
        }
        let name = capped(member(form, "name").trim().to_owned(), NAME_BYTES);
        let name = if name.is_empty() { "somebody" } else { &name };
        let comment = capped(member(form, "comment").trim().to_owned(), COMMENT_BYTES);
        // Nobody has checked the name: the link is all that is known.
        let by = format!("{name} (link)");
        let decision = Decision { approved, by, comment: Some(comment).filter(|text| !text.is_empty()) };
        let what = What::Decided { step: asked.step.clone(), decision };
        match self.journal.append(asked.run, Entry::new(self.clock.now_ms(), what)).await {
            Ok(_) => {
                tracing::info!(run = %asked.run, step = %asked.step, approved, "decided by link");
                self.wake.notify_one();
                Page::see_other(&asked.signature)
            }
            // Somebody was faster, or it is not asked for: the page says what there is to say.
            Err(
                JournalError::Illegal { .. }
                | JournalError::Ended { .. }
                | JournalError::Overtaken { .. }
                | JournalError::NoSuchRun(_),
            ) => self.see(asked, StatusCode::CONFLICT).await,
            Err(
                error @ (JournalError::Fenced { .. }
                | JournalError::StorageConflict { .. }
                | JournalError::Io { .. }
                | JournalError::Damaged { .. }
                | JournalError::Closed),
            ) => {
                tracing::error!(run = %asked.run, error = &error as &dyn std::error::Error, "failed to write a decision");
                Page::later().into_response()
            }
        }
    }
}

/// What there is to see of a step.
fn saw(state: &RunState, entries: &[Entry], step: &str) -> Saw {
    match state.stand(step) {
        // A dead letter hears a decision too.
        Stand::Undecided { until_ms } if !state.phase.has_ended() => {
            let (asked, question) = asking(entries, step).unzip();
            let question = question.flatten().map(str::to_owned);
            Saw::Open { question, until_ms: *until_ms, asked }
        }
        Stand::Done { seq } => {
            let entry = usize::try_from(*seq).ok().and_then(|seq| entries.get(seq));
            match entry.map(|entry| &entry.what) {
                Some(What::Decided { decision, .. }) => decided(entries, step, decision),
                _ => Saw::Over,
            }
        }
        // One that was declined, or in vain, is open again once the run has died of it.
        Stand::Open if !state.phase.has_ended() && state.undoing.is_none() => last(entries, step),
        Stand::Undecided { .. }
        | Stand::Open
        | Stand::Retrying { .. }
        | Stand::Parked { .. }
        | Stand::Sleeping { .. }
        | Stand::Listening { .. }
        | Stand::Children(_) => Saw::Over,
    }
}

/// What was last said of a step, unless the run has begun anew since.
fn last(entries: &[Entry], of: &str) -> Saw {
    for entry in entries.iter().rev() {
        match &entry.what {
            What::Decided { step, decision } if step == of => return decided(entries, of, decision),
            What::Elapsed { step } if step == of => return Saw::Over,
            What::Redriven { .. } => break,
            _ => {}
        }
    }
    Saw::NotYet
}

fn decided(entries: &[Entry], step: &str, decision: &Decision) -> Saw {
    let question = asking(entries, step).and_then(|(_, question)| question.map(str::to_owned));
    Saw::Decided { question, decision: decision.clone() }
}

/// The number of the entry with which a step began last to ask, and what.
fn asking<'e>(entries: &'e [Entry], of: &str) -> Option<(usize, Option<&'e str>)> {
    entries.iter().enumerate().rev().find_map(|(at, entry)| match &entry.what {
        What::Began { step, pending: Pending::Decision { question, .. } } if step == of => {
            Some((at, question.as_deref()))
        }
        _ => None,
    })
}

/// A member of a query or a form; empty if it is not there.
fn member(encoded: &[u8], name: &str) -> String {
    let mut members = url::form_urlencoded::parse(encoded);
    members.find_map(|(of, value)| (of == name).then(|| value.into_owned())).unwrap_or_default()
}
