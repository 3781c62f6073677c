//! Senders that wait for a synchronous answer: what a step of their run gives, or why there is none.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stepmill_core::RunId;
use stepmill_core::attempt::Failure;
use stepmill_core::document::Document;
use tokio::sync::oneshot;

/// What a sender is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What the step gave.
    Output(Arc<Document>),
    /// The run failed for good before it.
    Failed(Failure),
    /// The run has ended without it.
    Nothing,
}

/// The senders that wait. In memory: a sender that waits does so on a connection of this process.
#[derive(Debug, Default)]
pub struct Answers {
    waiting: Mutex<HashMap<RunId, Waiting>>,
    count: AtomicUsize,
}

#[derive(Debug)]
struct Waiting {
    /// The step; the run's output for none.
    from: Option<String>,
    sender: oneshot::Sender<Answer>,
}

/// A wait for an answer.
#[derive(Debug)]
pub struct Wait {
    answers: Arc<Answers>,
    run: RunId,
    receiver: oneshot::Receiver<Answer>,
}

impl Wait {
    /// The answer; none if it does not come in time.
    pub async fn within(mut self, time: Duration) -> Option<Answer> {
        tokio::time::timeout(time, &mut self.receiver).await.ok()?.ok()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.answers.forget(self.run);
    }
}

impl Answers {
    /// Waits for what a step of a run gives, from before the run is accepted until what this answers is dropped.
    pub fn wait(self: &Arc<Self>, run: RunId, from: Option<&str>) -> Wait {
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(run, Waiting { from: from.map(str::to_owned), sender });
        self.count.fetch_add(1, Ordering::Relaxed);
        Wait { answers: Arc::clone(self), run, receiver }
    }

    fn forget(&self, run: RunId) {
        if self.waiting().remove(&run).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether anybody waits for anything.
    pub fn are_waited_for(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Answers whoever waits for this step of the run; for the run's output with none.
    pub fn give(&self, run: RunId, from: Option<&str>, answer: impl FnOnce() -> Answer) {
        if !self.are_waited_for() {
            return;
        }
        let mut waiting = self.waiting();
        if waiting.get(&run).is_some_and(|waiting| waiting.from.as_deref() == from)
            && let Some(found) = waiting.remove(&run)
        {
            self.count.fetch_sub(1, Ordering::Relaxed);
            // It may have given up.
            let _ = found.sender.send(answer());
        }
    }

    /// Answers whoever waits for anything of the run: it has ended.
    pub fn end(&self, run: RunId, answer: Answer) {
        if !self.are_waited_for() {
            return;
        }
        if let Some(found) = self.waiting().remove(&run) {
            self.count.fetch_sub(1, Ordering::Relaxed);
            let _ = found.sender.send(answer);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<RunId, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
