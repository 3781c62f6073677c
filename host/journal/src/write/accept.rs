//! Accepting events.

use stepmill_core::RunId;
use stepmill_core::journal::{Acceptance, Dedupe, Fire, JournalError, Outcome};
use stepmill_core::run::{Entry, Parent, State, What, next};

use super::change::{Encoded, refused};
use super::follow::Follows;
use super::{gather, lane, version};
use crate::batch::Draft;
use crate::codec::{ClaimRow, CursorRow, encode};
use crate::index::Standing;
use crate::keys;
use crate::record::Record;

/// An acceptance with what can be computed before the committer takes it up.
pub(crate) struct Opening {
    state: State,
    entry: Entry,
    /// The state and the entry, encoded; those of a run in a lane change once it has its ticket.
    values: Option<(Vec<u8>, Vec<u8>)>,
    dedupe: Option<Dedupe>,
    fire: Option<Fire>,
}

impl Opening {
    /// Computes the first entry and the state after it.
    pub(crate) fn prepare(acceptance: Acceptance) -> Result<Self, JournalError> {
        let Acceptance { accepted, at_ms, dedupe, fire } = acceptance;
        let run = accepted.run;
        let illegal = |reason: &str| JournalError::Illegal { run, reason: reason.to_owned() };
        if accepted.gather.is_some() && accepted.lane.is_some() {
            return Err(illegal("a run that gathers goes in no lane"));
        }
        if accepted.parent.is_some() && (accepted.gather.is_some() || dedupe.is_some() || fire.is_some()) {
            return Err(illegal("a run that another has begun is known by its id alone"));
        }
        let entry = Entry::new(at_ms, What::Accepted(Box::new(accepted)));
        let state = next(None, &entry).map_err(|error| refused(run, &error))?;
        let values = match &state.lane {
            None => Some((encode(&state)?, encode(&entry)?)),
            Some(_) => None,
        };
        Ok(Self { state, entry, values, dedupe, fire })
    }

    /// The run that begins it.
    pub(super) fn parent(&self) -> Option<&Parent> {
        self.state.parent.as_ref()
    }

    /// The run, with its ticket if it goes in a lane; and with its turn, if that is at once.
    fn enter(self, draft: &Draft<'_, '_>) -> Result<Opened, JournalError> {
        let Self { mut state, mut entry, values, .. } = self;
        if let Some((state_value, value)) = values {
            return Ok(Opened { state, state_value, entries: vec![Encoded { entry, value }] });
        }
        let mut has_turn = false;
        if let (Some(lane), What::Accepted(accepted)) = (&mut state.lane, &mut entry.what) {
            if !accepted.is_held {
                (lane.ticket, has_turn) = lane::enter(draft, lane)?;
            }
            accepted.lane = Some(lane.clone());
        }
        let mut entries = vec![Encoded::new(entry)?];
        if has_turn {
            let turn;
            (turn, state) = lane::turn(draft.now_ms(), state)?;
            entries.push(Encoded::new(turn)?);
        }
        Ok(Opened { state_value: encode(&state)?, state, entries })
    }
}

/// A new run.
struct Opened {
    state: State,
    state_value: Vec<u8>,
    entries: Vec<Encoded>,
}

/// Accepts one event, unless its run, its dedupe key or its fire was accepted before.
pub(crate) fn accept(draft: &mut Draft<'_, '_>, opening: Opening) -> Result<Outcome, JournalError> {
    let mut follows = Follows::default();
    let outcome = open(draft, &mut follows, opening)?;
    follows.finish(draft)?;
    Ok(outcome)
}

