//! What writes. It takes up all requests that wait, makes one batch of them, makes that durable and only then
//! answers: one fdatasync serves them all. It is a thread, or for an inline journal whoever asks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepmill_core::journal::{BATCH_BYTES, Committed, Cursor, JournalError, Outcome, Published};
use stepmill_core::run::State;
use tokio::sync::{mpsc, oneshot};

use crate::batch::{Batch, Draft};
use crate::shared::Shared;
use crate::values::CommitFailure;
use crate::write::{self, Appended, Deploying, Offer, Opening, Prunable, Restored, Step};

/// Requests of one batch. More wait for the next: it bounds how long the first one waits.
const BATCH_REQUESTS: usize = 2_048;
/// How often the size on disk is looked up.
const SIZE_EVERY: Duration = Duration::from_secs(1);

/// Where the answer to a request goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

/// Something to be written.
pub(crate) enum Request {
    /// Accept these, all in one batch.
    Accept(Vec<Opening>, Answer<Vec<Outcome>>),
    /// Accept an event for runs that wait for it.
    Publish(Box<Offer>, Answer<Published>),
    /// Add to a run what whoever claimed it under an epoch has done.
    Commit(Box<Step>, u64, Answer<Committed>),
    /// Add an entry to a run, whoever works on it.
    Append(Box<Appended>, Answer<State>),
    /// Note that a schedule was seen at a time; answers its cursor.
    Cursor(String, u64, Answer<Cursor>),
    /// Move a schedule's cursor on.
    PassOver(String, u64, Answer<()>),
    /// Set a switch or take it away.
    Switch(String, Option<String>, Answer<()>),
    /// Have versions deployed.
    Deploy(Box<Deploying>, Answer<()>),
    /// Remove what is over; answers how many things went.
    Prune(Vec<Prunable>, Answer<usize>),
    /// Write exported values back.
    Restore(Vec<Restored>, Answer<()>),
    /// Write nothing from the answer on until the receiver hears something or is dropped.
    Hold(Hold),
}

/// See [`Request::Hold`].
pub(crate) struct Hold {
    pub(crate) answer: Answer<()>,
    pub(crate) until: oneshot::Receiver<()>,
}

type Waiter = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

/// Writes until the last sender is gone. `version` is the last one given to a storage write.
pub(crate) fn run(shared: &Arc<Shared>, mut requests: mpsc::Receiver<Request>, mut version: u64) {
    let mut sized = Instant::now();
    while let Some(first) = requests.blocking_recv() {
        if let Some(Hold { answer, until }) = write(shared, first, || requests.try_recv().ok(), &mut version)
            && answer.send(Ok(())).is_ok()
        {
            // Either way it is over.
            let _ = until.blocking_recv();
        }
        if sized.elapsed() >= SIZE_EVERY {
            shared.counters.set_bytes(shared.values.bytes());
            sized = Instant::now();
        }
    }
}

/// Makes one batch of requests. Answers whoever is to be waited for then.
pub(crate) fn write(
    shared: &Shared,
    first: Request,
    mut next: impl FnMut() -> Option<Request>,
    version: &mut u64,
) -> Option<Hold> {
    let mut batch = Batch::new(&shared.values, &shared.claims, shared.clock.now_ms(), *version);
    let mut waiting = Vec::new();
    let mut held = None;
    let mut request = Some(first);
    while let Some(taken) = request {
        if let Err(error) = shared.check() {
            refuse(taken, error);
        } else if let Request::Hold(hold) = taken {
            held = Some(hold);
            break;
        } else {
            let take_up = AssertUnwindSafe(|| take_up(&mut batch, taken, &mut waiting));
            if let Err(panic) = catch_unwind(take_up) {
                fail(shared, format!("the engine panicked: {}", panic_message(&*panic)));
            }
        }
        let is_full = waiting.len() >= BATCH_REQUESTS || batch.effects.bytes >= BATCH_BYTES;
        request = if is_full { None } else { next() };
    }
    *version = batch.version;
    finish(shared, batch, waiting);
    held
}

