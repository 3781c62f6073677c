//! The attempts at a step that the journal of a run has.

use std::collections::BTreeSet;

use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::document::Document;
use stepmill_core::run::{Entry, IllegalTransition, State, What, next};

use crate::dispatcher::Moment;

/// An attempt that was made.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// What is kept of it.
    pub(super) record: Record,
    /// What came of it: none of a pure step that succeeded, which is recomputed.
    pub(super) output: Option<Document>,
    /// The run then.
    pub(super) moment: Moment,
}

/// The attempts at a step, in the order of their ends. Pure steps are made again whenever the run goes on: the first
/// counts, and the first after each redrive, which may feed them something else.
///
/// # Errors
/// The journal is not one that a run can have.
pub(super) fn made(entries: &[Entry], step: &str) -> Result<Vec<Made>, IllegalTransition> {
    let mut found = Vec::new();
    let mut state: Option<State> = None;
    let mut pure_seen = BTreeSet::new();
    for (at, entry) in entries.iter().enumerate() {
        let before = entries.get(..at).unwrap_or_default();
        if let Some(state) = &state {
            let moment = |record: &Record| Moment {
                state: state.clone(),
                entries: before.to_vec(),
                at_ms: record.started_ms,
                step: step.to_owned(),
            };
            let pure = entry.pure.iter().filter(|record| record.step == step);
            for record in pure {
                if pure_seen.insert((state.redrives, record.number)) {
                    found.push(Made { record: record.clone(), output: None, moment: moment(record) });
                }
            }
            if let Some((record, output)) = attempt(&entry.what).filter(|(record, _)| record.step == step) {
                let (record, output) = (record.clone(), output.cloned());
                found.push(Made { moment: moment(&record), record, output });
            }
        }
        state = Some(next(state, entry)?);
    }
    Ok(found)
}

fn attempt(what: &What) -> Option<(&Record, Option<&Document>)> {
    match what {
        What::StepSucceeded { output, record } => Some((record, Some(output))),
        What::AttemptFailed { record, .. } | What::Died { record, .. } => Some((record, None)),
        What::Accepted(_)
        | What::Gathered { .. }
        | What::Turn
        | What::Parked { .. }
        | What::Began { .. }
        | What::Spawned { .. }
        | What::Child { .. }
        | What::Heard { .. }
        | What::Decided { .. }
        | What::Elapsed { .. }
        | What::Rests
        | What::Undone
        | What::Succeeded { .. }
        | What::Redriven { .. }
        | What::Snoozed { .. }
        | What::Released { .. }
        | What::Cancelled { .. } => None,
    }
}

impl Made {
    /// Why there is nothing to compare a candidate with.
    pub(super) fn is_no_measure(&self) -> Option<String> {
        let Failure { cause, message, .. } = self.record.failure.as_ref()?;
        match cause {
            Cause::Expression | Cause::TimedOut | Cause::Declined | Cause::Child => {
                Some(format!("no attempt was made: {message}"))
            }
            Cause::Host => Some(format!("the host failed: {message}")),
            Cause::StorageConflict => Some("it lost a race for storage, and what it gave is not kept".into()),
            Cause::Rejected
            | Cause::Invalid
            | Cause::RetryAsked
            | Cause::Trap
            | Cause::StackOverflow
            | Cause::MemoryLimit
            | Cause::CpuDeadline
            | Cause::WallDeadline
            | Cause::OutputLimit
            | Cause::BadAnswer => None,
        }
    }
}
