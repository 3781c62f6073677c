//! What comes of the runs that a step has begun.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::document::Document;
use stepmill_core::run::{Became, Carried, Failures, OUTPUT_BYTES, Pending, What, child_id};
use stepmill_core::workflow::{ForEachStep, PlannedStep, Work};

use super::{Flight, Stop};
use crate::cancel;

/// Who ends the items that a `for-each` step has stopped.
const STOPPED: &str = "for-each: an item failed";

impl Flight<'_> {
    /// Settles a step that waits for none of its runs any more, by what had become of them when that was so: in the
    /// entry of this number.
    pub(super) fn joined(&mut self, index: usize, step: &PlannedStep, seq: u32) -> Result<(), Stop> {
        let (since, detached) = match self.told.get(&seq).map(|entry| &entry.what) {
            Some(What::Child { since, .. }) => (*since, None),
            Some(What::Began { pending: Pending::Children { since, at_ms, .. }, .. }) => {
                (*since, Some(*at_ms))
            }
            _ => return Err(self.lacks("what a step was done with")),
        };
        if let (Work::Call { detach: true, .. }, Some(at_ms)) = (&step.work, detached) {
            let run = child_id(self.state.run, &step.id, since, 0, at_ms);
            self.done(index, step, Arc::new(Document::json(&json!({ "run": run }))));
            return Ok(());
        }
        let ends = self.ends(&step.id, since, seq);
        self.joined_by(index, step, ends);
        Ok(())
    }

    /// Settles a step that has begun no runs, as there was nothing to begin them for.
    pub(super) fn joined_none(&mut self, index: usize, step: &PlannedStep) {
        self.joined_by(index, step, BTreeMap::new());
    }

    fn joined_by(&mut self, index: usize, step: &PlannedStep, ends: BTreeMap<u32, Ended>) {
        let (failures, outputs, is_call) = match &step.work {
            Work::ForEach(for_each) => (for_each.failures, for_each.outputs, false),
            _ => (Failures::All, true, true),
        };
        let failed: Vec<u32> =
            ends.iter().filter(|(_, end)| end.failure.is_some()).map(|(at, _)| *at).collect();
        let failure = if failures != Failures::Collect && !failed.is_empty() {
            let first = failed.first().copied().unwrap_or_default();
            let why = ends.get(&first).and_then(|end| end.failure.clone()).unwrap_or_default();
            let count = failed.len();
            let of_items = || format!("{count} of the items failed, the first of them item {first}: {why}");
            Some(Failure::new(Cause::Child, if is_call { why.clone() } else { of_items() }))
        } else if outputs && ends.values().any(|end| end.is_cut) {
            let message = format!(
                "the outputs of the runs are over {OUTPUT_BYTES} bytes together: let them give less, or write outputs: false"
            );
            Some(Failure::new(Cause::OutputLimit, message))
        } else {
            None
        };
        if let Some(failure) = failure {
            let record = self.unmade_step(step, failure);
            self.walk.begin(index);
            return self.doom(record);
        }
        let output = if is_call {
            called(ends)
        } else if outputs {
            Value::Array(ends.into_values().map(Ended::into_value).collect())
        } else {
            json!({ "count": ends.len(), "failed": failed.len() })
        };
        self.done(index, step, Arc::new(Document::json(&output)));
    }

    /// What the run gave that a step called, as the entries up to one have it.
    pub(super) fn output_of_call(&self, step: &str, round: u32, up_to: u32) -> Arc<Document> {
        Arc::new(Document::json(&called(self.ends(step, round, up_to))))
    }

    /// What became of the runs of one round of a step, up to an entry, and of those that it has carried over.
    fn ends(&self, step: &str, round: u32, up_to: u32) -> BTreeMap<u32, Ended> {
        let mut found = BTreeMap::new();
        if let Some(carried) = self.carried_by(step, round).filter(|carried| carried.from < round) {
            found = self.ends(step, carried.from, up_to);
            found.retain(|index, _| carried.has(*index));
        }
        found.extend(ends(self.told.range(..=up_to).map(|(_, entry)| &entry.what), step, round));
        found
    }

    /// The rounds of a step, in order.
    fn rounds(&self, of: &str) -> impl DoubleEndedIterator<Item = Round<'_>> {
        self.told.iter().filter_map(move |(seq, entry)| match &entry.what {
            What::Began { step, pending: Pending::Children { total, since, at_ms, carried, .. } }
                if step == of =>
            {
                let (seq, total, since, at_ms) = (*seq, *total, *since, *at_ms);
                Some(Round { seq, total, since, at_ms, carried: carried.as_ref() })
            }
            _ => None,
        })
    }

    /// What a round of a step has carried over.
    pub(super) fn carried_by(&self, of: &str, round: u32) -> Option<&Carried> {
        self.rounds(of).find(|begun| begun.since == round)?.carried
    }

    /// What a step that a redrive begins again need not do again: the items that succeeded in its last round, if it
    /// was about the same list.
    pub(super) fn carried(&self, of: &str, total: u32) -> Option<Carried> {
        let Round { seq, since: from, .. } =
            self.rounds(of).next_back().filter(|last| last.total == total)?;
        let is_anew = |what: &What| {
            matches!(what, What::Redriven { from_start, document, version, .. }
                if *from_start || document.is_some() || version.is_some())
        };
        if self.told.range(seq..).any(|(_, entry)| is_anew(&entry.what)) {
            return None;
        }
        let mut ends = self.ends(of, from, u32::MAX);
        ends.retain(|_, end| end.failure.is_none() && !end.is_cut);
        let is_some = !ends.is_empty() && u32::try_from(ends.len()).is_ok_and(|count| count < total);
        let bytes = ends.values().map(|end| end.bytes).fold(0, u64::saturating_add);
        is_some.then(|| Carried::new(from, ends.into_keys(), bytes))
    }

    /// Cancels the runs of a step that has stopped at the first that failed.
    pub(super) async fn stop_others(&mut self, step: &str) -> Result<(), Stop> {
        let Some(planned) = self.plan.steps.iter().find(|planned| *planned.id == *step) else {
            return Ok(());
        };
        let Work::ForEach(ForEachStep { failures: Failures::Stop, .. }) = &planned.work else {
            return Ok(());
        };
        let Some(Round { since, total, at_ms, .. }) = self.rounds(step).next_back() else { return Ok(()) };
        let ended = self.ends(step, since, u32::MAX);
        let children = (0..total).filter(|index| !ended.contains_key(index));
        let children = children.map(|index| child_id(self.state.run, step, since, index, at_ms)).collect();
        let dispatcher = &self.shared.dispatcher;
        cancel::trees(&*dispatcher.journal, &*dispatcher.clock, children, STOPPED, false).await?;
        Ok(())
    }
}