fn take_up(batch: &mut Batch<'_>, request: Request, waiting: &mut Vec<Waiter>) {
    let mut draft = batch.draft();
    match request {
        Request::Accept(openings, answer) => {
            let accepted = openings.into_iter().map(|opening| write::accept(&mut draft, opening));
            let accepted = accepted.collect();
            conclude(draft, accepted, answer, waiting);
        }
        Request::Publish(offer, answer) => {
            let published = write::publish(&mut draft, *offer);
            conclude(draft, published, answer, waiting);
        }
        Request::Commit(step, epoch, answer) => {
            let run = step.run();
            let committed = write::commit(&mut draft, *step, epoch);
            let has_ended = matches!(committed, Err(JournalError::Ended { .. }));
            conclude(draft, committed, answer, waiting);
            if has_ended {
                // Nothing more can be done under the claim.
                batch.end(run);
            }
        }
        Request::Append(appended, answer) => {
            let state = write::append(&mut draft, *appended);
            conclude(draft, state, answer, waiting);
        }
        Request::Cursor(schedule, now_ms, answer) => {
            let cursor = write::cursor(&mut draft, &schedule, now_ms);
            conclude(draft, cursor, answer, waiting);
        }
        Request::PassOver(schedule, until_ms, answer) => {
            let result = write::pass_over(&mut draft, &schedule, until_ms);
            conclude(draft, result, answer, waiting);
        }
        Request::Switch(name, value, answer) => {
            let result = write::set_switch(&mut draft, &name, value);
            conclude(draft, result, answer, waiting);
        }
        Request::Deploy(deploying, answer) => {
            let result = write::deploy(&mut draft, *deploying);
            conclude(draft, result, answer, waiting);
        }
        Request::Prune(prunables, answer) => {
            drop(draft);
            let mut gone = 0_usize;
            for prunable in prunables {
                let mut draft = batch.draft();
                match write::prune(&mut draft, prunable) {
                    Ok(went) => {
                        draft.merge();
                        gone += usize::from(went);
                    }
                    // It stays, and keeps nothing else from going.
                    Err(error) => tracing::error!(%error, "failed to prune a value of the journal"),
                }
            }
            conclude(batch.draft(), Ok(gone), answer, waiting);
        }
        Request::Restore(values, answer) => {
            let result = values.into_iter().try_for_each(|value| write::restore(&mut draft, value));
            conclude(draft, result, answer, waiting);
        }
        // Handled before.
        Request::Hold(_) => {}
    }
}

/// Merges a draft or drops it. A refusal is answered with the batch too: until then its run is settling
/// and could not be claimed.
fn conclude<T: Send + 'static>(
    draft: Draft<'_, '_>,
    result: Result<T, JournalError>,
    answer: Answer<T>,
    waiting: &mut Vec<Waiter>,
) {
    // Nobody minds an answer that nobody waits for any more.
    match result {
        Ok(outcome) => {
            draft.merge();
            waiting.push(Box::new(move |durable| drop(answer.send(durable.map(|()| outcome)))));
        }
        Err(error) => {
            drop(draft);
            waiting.push(Box::new(move |_| drop(answer.send(Err(error)))));
        }
    }
}

fn refuse(request: Request, error: JournalError) {
    match request {
        Request::Accept(_, answer) => drop(answer.send(Err(error))),
        Request::Publish(_, answer) => drop(answer.send(Err(error))),
        Request::Commit(_, _, answer) => drop(answer.send(Err(error))),
        Request::Append(_, answer) => drop(answer.send(Err(error))),
        Request::Cursor(_, _, answer) => drop(answer.send(Err(error))),
        Request::Prune(_, answer) => drop(answer.send(Err(error))),
        Request::PassOver(_, _, answer)
        | Request::Switch(_, _, answer)
        | Request::Deploy(_, answer)
        | Request::Restore(_, answer)
        | Request::Hold(Hold { answer, .. }) => drop(answer.send(Err(error))),
    }
}

/// Makes the batch durable and answers all that wait for it.
fn finish(shared: &Shared, batch: Batch<'_>, waiting: Vec<Waiter>) {
    let Batch { mut changes, effects, .. } = batch;
    shared.totals.write(&effects.totals, &mut changes);
    let touched = shared.notes.touched(&changes);
    let result = if let Some(failure) = shared.failure.get() {
        Err(failure.clone())
    } else if changes.is_empty() {
        Ok(())
    } else {
        let committed = catch_unwind(AssertUnwindSafe(|| shared.values.commit(changes)));
        match committed {
            Ok(Ok(())) => {
                shared.notes.note(touched);
                Ok(())
            }
            Ok(Err(CommitFailure::Refused(error))) => {
                tracing::error!(%error, "refused a batch of writes to the journal");
                Err(chain(&error))
            }
            Ok(Err(CommitFailure::Unknown(error))) => Err(fail(shared, chain(&error))),
            Err(panic) => Err(fail(shared, format!("the engine panicked: {}", panic_message(&*panic)))),
        }
    };
    // Also after a batch of refusals only: their runs are settling too.
    if result.is_ok() {
        shared.counters.add(&effects);
        shared.totals.add(&effects.totals);
        shared.claims.settle(&effects.ended, effects.placed);
    } else {
        // Claims stay as they are: what is on disk is unknown or unchanged.
        shared.claims.settle(&[], Vec::new());
    }
    for waiter in waiting {
        waiter(result.clone().map_err(|cause| JournalError::Io {
            doing: "failed to commit to the journal".into(),
            source: cause.into(),
        }));
    }
}

/// Notes that nothing may be assumed any more.
fn fail(shared: &Shared, cause: String) -> String {
    tracing::error!(cause, "a write of the journal failed: all writes are refused until a restart");
    shared.failure.get_or_init(|| cause).clone()
}

/// An error and its causes in one line, for many waiters.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
