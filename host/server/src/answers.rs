//! Senders that wait for a synchronous answer: what a step of their run gives, or why there is none. Of one run there are
//! several if its event is sent again meanwhile; after it the journal says what was answered.

mod recorded;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stepmill_core::RunId;
use stepmill_core::attempt::Failure;
use stepmill_core::document::Document;
use tokio::sync::oneshot;

pub use recorded::{Recorded, recorded};

/// What a sender is answered.
#[derive(Clone, Debug, PartialEq)]
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
    waiting: Mutex<HashMap<RunId, Vec<Waiting>>>,
    /// How many wait.
    count: AtomicUsize,
    /// How many have waited so far.
    total: AtomicU64,
}

#[derive(Debug)]
struct Waiting {
    /// Which of those that have waited.
    number: u64,
    /// The step; the run's output for none.
    from: Option<String>,
    sender: oneshot::Sender<Answer>,
}

/// A wait for an answer.
#[derive(Debug)]
pub struct Wait {
    answers: Arc<Answers>,
    run: RunId,
    number: u64,
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
        self.answers.take(self.run, |waiting| waiting.number == self.number);
    }
}

impl Answers {
    /// Waits for what a step of a run gives, from before the run is accepted, or its journal is read, until what this
    /// answers is dropped.
    pub fn wait(self: &Arc<Self>, run: RunId, from: Option<&str>) -> Wait {
        let (sender, receiver) = oneshot::channel();
        let number = self.total.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting { number, from: from.map(str::to_owned), sender };
        self.waiting().entry(run).or_default().push(waiting);
        self.count.fetch_add(1, Ordering::Relaxed);
        Wait { answers: Arc::clone(self), run, number, receiver }
    }

    /// Those of a run that are so, who wait no more.
    fn take(&self, run: RunId, is_meant: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        let Some(of_run) = waiting.get_mut(&run) else { return Vec::new() };
        let taken: Vec<_> = of_run.extract_if(.., |waiting| is_meant(waiting)).collect();
        if of_run.is_empty() {
            waiting.remove(&run);
        }
        self.count.fetch_sub(taken.len(), Ordering::Relaxed);
        taken
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
        let found = self.take(run, |waiting| waiting.from.as_deref() == from);
        if !found.is_empty() {
            tell(found, &answer());
        }
    }

    /// Answers whoever waits for anything of the run: it has ended.
    pub fn end(&self, run: RunId, answer: Answer) {
        if self.are_waited_for() {
            tell(self.take(run, |_| true), &answer);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<RunId, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(found: Vec<Waiting>, answer: &Answer) {
    for waiting in found {
        // It may have given up.
        let _ = waiting.sender.send(answer.clone());
    }
}