/// A round of a step that begins runs, as the entry says that began it.
struct Round<'e> {
    /// Number of that entry.
    seq: u32,
    total: u32,
    since: u32,
    at_ms: u64,
    carried: Option<&'e Carried>,
}

/// The output of the one run that was called.
fn called(ends: BTreeMap<u32, Ended>) -> Value {
    ends.into_values().next().and_then(|end| end.output).unwrap_or(Value::Null)
}

/// How a run ended that a step has begun.
struct Ended {
    output: Option<Value>,
    bytes: u64,
    failure: Option<String>,
    run: String,
    is_cut: bool,
}

impl Ended {
    fn into_value(self) -> Value {
        match self.failure {
            Some(message) => json!({ "error": { "message": message, "run": self.run } }),
            None => self.output.unwrap_or(Value::Null),
        }
    }
}

/// What became of the runs of one round of a step, by their index.
fn ends<'e>(whats: impl Iterator<Item = &'e What>, of: &str, round: u32) -> BTreeMap<u32, Ended> {
    let mut ends = BTreeMap::new();
    for what in whats {
        let What::Child { step, since, index, run, became } = what else { continue };
        if step != of || *since != round {
            continue;
        }
        let ended = |output: Option<&Document>, failure, is_cut| Ended {
            output: output.map(Document::to_value),
            bytes: output.and_then(|output| u64::try_from(output.len()).ok()).unwrap_or_default(),
            failure,
            run: run.to_string(),
            is_cut,
        };
        let end = match became {
            Became::Succeeded { output, is_cut } => ended(output.as_ref(), None, *is_cut),
            Became::Dead { failure } => ended(None, Some(failure.message.clone()), false),
            Became::Cancelled { .. } => ended(None, Some("it was cancelled".into()), false),
            Became::Revived => {
                ends.remove(index);
                continue;
            }
        };
        ends.insert(*index, end);
    }
    ends
}
