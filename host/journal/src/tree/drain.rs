//! The thread that brings the tree on disk up to date with a full segment, and lets the segment go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use stepmill_core::journal::JournalError;

use super::Changes;
use super::logged::Layers;
use crate::committer::{chain, panic_message};
use crate::error::broken;
use crate::log::Full;

const BEHIND: &str = "the tree of the journal could not be brought up to date";

/// A full segment and what is in it.
pub(super) struct Load {
    pub(super) changes: Arc<Changes>,
    pub(super) segment: Option<Full>,
}

/// The thread's handle.
pub(super) struct Drain {
    loads: Option<Sender<Load>>,
    thread: Option<JoinHandle<()>>,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_busy: bool,
    /// Why the tree on disk can no longer be written.
    failure: Option<String>,
}

impl Drain {
    /// Starts the thread.
    pub(super) fn start(layers: Arc<Layers>) -> std::io::Result<Self> {
        let (loads, receiver) = channel();
        let progress = Arc::new(Progress::default());
        let thread = std::thread::Builder::new().name("journal-drain".into()).spawn({
            let progress = Arc::clone(&progress);
            move || run(&layers, &receiver, &progress)
        })?;
        Ok(Self { loads: Some(loads), thread: Some(thread), progress })
    }

    /// Waits until nothing is on its way to the tree on disk.
    pub(super) fn wait(&self) -> Result<(), JournalError> {
        let mut state = self.progress.state();
        while state.is_busy {
            state = self.progress.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.check()
    }

    /// Refuses if the tree on disk can no longer be written.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        match &self.progress.state().failure {
            None => Ok(()),
            Some(failure) => Err(broken(BEHIND, failure.clone())),
        }
    }

    /// Sends a load on its way. Nothing else may be.
    pub(super) fn send(&self, load: Load) {
        self.progress.state().is_busy = true;
        if let Some(loads) = &self.loads
            && loads.send(load).is_err()
        {
            self.progress.end(Some("its thread has ended".into()));
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.loads = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the journal's tree panicked");
        }
    }
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, failure: Option<String>) {
        let mut state = self.state();
        state.is_busy = false;
        state.failure = state.failure.take().or(failure);
        self.changed.notify_all();
    }
}

fn run(layers: &Layers, loads: &Receiver<Load>, progress: &Progress) {
    for Load { changes, segment } in loads {
        let drained = catch_unwind(AssertUnwindSafe(|| layers.base.write(&changes)))
            .unwrap_or_else(|panic| Err(broken("the engine panicked", panic_message(&*panic))));
        let failure = match drained {
            Ok(()) => {
                drop(layers.overlay_mut().drained());
                let retired = segment.map_or(Ok(()), Full::retire);
                retired.err().map(|error| format!("failed to put a segment of the log aside: {error}"))
            }
            Err(error) => Some(chain(&error)),
        };
        if let Some(failure) = &failure {
            tracing::error!(failure, "the journal's tree can no longer be written");
        }
        progress.end(failure);
    }
}
