//! What follows from a run's change for other runs, or for itself: done in the same draft. Each step touches one
//! further run, and none ends a run, so that there is an end to it.

use std::collections::VecDeque;

use stepmill_core::RunId;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{
    Became, Entry, OUTPUT_BYTES, Parent, Phase, Stand, State, Subscription, What, root,
};

use super::change::{Encoded, Found};
use super::{lane, publish};
use crate::batch::Draft;

/// What is still to be done, and what was.
#[derive(Default)]
pub(super) struct Follows {
    todo: VecDeque<Follow>,
    added: Vec<(RunId, Entry)>,
}

/// Something that follows.
pub(super) enum Follow {
    /// A run hears what has become of one that it has begun.
    Tell(RunId, Box<What>),
    /// A step has begun to wait for an event, which may be there.
    Listen(Listener),
    /// A lane has room.
    MoveUp(String),
}

/// A step that waits for an event.
pub(super) struct Listener {
    pub(super) run: RunId,
    /// The workflow that it is of, or of a part of.
    pub(super) workflow: String,
    pub(super) step: String,
    pub(super) event: String,
    pub(super) key: String,
}

impl Follows {
    /// Notes what is to be done.
    pub(super) fn add(&mut self, follows: impl IntoIterator<Item = Follow>) {
        self.todo.extend(follows);
    }

    /// Notes that a lane has room.
    pub(super) fn move_up(&mut self, lane: &str) {
        self.todo.push_back(Follow::MoveUp(lane.to_owned()));
    }

    /// Adds an entry to a run that nobody asked for.
    pub(super) fn extend(
        &mut self,
        draft: &mut Draft<'_, '_>,
        found: Found,
        entry: Entry,
    ) -> Result<State, JournalError> {
        let run = found.state.run;
        let state = found.extend(draft, self, vec![Encoded::new(entry.clone())?])?;
        self.added.push((run, entry));
        Ok(state)
    }

    /// Does all that is to be done. Answers the entries that were added by it, in order.
    pub(super) fn finish(mut self, draft: &mut Draft<'_, '_>) -> Result<Vec<(RunId, Entry)>, JournalError> {
        while let Some(follow) = self.todo.pop_front() {
            match follow {
                Follow::Tell(run, what) => self.hear(draft, run, *what)?,
                Follow::Listen(listener) => publish::hear_kept(draft, &mut self, &listener)?,
                Follow::MoveUp(key) => lane::move_up(draft, &mut self, &key)?,
            }
        }
        Ok(self.added)
    }

    /// One that is gone or has ended minds nothing.
    fn hear(&mut self, draft: &mut Draft<'_, '_>, run: RunId, what: What) -> Result<(), JournalError> {
        draft.take_up(run);
        let found = Found::read_other(draft, run)?.filter(|found| !found.state.phase.has_ended());
        if let Some(found) = found {
            let entry = Entry::new(draft.now_ms(), cut(what, &found.state));
            self.extend(draft, found, entry)?;
        }
        Ok(())
    }
}

/// What a run hears, without an output that would be too long with those before.
fn cut(mut what: What, state: &State) -> What {
    if let What::Child { step, became: Became::Succeeded { output, is_cut }, .. } = &mut what
        && let Stand::Children(children) = state.stand(step)
    {
        let bytes = output.as_ref().and_then(|output| u64::try_from(output.len()).ok()).unwrap_or_default();
        if children.bytes.saturating_add(bytes) > OUTPUT_BYTES {
            (*output, *is_cut) = (None, true);
        }
    }
    what
}

/// The events that a run waits for: step, event and key of each.
pub(super) struct Listening(Vec<[String; 3]>);

impl Listening {
    /// What it waits for now.
    pub(super) fn of(state: &State) -> Self {
        let names = |of: &Subscription<'_>| [of.step, of.event, of.key].map(str::to_owned);
        Self(state.subscriptions().iter().map(names).collect())
    }

    /// What it has begun to wait for since.
    pub(super) fn begun(self, state: &State) -> impl Iterator<Item = Follow> {
        let (run, workflow, Self(now)) = (state.run, root(&state.workflow).to_owned(), Self::of(state));
        let is_new = move |of: &[String; 3]| !self.0.contains(of);
        now.into_iter().filter(is_new).map(move |[step, event, key]| {
            Follow::Listen(Listener { run, workflow: workflow.clone(), step, event, key })
        })
    }
}

/// A run that another has begun.
pub(super) struct Heir {
    run: RunId,
    parent: Parent,
}

impl Heir {
    /// The run, if another has begun it.
    pub(super) fn of(state: &State) -> Option<Self> {
        state.parent.clone().map(|parent| Self { run: state.run, parent })
    }

    /// What whoever has begun it hears of a change of its phase.
    pub(super) fn hears(&self, was: &Phase, is: &Phase, what: &What) -> Option<Follow> {
        let became = match is {
            Phase::Succeeded => {
                let What::Succeeded { output } = what else { return None };
                let output = output.clone().filter(|_| self.parent.wants_output);
                Became::Succeeded { output, is_cut: false }
            }
            Phase::Dead { failure, .. } if !was.is_dead() => Became::Dead { failure: failure.clone() },
            Phase::Dead { .. } => return None,
            Phase::Cancelled => Became::Cancelled { was_dead: was.is_dead() },
            Phase::Held { .. }
            | Phase::Gathering { .. }
            | Phase::Queued { .. }
            | Phase::Ready { .. }
            | Phase::Retrying { .. }
            | Phase::Parked { .. }
            | Phase::Waiting { .. } => {
                if !was.is_dead() {
                    return None;
                }
                Became::Revived
            }
        };
        let Parent { run: parent, step, index, since, .. } = &self.parent;
        let (step, since, index, run) = (step.clone(), *since, *index, self.run);
        Some(Follow::Tell(*parent, Box::new(What::Child { step, since, index, run, became })))
    }
}
