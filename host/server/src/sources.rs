//! Sources: the paths that senders POST to, and what an operator has said of each: it is open, it is paused or
//! captured (events are accepted and held), or it is blocked.
//!
//! A held event is on disk as a run that has not begun ([`Phase::Held`](stepmill_core::run::Phase::Held)), so that its
//! sender may read 2xx and its dedupe key is claimed. When a paused source is opened, what it holds begins in the
//! order in which it came, and only then does what comes next begin at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use stepmill_core::journal::{Filter, JournalError, PhaseName};
use stepmill_core::run::{Entry, What};
use stepmill_core::{Clock, Journal, RunId};
use tokio::sync::{Notify, RwLock, RwLockReadGuard};
use tokio_util::sync::CancellationToken;

use crate::catalog::{Live, Route};

/// What the journal's switches of sources begin with; the path follows.
const SWITCH: &str = "source";
/// Held runs that are read at once.
const PAGE: usize = 500;
/// Held runs that are let begin at once: they share commits.
const ABREAST: usize = 32;
/// Who lets runs begin when their source is opened.
const OPENED: &str = "the source was opened";

/// What becomes of the events of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Each begins a run.
    #[default]
    Open,
    /// They are accepted and held until the source is opened.
    Paused,
    /// It was paused: what is held begins, and what comes is held meanwhile.
    Resuming,
    /// They are accepted and held until somebody replays them.
    Capture,
    /// They are refused.
    Blocked,
}

impl Mode {
    /// Whether what comes is held.
    pub fn holds(self) -> bool {
        match self {
            Self::Paused | Self::Resuming | Self::Capture => true,
            Self::Open | Self::Blocked => false,
        }
    }

    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
            Self::Capture => "capture",
            Self::Blocked => "blocked",
        }
    }
}

/// The modes of all sources, by their paths; one that is not there is open.
type Modes = BTreeMap<String, Mode>;

/// The sources of a service.
pub struct Sources {
    live: Live,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    modes: RwLock<Modes>,
    /// Told when a source is to be resumed.
    resume: Notify,
    /// Told of runs that begin.
    wake: Arc<Notify>,
}

/// A source's mode, which stays what it is while this is held: around the commit of what is accepted under it.
pub struct Entered<'s> {
    /// The mode.
    pub mode: Mode,
    _modes: RwLockReadGuard<'s, Modes>,
}

