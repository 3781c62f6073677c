//! Redrives that rules have in store for dead letters.

use std::time::Duration;

use stepmill_core::attempt::{Failure, Record};
use stepmill_core::dead::{Category, Redrive};
use stepmill_core::journal::{JournalError, Transition};
use stepmill_core::run::{Children, Entry, Failures, Parent, Phase, Stand, State, What};

use super::{Flight, rest_after};
use crate::dispatcher::Shared;

impl Shared {
    /// Redrives a dead letter by the rule that has that in store for it: from the step that failed, or from the start
    /// if what the run had done was undone.
    pub(super) async fn redrive(&self, state: &State, epoch: u64) -> Option<Duration> {
        let (run, at_ms) = (state.run, self.dispatcher.clock.now_ms());
        // Without one it has no place in a queue; and the clock may have been set back since it was claimed.
        let Some(redrive) = state.redrive().filter(|redrive| redrive.at_ms <= at_ms) else {
            return Some(Duration::ZERO);
        };
        let number = state.rule_redrives.saturating_add(1);
        tracing::info!(%run, workflow = %state.workflow, number, of = redrive.times, "a rule redrives a dead letter");
        let what = What::Redriven {
            from_start: matches!(state.phase, Phase::Dead { undone: true, .. }),
            document: None,
            version: None,
            by: format!("a rule, {number} of {}", redrive.times),
            by_rule: true,
        };
        let entries = vec![Entry::new(at_ms, what)];
        let transition = Transition { seen: state.seq, entries, ..Transition::default() };
        match self.dispatcher.journal.commit(run, epoch, transition).await {
            // Somebody was faster, and may have had something else in mind.
            Ok(_) | Err(JournalError::Overtaken { .. }) => Some(Duration::ZERO),
            Err(error) => rest_after(run, &error),
        }
    }

    /// Whether a redrive would be of use: nobody has begun the run, or whoever has waits until it has succeeded. A list
    /// that goes on without an item, or stops at it, has counted it when it died.
    async fn is_waited_for(&self, parent: Option<Parent>) -> bool {
        let Some(parent) = parent else { return true };
        match self.dispatcher.journal.state(parent.run).await {
            Ok(of) => match of.stand(&parent.step) {
                Stand::Children(Children { since, failures: Failures::All, .. }) => *since == parent.since,
                _ => false,
            },
            Err(_) => false,
        }
    }
}

impl Flight<'_> {
    /// The redrive that a rule has in store for the run once it has died of this.
    pub(super) async fn redrive(
        &mut self,
        category: Category,
        failure: &Failure,
        record: &Record,
    ) -> Option<Redrive> {
        let (made, now_ms) = (self.state.rule_redrives, self.now_ms());
        let redrive = self.plan.redrive.redrive(category, failure, record, made, now_ms)?;
        self.shared.is_waited_for(self.state.parent.clone()).await.then_some(redrive)
    }
}
