//! The admin API from the outside.

mod error;
mod pinned;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stepmill_core::RunId;
use stepmill_core::document::Document;
use stepmill_core::journal::{Backlog, KeptVersion, PhaseName};
use stepmill_core::run::{Decision, Entry, State};
use tokio::sync::mpsc::Sender;
use url::Url;

use crate::backtest::Line;
use crate::reload::Changes;
use crate::shadow;
use crate::sources::Mode;

pub use error::{BackUpError, ClientError};
pub(super) use pinned::Pinned;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time that a backtest may take.
const BACKTEST: Duration = Duration::from_secs(24 * 3600);
/// Longest time that a backup may take; one that is too slow for the service, that ends itself.
const BACKUP: Duration = Duration::from_secs(7 * 24 * 3600);

/// A client of one service's admin API.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// `GET /api/status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of the service.
    pub version: String,
    /// How full its journal is.
    pub backlog: Backlog,
}

/// One page of runs, latest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    /// The runs.
    pub runs: Vec<State>,
    /// Where the next page begins; none on the last one.
    pub cursor: Option<RunId>,
}

/// A run with its journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// Where it stands.
    pub state: State,
    /// What happened.
    pub entries: Vec<Entry>,
    /// Links by which people decide what its steps wait for, by the steps' ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
}

/// A source as the API shows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Source {
    /// Its path.
    pub path: String,
    /// The workflow that it begins runs of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The event that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The scheme by which its sender proves itself.
    pub scheme: String,
    /// What becomes of its events.
    pub mode: Mode,
    /// How many runs it holds; 1,000 stands for more, too.
    pub held: usize,
}

#[derive(Deserialize)]
struct Released {
    released: u64,
}

/// A schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// Its workflow.
    pub workflow: String,
    /// What it is, for a person.
    pub schedule: String,
    /// Whether it fires nothing now.
    pub paused: bool,
    /// Its next instants, in milliseconds since the Unix epoch.
    pub next_ms: Vec<u64>,
}

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this workflow.
    pub workflow: Option<String>,
    /// In this phase.
    pub phase: Option<PhaseName>,
}

/// How to set a dead letter going again.
#[derive(Clone, Debug, Serialize)]
pub struct Redrive {
    /// From the first step.
    pub from_start: bool,
    /// A payload in place of the accepted one.
    pub document: Option<Document>,
    /// Under which version: `current`, `same`, or the beginning of an id.
    pub version: String,
    /// Who asks for it.
    pub by: String,
}

/// For how long a dead letter is out of sight: one of the first two.
#[derive(Clone, Debug, Serialize)]
pub struct Snooze {
    /// For how long, such as `2d`.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<String>,
    /// Until when, as RFC 3339 has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Who asks for it.
    pub by: String,
}

/// What is to be backtested.
#[derive(Clone, Debug)]
pub struct Backtest<'a> {
    /// With the attempts of which step, as `WORKFLOW/STEP`.
    pub step: &'a str,
    /// How many runs are looked at.
    pub last: usize,
    /// Whether attempts are told too that are equal.
    pub all: bool,
    /// A plugin of the service in place of a component.
    pub plugin: Option<&'a str>,
}

/// A client for calls to services on this machine and elsewhere: no proxy, no redirects.
///
/// # Errors
/// TLS cannot be prepared.
pub fn http() -> Result<reqwest::Client, ClientError> {
    builder().build().map_err(ClientError::Prepare)
}

fn builder() -> reqwest::ClientBuilder {
    // It fails only if there is a provider already, which then serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(TIMEOUT)
}

impl Client {
    /// A client of the admin API at `base`.
    ///
    /// # Errors
    /// `base` is no URL of one.
    pub fn try_new(base: &str, token: Option<String>) -> Result<Self, ClientError> {
        let url =
            Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = url.ok_or_else(|| ClientError::Address(base.to_owned()))?;
        Ok(Self { http: http()?, base, token })
    }

    /// The same, of a service that shows a certificate which is at hand.
    ///
    /// # Errors
    /// TLS cannot be prepared.
    pub(super) fn pinned(self, pinned: &Pinned) -> Result<Self, ClientError> {
        let config = pinned.config().map_err(ClientError::Tls)?;
        let http = builder().tls_backend_preconfigured(config).build().map_err(ClientError::Prepare)?;
        Ok(Self { http, ..self })
    }

