//! Runs that gather events before they begin.

use stepmill_core::journal::{JournalError, Outcome};
use stepmill_core::run::{Entry, State, What};

use super::change::{Encoded, Found};
use super::follow::Follows;
use crate::batch::Draft;
use crate::error::damaged;
use crate::keys;
use crate::tree::Order;

/// The run that gathers what `new` would begin to gather; none if there is none, or if it is about to begin.
pub(super) fn gatherer(draft: &Draft<'_, '_>, new: &State) -> Result<Option<Found>, JournalError> {
    let Some(key) = new.gathers() else { return Ok(None) };
    // The latest: one before it is about to begin.
    let span = keys::gathering(&new.workflow, key);
    let Some((at, _)) = draft.scan(&span, Order::Descending, 1)?.into_iter().next() else { return Ok(None) };
    let run = keys::parse_gatherer(&at).ok_or_else(|| damaged(&at, "no run that gathers"))?;
    let is_held = draft.take_up(run);
    let gathers = |state: &State| {
        let is_due = state.places().iter().any(|place| place.due_ms <= draft.now_ms());
        state.gathers() == Some(key) && !is_due
    };
    if is_held {
        return Ok(None);
    }
    Ok(Found::read_other(draft, run)?.filter(|found| gathers(&found.state)))
}

/// Adds the event of a first entry to a run that gathers.
pub(super) fn gather(
    draft: &mut Draft<'_, '_>,
    follows: &mut Follows,
    gatherer: Found,
    first: Entry,
) -> Result<Outcome, JournalError> {
    let run = gatherer.state.run;
    let Entry { at_ms, what: What::Accepted(accepted), .. } = first else {
        return Err(JournalError::Illegal { run, reason: "the first entry of a run accepts it".to_owned() });
    };
    let entry = Entry::new(at_ms, What::Gathered { event: accepted.event });
    gatherer.extend(draft, follows, vec![Encoded::new(entry)?])?;
    Ok(Outcome::Gathered(run))
}