impl Sources {
    /// Reads what was said of the sources before.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn open(
        live: Live,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        wake: Arc<Notify>,
    ) -> Result<Arc<Self>, JournalError> {
        let mut modes = Modes::new();
        for (name, value) in journal.switches().await? {
            let Some(path) = name.strip_prefix(SWITCH).filter(|path| path.starts_with('/')) else { continue };
            match serde_json::from_value(value.clone().into()) {
                Ok(mode) => drop(modes.insert(path.to_owned(), mode)),
                // Of a version to come: to hold loses nothing.
                Err(_) => {
                    tracing::error!(
                        path,
                        mode = value,
                        "a source has a mode that is not known here: it is paused"
                    );
                    modes.insert(path.to_owned(), Mode::Paused);
                }
            }
        }
        let modes = RwLock::new(modes);
        Ok(Arc::new(Self { live, journal, clock, modes, resume: Notify::new(), wake }))
    }

    /// The mode of a source now.
    pub async fn mode(&self, path: &str) -> Mode {
        self.modes.read().await.get(path).copied().unwrap_or_default()
    }

    /// The mode of a source, for as long as the answer is kept.
    pub async fn enter(&self, path: &str) -> Entered<'_> {
        let modes = self.modes.read().await;
        Entered { mode: modes.get(path).copied().unwrap_or_default(), _modes: modes }
    }

    /// Sets the mode of a source. One that was paused is opened once what it holds has begun. Answers what it is now.
    ///
    /// # Errors
    /// The journal cannot be written; then all is as it was.
    pub async fn set(&self, path: &str, mode: Mode) -> Result<Mode, JournalError> {
        // Under the lock, so that nothing is accepted under the mode that was.
        let mut modes = self.modes.write().await;
        let is_held = matches!(modes.get(path), Some(Mode::Paused | Mode::Resuming));
        let mode = if mode == Mode::Open && is_held { Mode::Resuming } else { mode };
        self.store(&mut modes, path, mode).await?;
        drop(modes);
        self.resume.notify_one();
        Ok(mode)
    }

    async fn store(&self, modes: &mut Modes, path: &str, mode: Mode) -> Result<(), JournalError> {
        let value = (mode != Mode::Open).then(|| mode.as_str().to_owned());
        self.journal.set_switch(&format!("{SWITCH}{path}"), value).await?;
        match mode {
            Mode::Open => modes.remove(path),
            other => modes.insert(path.to_owned(), other),
        };
        Ok(())
    }

    /// Opens the sources that are being resumed, until `shutdown`: also those that were when the service ended last.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            let resuming: Vec<String> = {
                let modes = self.modes.read().await;
                modes
                    .iter()
                    .filter(|(_, mode)| **mode == Mode::Resuming)
                    .map(|(path, _)| path.clone())
                    .collect()
            };
            for path in resuming {
                let resumed = tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    resumed = self.resume(&path) => resumed,
                };
                if let Err(error) = resumed {
                    tracing::error!(
                        path,
                        error = &error as &dyn std::error::Error,
                        "a source cannot be opened"
                    );
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.resume.notified() => {}
            }
        }
    }

    /// Lets begin what a source holds, and opens it.
    async fn resume(&self, path: &str) -> Result<(), JournalError> {
        let workflow = self.workflow(path);
        let release = async || match &workflow {
            Some(workflow) => self.release_all(workflow, OPENED).await,
            // Its workflow is gone, and what is held stays so: nothing could begin by its plan.
            None => Ok(0),
        };
        // Most of it while others go on being accepted, and what came meanwhile while they wait.
        while release().await? > PAGE {}
        let mut modes = self.modes.write().await;
        if modes.get(path) != Some(&Mode::Resuming) {
            return Ok(());
        }
        release().await?;
        self.store(&mut modes, path, Mode::Open).await
    }

    /// Lets begin all that a workflow holds, in the order in which it came. Answers how many runs that were.
    ///
    /// # Errors
    /// The journal cannot be read or written; what has begun stays so.
    pub async fn release_all(&self, workflow: &str, by: &str) -> Result<usize, JournalError> {
        let mut held = self.held(workflow, usize::MAX).await?;
        held.reverse();
        self.release(held, by).await
    }

    /// Lets held runs begin, in this order. One that is held no more, or is gone, is left as it is.
    ///
    /// # Errors
    /// The journal cannot be written; what has begun stays so.
    pub async fn release(&self, runs: Vec<RunId>, by: &str) -> Result<usize, JournalError> {
        let release = |run| {
            let released = What::Released { by: by.to_owned(), ticket: 0 };
            self.journal.append(run, Entry::new(self.clock.now_ms(), released))
        };
        let mut released = stream::iter(runs).map(release).buffered(ABREAST);
        let mut count = 0;
        while let Some(released) = released.next().await {
            match released {
                Ok(_) => count += 1,
                Err(
                    JournalError::Illegal { .. } | JournalError::Ended { .. } | JournalError::NoSuchRun(_),
                ) => {}
                Err(error) => return Err(error),
            }
        }
        self.wake.notify_one();
        Ok(count)
    }

    /// The latest runs that a workflow holds, at most so many, latest first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn held(&self, workflow: &str, most: usize) -> Result<Vec<RunId>, JournalError> {
        let filter = Filter { workflow: Some(workflow.to_owned()), phase: Some(PhaseName::Held) };
        let (mut held, mut cursor) = (Vec::new(), None);
        loop {
            let limit = PAGE.min(most.saturating_sub(held.len()));
            let page = self.journal.query(&filter, cursor, limit).await?;
            held.extend(page.runs.iter().map(|state| state.run));
            cursor = page.cursor;
            if cursor.is_none() || held.len() >= most {
                return Ok(held);
            }
        }
    }

    /// The workflow that a path begins runs of.
    fn workflow(&self, path: &str) -> Option<String> {
        match self.live.catalog().by_path.get(path)? {
            Route::Workflow(deployed) => Some(deployed.plan.name.to_string()),
            Route::Event(_) => None,
        }
    }
}