    /// Base URL of the API.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// How the service is.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get(&["status"], &[]).await
    }

    /// Puts what is on disk in force.
    pub async fn reload(&self) -> Result<Changes, ClientError> {
        self.post(&["reload"], Vec::new()).await
    }

    /// The versions of workflows.
    pub async fn versions(&self) -> Result<Vec<KeptVersion>, ClientError> {
        self.get(&["versions"], &[]).await
    }

    /// The plugins, as the API shows them.
    pub async fn plugins(&self) -> Result<Vec<serde_json::Value>, ClientError> {
        self.get(&["plugins"], &[]).await
    }

    /// One of them.
    pub async fn plugin(&self, name: &str) -> Result<serde_json::Value, ClientError> {
        self.get(&["plugins", name], &[]).await
    }

    /// One page of at most `limit` runs.
    pub async fn runs(
        &self,
        filter: &Filter,
        cursor: Option<RunId>,
        limit: usize,
    ) -> Result<Page, ClientError> {
        let phase = filter.phase.and_then(|phase| serde_json::to_value(phase).ok());
        let mut query = vec![("limit", limit.to_string())];
        query.extend(filter.workflow.iter().map(|workflow| ("workflow", workflow.clone())));
        query.extend(phase.iter().filter_map(|phase| Some(("phase", phase.as_str()?.to_owned()))));
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_string())));
        self.get(&["runs"], &query).await
    }

    /// At most `limit` runs, over as many pages as that takes, and whether there are more.
    pub async fn all_runs(&self, filter: &Filter, limit: usize) -> Result<(Vec<State>, bool), ClientError> {
        const PAGE: usize = 500;
        let mut runs = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.runs(filter, cursor, limit.saturating_sub(runs.len()).clamp(1, PAGE)).await?;
            runs.extend(page.runs);
            cursor = page.cursor;
            if cursor.is_none() || runs.len() >= limit {
                return Ok((runs, cursor.is_some()));
            }
        }
    }

    /// A run with its journal.
    pub async fn run(&self, run: RunId) -> Result<Shown, ClientError> {
        self.get(&["runs", &run.to_string()], &[]).await
    }

    /// What a run's event was as it came.
    pub async fn raw(&self, run: RunId) -> Result<Vec<u8>, ClientError> {
        let url = self.url(&["runs", &run.to_string(), "raw"])?;
        let response = self.send(self.http.get(url.clone())).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response, &url).await);
        }
        let bytes = response.bytes().await.map_err(|source| self.unreachable(source))?;
        Ok(bytes.into())
    }

    /// Sets a dead letter going again.
    pub async fn redrive(&self, run: RunId, redrive: &Redrive) -> Result<State, ClientError> {
        let body = serde_json::to_vec(redrive).unwrap_or_default();
        self.post(&["runs", &run.to_string(), "redrive"], body).await
    }

    /// Keeps a dead letter out of sight for a while.
    pub async fn snooze(&self, run: RunId, snooze: &Snooze) -> Result<State, ClientError> {
        let body = serde_json::to_vec(snooze).unwrap_or_default();
        self.post(&["runs", &run.to_string(), "snooze"], body).await
    }

    /// The schedules.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, ClientError> {
        self.get(&["schedules"], &[]).await
    }

    /// Pauses a schedule, or has it go on.
    pub async fn pause(&self, workflow: &str, paused: bool) -> Result<Vec<Schedule>, ClientError> {
        let body = serde_json::json!({ "paused": paused }).to_string().into_bytes();
        self.post(&["schedules", workflow], body).await
    }

    /// The sources.
    pub async fn sources(&self) -> Result<Vec<Source>, ClientError> {
        self.get(&["sources"], &[]).await
    }

    /// Sets the mode of a source.
    pub async fn set_source(&self, path: &str, mode: Mode) -> Result<Vec<Source>, ClientError> {
        let body = serde_json::json!({ "path": path, "mode": mode }).to_string().into_bytes();
        self.post(&["sources"], body).await
    }

    /// Lets these runs begin that a source holds, or all. Answers how many that were.
    pub async fn replay(&self, path: &str, runs: Option<Vec<RunId>>) -> Result<u64, ClientError> {
        let body = serde_json::json!({ "path": path, "runs": runs }).to_string().into_bytes();
        let Released { released } = self.post(&["sources", "replay"], body).await?;
        Ok(released)
    }

    /// Decides what a step of a run waits for.
    pub async fn decide(&self, run: RunId, step: &str, decision: &Decision) -> Result<State, ClientError> {
        let Decision { approved, by, comment } = decision;
        let body = serde_json::json!({ "step": step, "approved": approved, "by": by, "comment": comment });
        self.post(&["runs", &run.to_string(), "decide"], body.to_string().into_bytes()).await
    }

    /// Gives an event to runs that wait for it. Answers what the API does.
    pub async fn publish(
        &self,
        event: &str,
        key: Option<&str>,
        payload: Vec<u8>,
    ) -> Result<serde_json::Value, ClientError> {
        let mut url = self.url(&["events", event])?;
        if let Some(key) = key {
            url.query_pairs_mut().append_pair("key", key);
        }
        self.post_to(url, payload).await
    }

    /// Ends a run, undoing first what it has done if that is asked for.
    pub async fn cancel(&self, run: RunId, by: &str, undo: bool) -> Result<State, ClientError> {
        let body = serde_json::json!({ "by": by, "undo": undo }).to_string().into_bytes();
        self.post(&["runs", &run.to_string(), "cancel"], body).await
    }

    /// Starts a run by hand with a JSON payload.
    pub async fn start(&self, workflow: &str, payload: Vec<u8>) -> Result<RunId, ClientError> {
        #[derive(Deserialize)]
        struct Started {
            run: RunId,
        }
        let started: Started = self.post(&["workflows", workflow, "runs"], payload).await?;
        Ok(started.run)
    }

    /// Writes a backup of the journal. Gives the writer back, flushed. Whether the backup is whole is for its reader
    /// to find out.
    pub async fn back_up<W: Write>(&self, mut to: W) -> Result<W, BackUpError> {
        let url = self.url(&["backup"])?;
        let request = self.http.get(url.clone()).timeout(BACKUP);
        let mut response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response, &url).await.into());
        }
        while let Some(chunk) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            to.write_all(&chunk).map_err(BackUpError::Write)?;
        }
        to.flush().map_err(BackUpError::Write)?;
        Ok(to)
    }

    /// Has a backtest made of a component, or of a plugin of the service if there is none, and hands its lines on. It
    /// ends when nobody takes them any more.
    pub async fn backtest(
        &self,
        asked: &Backtest<'_>,
        component: Vec<u8>,
        lines: Sender<Line>,
    ) -> Result<(), ClientError> {
        let mut url = self.url(&["backtest"])?;
        let Backtest { step, last, all, plugin } = asked;
        url.query_pairs_mut()
            .append_pair("step", step)
            .append_pair("last", &last.to_string())
            .append_pair("all", &all.to_string())
            .extend_pairs(plugin.map(|plugin| ("plugin", plugin)));
        let request = self.http.post(url.clone()).timeout(BACKTEST).body(component);
        let mut response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response, &url).await);
        }
        let mut unread = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            unread.extend_from_slice(&chunk);
            while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = unread.drain(..=end).collect();
                let line = serde_json::from_slice(&line)
                    .map_err(|source| ClientError::Answer { url: url.clone(), source })?;
                if lines.send(line).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The candidates that are tried beside plugins.
    pub async fn shadows(&self) -> Result<Vec<shadow::Status>, ClientError> {
        self.get(&["shadow"], &[]).await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.call(self.http.get(url.clone()), url).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &[&str], body: Vec<u8>) -> Result<T, ClientError> {
        self.post_to(self.url(path)?, body).await
    }

    async fn post_to<T: DeserializeOwned>(&self, url: Url, body: Vec<u8>) -> Result<T, ClientError> {
        let request = self.http.post(url.clone()).header("content-type", "application/json").body(body);
        self.call(request, url).await
    }

    fn url(&self, path: &[&str]) -> Result<Url, ClientError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| ClientError::Address(self.base.to_string()))?
            .pop_if_empty()
            .push("api")
            .extend(path);
        Ok(url)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        url: Url,
    ) -> Result<T, ClientError> {
        let response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response, &url).await);
        }
        let body = response.bytes().await.map_err(|source| self.unreachable(source))?;
        serde_json::from_slice(&body).map_err(|source| ClientError::Answer { url, source })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, ClientError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.map_err(|source| self.unreachable(source))
    }

    fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable { base: self.base.clone(), source: source.without_url() }
    }

    /// What an answer that is no success says.
    async fn refusal(&self, response: reqwest::Response, url: &Url) -> ClientError {
        let status = response.status();
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(source) => return self.unreachable(source),
        };
        ClientError::refused(status, &body, url)
    }
}
