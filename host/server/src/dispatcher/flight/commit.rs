//! Taking the run on; the one place that does.

use stepmill_core::journal::{Acceptance, Committed, PhaseName, Transition};
use stepmill_core::run::{Entry, Pending, Phase, What};
use stepmill_core::storage::StorageWrite;

use super::{Flight, Stop, Unsaid};
use crate::answers::Answer;
use crate::metrics;

/// What is committed together with entries.
#[derive(Default)]
pub(super) struct Along {
    /// Plugin storage writes.
    pub(super) writes: Vec<StorageWrite>,
    /// Runs that begin.
    pub(super) spawns: Vec<Acceptance>,
    /// What must become of the run for them to begin.
    pub(super) spawns_if: Option<PhaseName>,
}

impl Flight<'_> {
    /// Commits entries, and that the run rests if nothing is left to do for it then.
    ///
    /// # Errors
    /// Also the reason to stop if the claim has ended with it, or a drain has begun.
    pub(super) async fn commit(&mut self, whats: Vec<What>, along: Along) -> Result<(), Stop> {
        let rests = self.is_held() && !whats.last().is_some_and(is_turn);
        self.write(whats, along, rests).await
    }

    async fn write(&mut self, whats: Vec<What>, along: Along, rests: bool) -> Result<(), Stop> {
        let at_ms = self.now_ms();
        let seen = self.state.seq;
        let mut entries: Vec<Entry> = whats.into_iter().map(|what| Entry::new(at_ms, what)).collect();
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        if let Some(last) = entries.last_mut() {
            last.rests = rests.then(|| seen.saturating_add(count));
        }
        if let Some(first) = entries.first_mut() {
            first.pure = std::mem::take(&mut self.pure);
        }
        // Rounds that begin now are looked up when their runs have ended; nothing else of one's own is.
        let rounds: Vec<(usize, Entry)> =
            entries.iter().enumerate().filter(is_round).map(|(at, entry)| (at, entry.clone())).collect();
        let has_spawned = !along.spawns.is_empty();
        let Along { writes, spawns, spawns_if } = along;
        let transition = Transition { seen, entries, writes, spawns, spawns_if };
        let journal = &self.shared.dispatcher.journal;
        let Committed { state, before, after } =
            journal.commit(self.state.run, self.epoch, transition).await?;
        self.state = state;
        self.speak();
        if has_spawned {
            self.shared.dispatcher.wake.notify_one();
        }
        match &self.state.phase {
            Phase::Ready { .. } => {}
            ended @ (Phase::Succeeded | Phase::Dead { .. } | Phase::Cancelled) => {
                metrics::run_ended(&self.state.workflow, ended.name());
                return Err(Stop::Committed);
            }
            Phase::Held { .. }
            | Phase::Gathering { .. }
            | Phase::Queued { .. }
            | Phase::Retrying { .. }
            | Phase::Parked { .. }
            | Phase::Waiting { .. } => return Err(Stop::Committed),
        }
        let own = u32::try_from(before.len()).unwrap_or(u32::MAX).saturating_add(count);
        let first = seen.saturating_add(own.saturating_sub(count));
        let at = |index: usize| first.saturating_add(u32::try_from(index).unwrap_or(u32::MAX));
        self.told.extend(rounds.into_iter().map(|(index, entry)| (at(index), entry)));
        self.told.extend((seen..).zip(before));
        self.told.extend((seen.saturating_add(own)..).zip(after));
        self.hear(seen);
        if self.shared.draining.is_cancelled() && self.running.is_empty() {
            return Err(Stop::Draining);
        }
        Ok(())
    }

    /// Gives a sender that waits the answers that are kept for it.
    pub(super) fn speak(&mut self) {
        let (run, answers) = (self.state.run, &self.shared.dispatcher.answers);
        for unsaid in self.unsaid.drain(..) {
            match unsaid {
                Unsaid::Output(from, output) => answers.give(run, from.as_deref(), || Answer::Output(output)),
                Unsaid::Failed(failure) => answers.end(run, Answer::Failed(failure)),
                Unsaid::Ended => answers.end(run, Answer::Nothing),
            }
        }
    }

    /// Commits that the run rests.
    pub(super) async fn rest(&mut self) -> Result<(), Stop> {
        self.write(vec![What::Rests], Along::default(), true).await
    }

    /// Whether nothing can be done for the run until a step that waits goes on.
    fn is_held(&self) -> bool {
        self.running.is_empty()
            && self.doomed.is_none()
            && !self.is_leaving()
            && !self.walk.is_done()
            && self.walk.next().is_none()
            && self.state.undoing.is_none()
    }
}

/// Whether the entry begins a round of runs.
fn is_round((_, entry): &(usize, &Entry)) -> bool {
    matches!(entry.what, What::Began { pending: Pending::Children { .. }, .. })
}

/// Whether the run ends with the entry, or begins to undo what it has done.
fn is_turn(what: &What) -> bool {
    matches!(what, What::Died { .. } | What::Undone | What::Succeeded { .. })
}
