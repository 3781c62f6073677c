//! Events for runs that wait for them.
//!
//! An event goes to one run of each workflow, the one that has waited longest (the rule of Camunda 8, "message
//! correlation": once per process). One that is kept goes to those that begin to wait for it later, again to one of
//! each workflow.

use stepmill_core::journal::{JournalError, Publication, Published};
use stepmill_core::run::{Entry, Stand, State, What};

use super::accept::{Claimed, claimed, put_claim};
use super::change::Found;
use super::follow::{Follows, Listener};
use crate::batch::Draft;
use crate::codec::{KeptRow, encode};
use crate::error::damaged;
use crate::keys::{self, Span};
use crate::tree::Order;

/// Events that are looked at in one scan.
const SCAN: usize = 64;

/// A publication with what can be computed before the committer takes it up.
pub(crate) struct Offer {
    publication: Publication,
    kept: Vec<u8>,
}

impl Offer {
    /// Encodes what is to be kept.
    pub(crate) fn prepare(publication: Publication) -> Result<Self, JournalError> {
        let Publication { id, name, key, at_ms, event, keep_until_ms, .. } = &publication;
        let kept = KeptRow {
            id: *id,
            name: name.clone(),
            key: key.clone(),
            at_ms: *at_ms,
            until_ms: *keep_until_ms,
            event: event.clone(),
        };
        let kept = encode(&kept)?;
        Ok(Self { publication, kept })
    }
}

/// Publishes an event, unless its dedupe key was published before.
pub(crate) fn publish(draft: &mut Draft<'_, '_>, offer: Offer) -> Result<Published, JournalError> {
    let Offer { publication, kept } = offer;
    let Publication { id, name, key, at_ms, event, keep_until_ms, dedupe } = publication;
    if let Some(dedupe) = dedupe {
        match claimed(draft, &dedupe)? {
            Claimed::By(id) => return Ok(Published::Duplicate(id)),
            free => drop(put_claim(draft, free, &dedupe, id, false)?),
        }
    }
    let at = keys::kept_event(&name, &key, at_ms, id);
    let is_kept = keep_until_ms > draft.now_ms();
    if is_kept {
        if draft.contains(&at)? {
            return Ok(Published::Duplicate(id));
        }
        draft.put_new(at.clone(), kept);
        draft.expire(&at, None, Some(keep_until_ms));
    }
    let mut follows = Follows::default();
    let mut heard = Vec::new();
    let mut span = Span::prefix(keys::listening(&name, &key));
    while let Some((subscription, _)) = draft.scan(&span, Order::Ascending, 1)?.into_iter().next() {
        let parsed = keys::parse_subscription(&subscription);
        let (workflow, run, step) = parsed.ok_or_else(|| damaged(&subscription, "no subscription"))?;
        draft.take_up(run);
        let found = Found::read_other(draft, run)?.filter(|found| waits(&found.state, step, &name, &key));
        let Some(found) = found else {
            // Damaged: the next one of its workflow has waited longest then.
            span = span.after(subscription);
            continue;
        };
        let what = What::Heard { step: step.to_owned(), event: event.clone() };
        follows.extend(draft, found, Entry::new(at_ms, what))?;
        heard.push(run);
        if is_kept {
            draft.put_new(keys::taken(&at, workflow), Vec::new());
        }
        span = span.beyond(&keys::listening_in(&name, &key, workflow));
    }
    follows.finish(draft)?;
    Ok(Published::New(heard))
}

/// Gives a step that has begun to wait the oldest event that is kept for it and that no run of its workflow has
/// taken. What others have taken costs a look each.
pub(super) fn hear_kept(
    draft: &mut Draft<'_, '_>,
    follows: &mut Follows,
    listener: &Listener,
) -> Result<(), JournalError> {
    let Listener { run, workflow, step, event, key } = listener;
    let mut span = keys::kept_under(event, key);
    loop {
        let kept = draft.scan(&span, Order::Ascending, SCAN)?;
        let Some((last, _)) = kept.last() else { return Ok(()) };
        span = span.after(last.clone());
        for (at, _) in kept {
            let taken = keys::taken(&at, workflow);
            if draft.contains(&taken)? {
                continue;
            }
            let Some(row) = live(draft, &at)? else { continue };
            let found = Found::read(draft, *run)?.filter(|found| waits(&found.state, step, event, key));
            if let Some(found) = found {
                let what = What::Heard { step: step.clone(), event: row.event };
                let entry = Entry::new(draft.now_ms(), what);
                follows.extend(draft, found, entry)?;
                draft.put_new(taken, Vec::new());
            }
            return Ok(());
        }
    }
}

/// An event that is kept still; none if it is damaged, so that it stops no other.
fn live(draft: &Draft<'_, '_>, at: &[u8]) -> Result<Option<KeptRow>, JournalError> {
    match draft.get::<KeptRow>(at) {
        Ok(row) => Ok(row.filter(|row| row.until_ms > draft.now_ms())),
        Err(error @ JournalError::Damaged { .. }) => {
            tracing::error!(%error, "passed over a damaged event");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn waits(state: &State, step: &str, event: &str, key: &str) -> bool {
    matches!(state.stand(step), Stand::Listening { event: of, key: under, .. } if of == event && under == key)
}