/// The same; what follows from it is noted.
pub(super) fn open(
    draft: &mut Draft<'_, '_>,
    follows: &mut Follows,
    mut opening: Opening,
) -> Result<Outcome, JournalError> {
    let run = opening.state.run;
    draft.take_up(run);
    let state_key = keys::state(run);
    if draft.contains(&state_key)? {
        return Ok(Outcome::Duplicate(run));
    }
    let fire = opening.fire.take();
    if let Some(Fire { schedule, fire_ms }) = &fire
        && let Some(cursor) = draft.get::<CursorRow>(&keys::fire(schedule))?
        && cursor.at_ms >= *fire_ms
    {
        let passed = || format!("the schedule {schedule:?} has passed over this fire");
        return match cursor.last {
            Some(run) => Ok(Outcome::Duplicate(run)),
            None => Err(JournalError::Illegal { run, reason: passed() }),
        };
    }
    let dedupe = opening.dedupe.take();
    let claimed = match &dedupe {
        Some(dedupe) => match claimed(draft, dedupe)? {
            Claimed::By(run) => return Ok(Outcome::Duplicate(run)),
            free => Some((free, dedupe)),
        },
        None => None,
    };
    let gatherer = gather::gatherer(draft, &opening.state)?;
    // A claim of a gathered event goes when it expires: the run's record names only that of the first.
    let is_tied = gatherer.is_none();
    let of = gatherer.as_ref().map_or(run, |gatherer| gatherer.state.run);
    let mut claim = None;
    if let Some((free, dedupe)) = claimed {
        claim = Some(put_claim(draft, free, dedupe, of, is_tied)?);
    }
    if let Some(Fire { schedule, fire_ms }) = fire {
        draft.put(keys::fire(&schedule), encode(&CursorRow { at_ms: fire_ms, last: Some(of) })?);
    }
    if let Some(gatherer) = gatherer {
        return gather::gather(draft, follows, gatherer, opening.entry);
    }
    let Opened { state, state_value, entries } = opening.enter(draft)?;
    let bytes =
        entries.iter().map(|entry| entry.value.len()).sum::<usize>().saturating_add(state_value.len());
    let mut record = Record::new(state_value, claim.as_deref());
    let mut content = Vec::with_capacity(entries.len());
    for (seq, Encoded { entry, value }) in (0..).zip(entries) {
        if let Some(value) = record.push(value) {
            draft.put_new(keys::entry(run, seq), value);
        }
        content.push(entry);
    }
    draft.put_new(state_key, record.to_value());
    let standing = Standing::of(&state, record.bytes());
    lane::change(draft, follows, None, Some(&standing))?;
    version::count(draft, None, Some(&state.version))?;
    draft.place(run, None, Some(standing), Some((Box::new((state, content)), bytes)));
    Ok(Outcome::New(run))
}

/// What stands at a deduplication claim.
pub(super) enum Claimed {
    /// One that lasts.
    By(RunId),
    /// One that has expired.
    Expired,
    /// None.
    Free,
}

/// Whether a key is claimed.
pub(super) fn claimed(draft: &Draft<'_, '_>, dedupe: &Dedupe) -> Result<Claimed, JournalError> {
    Ok(match draft.get::<ClaimRow>(&keys::claim(&dedupe.scope, &dedupe.key))? {
        Some(row) if row.expires_ms > draft.now_ms() => Claimed::By(row.run),
        Some(_) => Claimed::Expired,
        None => Claimed::Free,
    })
}

/// Claims a key for a run. The claim goes with the run if it is tied to it, or else when it expires.
pub(super) fn put_claim(
    draft: &mut Draft<'_, '_>,
    found: Claimed,
    dedupe: &Dedupe,
    run: RunId,
    is_tied: bool,
) -> Result<Vec<u8>, JournalError> {
    let key = keys::claim(&dedupe.scope, &dedupe.key);
    let expires_ms = dedupe.expires_ms;
    let row = encode(&ClaimRow { run, expires_ms })?;
    match found {
        Claimed::Free => draft.put_new(key.clone(), row),
        Claimed::Expired | Claimed::By(_) => draft.put(key.clone(), row),
    }
    if !is_tied {
        draft.expire(&key, None, Some(expires_ms));
    }
    Ok(key)
}
