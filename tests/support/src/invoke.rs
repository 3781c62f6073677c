//! [`Invoke`] without a sandbox: answers what a test has written down, and remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;
use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::document::Document;
use stepmill_core::invoke::{Attempt, Report};
use stepmill_core::storage::StorageWrite;
use stepmill_core::{Clock, Invoke};
use tokio::sync::watch;

use crate::trace::Trace;

/// How one attempt goes.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It succeeds with its input as its output: also what comes after the last answer of a step.
    Echo,
    /// It succeeds with this output.
    Output(Value),
    /// It succeeds with this output and these storage writes.
    Writes(Value, Vec<StorageWrite>),
    /// It fails.
    Failure(Failure),
    /// The host panics over it.
    Panic,
    /// It hangs until the gate is opened, then goes as the answer inside says.
    Held(Gate, Box<Answer>),
}

impl Answer {
    /// A failure with this cause.
    pub fn fail(cause: Cause) -> Self {
        Self::Failure(Failure::new(cause, "as scripted"))
    }
}

/// Holds attempts until it is opened. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Gate {
    /// An answer that hangs until this gate is opened.
    pub fn holds(&self, answer: Answer) -> Answer {
        Answer::Held(self.clone(), Box::new(answer))
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn pass(&self) {
        // The sender is in `self`, so that there is one.
        let _ = self.0.subscribe().wait_for(|is_open| *is_open).await;
    }
}

/// One attempt as it was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// With what.
    pub attempt: Attempt,
}

type Answers = Box<dyn Iterator<Item = Answer> + Send>;

/// A scripted [`Invoke`]: each step has answers of its own, taken in the order in which it is attempted.
pub struct Scripted {
    clock: Arc<dyn Clock>,
    trace: Trace,
    answers: Mutex<HashMap<String, Answers>>,
    asked: watch::Sender<Vec<Asked>>,
    going: Mutex<Going>,
}

#[derive(Default)]
struct Going {
    now: usize,
    most: usize,
}

impl Scripted {
    /// Echoes every attempt, and notes it in `trace` as `attempt STEP NUMBER`.
    pub fn new(clock: Arc<dyn Clock>, trace: Trace) -> Self {
        Self {
            clock,
            trace,
            answers: Mutex::default(),
            asked: watch::Sender::new(Vec::new()),
            going: Mutex::default(),
        }
    }

    /// Writes down how the next attempts of a step go, in place of what was written before.
    pub fn script(&self, step: &str, answers: impl IntoIterator<Item = Answer, IntoIter: Send + 'static>) {
        self.answers.lock().unwrap().insert(step.to_owned(), Box::new(answers.into_iter()));
    }

    /// All attempts so far, in the order in which they began.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// The attempts of one step.
    pub fn asked_of(&self, step: &str) -> Vec<Asked> {
        self.asked.borrow().iter().filter(|asked| &*asked.attempt.step == step).cloned().collect()
    }

    /// Waits until `count` attempts have begun.
    pub async fn begun(&self, count: usize) {
        self.asked.subscribe().wait_for(|asked| asked.len() >= count).await.unwrap();
    }

    /// Most attempts that were going at one time.
    pub fn most_at_once(&self) -> usize {
        self.going.lock().unwrap().most
    }

    fn take(&self, step: &str) -> Answer {
        self.answers.lock().unwrap().get_mut(step).and_then(Iterator::next).unwrap_or(Answer::Echo)
    }
}

/// Counts an attempt as going until it is dropped, however it ends.
struct Count<'a>(&'a Mutex<Going>);

impl<'a> Count<'a> {
    fn new(going: &'a Mutex<Going>) -> Self {
        let mut count = going.lock().unwrap();
        count.now += 1;
        count.most = count.most.max(count.now);
        Self(going)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap().now -= 1;
    }
}

#[async_trait]
impl Invoke for Scripted {
    async fn invoke(&self, attempt: Attempt) -> Report {
        let _count = Count::new(&self.going);
        let at_ms = self.clock.now_ms();
        self.trace.note(format!("attempt {} {}", attempt.step, attempt.number));
        let mut answer = self.take(&attempt.step);
        self.asked.send_modify(|asked| asked.push(Asked { at_ms, attempt: attempt.clone() }));
        let (outcome, writes) = loop {
            match answer {
                Answer::Held(gate, inner) => {
                    gate.pass().await;
                    answer = *inner;
                }
                Answer::Echo => break (Ok(Arc::clone(&attempt.input)), Vec::new()),
                Answer::Output(output) => break (Ok(Arc::new(Document::json(&output))), Vec::new()),
                Answer::Writes(output, writes) => break (Ok(Arc::new(Document::json(&output))), writes),
                Answer::Failure(failure) => break (Err(failure), Vec::new()),
                Answer::Panic => panic!("a panic of the host, as scripted"),
            }
        };
        let record = Record {
            step: attempt.step.to_string(),
            number: attempt.number,
            plugin: attempt.plugin.to_string(),
            digest: attempt.digest.to_string(),
            started_ms: at_ms,
            took_us: 0,
            memory_bytes: 0,
            failure: outcome.as_ref().err().cloned(),
            exchanges: Vec::new(),
            logs: Vec::new(),
        };
        Report { outcome, record, writes }
    }
}
