//! What a person sees behind a link: one page that needs nothing else, with no script in it.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use stepmill_core::run::{Decision, State};

/// Fields grow with the text that is put into them, and colours follow the browser's.
const STYLE: &str = "
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3c424d); --quiet: light-dark(#5b6472, #a2abb9); }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; padding: 2rem 1rem; background: light-dark(#f4f5f7, #16181d); }
main { max-width: 34rem; margin: 0 auto; padding: 2rem; border: 1px solid var(--line); border-radius: .75rem;
  background: light-dark(#fff, #1f2229); }
h1 { font-size: 1.375rem; line-height: 1.3; margin: 0 0 1rem; overflow-wrap: anywhere; white-space: pre-line; }
p, dd { overflow-wrap: anywhere; white-space: pre-line; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0 0 1.5rem; font-size: .875rem; }
dt { color: var(--quiet); } dd { margin: 0; }
label { display: block; margin: 0 0 1rem; font-size: .875rem; color: var(--quiet); }
input, textarea { display: block; box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .5rem .625rem;
  font: inherit; font-size: 1rem; color: inherit; background: transparent; border: 1px solid var(--line);
  border-radius: .375rem; }
.ways { display: flex; gap: .75rem; flex-wrap: wrap; margin-top: 1.5rem; }
button { flex: 1 1 8rem; padding: .75rem 1rem; font: inherit; font-weight: 600; color: #fff; border: 0;
  border-radius: .375rem; cursor: pointer; }
.approve { background: #1a7f4b; } .decline { background: #b3372f; }
button:focus-visible, input:focus-visible, textarea:focus-visible { outline: 3px solid #4c8dff; outline-offset: 2px; }
";

/// What a page may do: be shown with its style, and send its form back.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

/// Seconds after which a browser looks again at what is not asked yet.
const LOOK_AGAIN: HeaderValue = HeaderValue::from_static("5");
/// Seconds after which the service may be there again.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("30");

/// What there is to see of a step.
pub(super) enum Saw {
    /// It waits for a decision.
    Open {
        /// What is to be decided.
        question: Option<String>,
        /// Until when.
        until_ms: Option<u64>,
        /// With which entry it was asked.
        asked: Option<usize>,
    },
    /// It was decided.
    Decided {
        /// What was to be decided.
        question: Option<String>,
        /// What they said.
        decision: Decision,
    },
    /// The run has not come to it.
    NotYet,
    /// It waits for no decision any more.
    Over,
}

/// A page with its status.
pub(super) struct Page {
    status: StatusCode,
    title: &'static str,
    body: Markup,
    again: Option<(header::HeaderName, HeaderValue)>,
}

impl Page {
    fn new(status: StatusCode, title: &'static str, body: Markup) -> Self {
        Self { status, title, body, again: None }
    }

    /// The page of a step.
    pub(super) fn of(state: &State, step: &str, saw: Saw) -> Self {
        match saw {
            Saw::Open { question, until_ms, asked } => {
                let body = html! {
                    h1 { @match &question { Some(question) => (question), None => "Do you approve?" } }
                    (facts(state, step, until_ms))
                    (form(asked))
                };
                Self::new(StatusCode::OK, "Approval", body)
            }
            Saw::Decided { question, decision: Decision { approved, by, comment } } => {
                let title = if approved { "Approved" } else { "Declined" };
                let body = html! {
                    h1 { (title) }
                    @if let Some(question) = question { p { (question) } }
                    p { "By " (by) "." }
                    @if let Some(comment) = comment { p { "“" (comment) "”" } }
                    (facts(state, step, None))
                };
                Self::new(StatusCode::OK, title, body)
            }
            Saw::NotYet => {
                let body = html! {
                    h1 { "Not asked yet" }
                    p { "There is nothing to decide at the moment. This page looks again by itself." }
                    (facts(state, step, None))
                };
                let again = Some((header::REFRESH, LOOK_AGAIN));
                Self { again, ..Self::new(StatusCode::NOT_FOUND, "Not asked yet", body) }
            }
            Saw::Over => {
                let body = html! {
                    h1 { "Too late" }
                    p { "This is not asked any more: its time is over, or the run has ended. Nothing was decided here." }
                    (facts(state, step, None))
                };
                Self::new(StatusCode::GONE, "Too late", body)
            }
        }
    }

    /// The same with another status.
    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// To whoever has no good link, whatever is wrong with it.
    pub(super) fn refused() -> Self {
        let body = html! {
            h1 { "This link is not good" }
            p { "It is incomplete, was changed on its way, or is too old. Open it from the message that it came in, or ask for a new one." }
        };
        Self::new(StatusCode::FORBIDDEN, "This link is not good", body)
    }

    /// The form was not ours.
    pub(super) fn unclear() -> Self {
        let body = html! {
            h1 { "Nothing was decided" }
            p { "Open the link again and choose one of the two buttons." }
        };
        Self::new(StatusCode::BAD_REQUEST, "Nothing was decided", body)
    }

    /// The service stops, or its journal is in trouble.
    pub(super) fn later() -> Self {
        let body = html! {
            h1 { "Please come again in a minute" }
            p { "The service cannot take a decision at the moment. Nothing was decided." }
        };
        let again = Some((header::RETRY_AFTER, COME_AGAIN));
        let title = "Please come again in a minute";
        Self { again, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, title, body) }
    }

    /// To the same link by GET, so that loading the page again sends nothing twice. A reference without a path is
    /// right behind any proxy.
    pub(super) fn see_other(signature: &str) -> Response {
        let location = HeaderValue::from_str(&format!("?signature={signature}"));
        let location = location.unwrap_or_else(|_| HeaderValue::from_static("?"));
        let mut response = StatusCode::SEE_OTHER.into_response();
        response.headers_mut().insert(header::LOCATION, location);
        secure(response)
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self { status, title, body, again } = self;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body { main { (body) } }
            }
        };
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        let mut response = (status, [(header::CONTENT_TYPE, html)], page.into_string()).into_response();
        response.headers_mut().extend(again);
        secure(response)
    }
}

/// The link is a key: it is neither kept nor handed on, and its page is shown in no other.
fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// What the decision is about.
fn facts(state: &State, step: &str, until_ms: Option<u64>) -> Markup {
    html! {
        dl {
            dt { "Workflow" } dd { (state.workflow) }
            dt { "Step" } dd { (step) }
            dt { "Run" } dd { (state.run) }
            @if let Some(until_ms) = until_ms { dt { "Until" } dd { (time(until_ms)) } }
        }
    }
}

/// A time as people read it, to the second.
fn time(ms: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(ms)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(at).to_string().replace('T', " ").replace('Z', " UTC")
}

/// Goes where the page came from, its signature included. The first button is what Enter in a field presses: one that
/// does nothing, so that nobody approves by accident.
fn form(asked: Option<usize>) -> Markup {
    html! {
        form method="post" {
            button disabled hidden {}
            @if let Some(asked) = asked { input type="hidden" name="asked" value=(asked); }
            label { "Your name" input name="name" autocomplete="name" maxlength="80"; }
            label { "Note (optional)" textarea name="comment" rows="2" maxlength="1000" {} }
            div.ways {
                button.approve name="decision" value="approve" { "Approve" }
                button.decline name="decision" value="decline" { "Decline" }
            }
        }
    }
}
