//! Cancelling runs, with those that they have begun and wait for.
//!
//! A parent is cancelled before its children, so that it neither begins more of them nor dies of their end. If the
//! process ends in between, the children find out by themselves when they are next worked on.

use stepmill_core::journal::{Journal, JournalError};
use stepmill_core::run::{Entry, Stand, State, What, child_id};
use stepmill_core::{Clock, RunId};

/// Cancels a run and all below it. Gives its state after that.
///
/// # Errors
/// As [`Journal::append`] for the run itself. One below it that has ended already is no error.
pub async fn tree(
    journal: &dyn Journal,
    clock: &dyn Clock,
    run: RunId,
    by: &str,
    undo: bool,
) -> Result<State, JournalError> {
    let before = journal.state(run).await?;
    let what = What::Cancelled { by: by.to_owned(), undo };
    let state = journal.append(run, Entry::new(clock.now_ms(), what)).await?;
    trees(journal, clock, children(&before), by, undo).await?;
    Ok(state)
}

/// Cancels runs and all below them, as far as they are there and have not ended.
pub async fn trees(
    journal: &dyn Journal,
    clock: &dyn Clock,
    mut runs: Vec<RunId>,
    by: &str,
    undo: bool,
) -> Result<(), JournalError> {
    while let Some(run) = runs.pop() {
        let before = match journal.state(run).await {
            Ok(before) => before,
            Err(JournalError::NoSuchRun(_)) => continue,
            Err(error) => return Err(error),
        };
        let what = What::Cancelled { by: by.to_owned(), undo };
        match journal.append(run, Entry::new(clock.now_ms(), what)).await {
            Ok(_) | Err(JournalError::Ended { .. } | JournalError::NoSuchRun(_)) => {}
            Err(error) => return Err(error),
        }
        runs.extend(children(&before));
    }
    Ok(())
}

/// The runs that a run has begun and waits for.
pub fn children(state: &State) -> Vec<RunId> {
    let mut runs = Vec::new();
    for (step, progress) in &state.steps {
        if let Stand::Children(children) = &progress.stand {
            let id = |index| child_id(state.run, step, children.since, index, children.at_ms);
            runs.extend((0..children.begun).map(id));
        }
    }
    runs
}
