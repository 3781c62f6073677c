//! Lanes: runs that go one after another, or a few at a time.

use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, Lane, State, Turn, What, next};

use super::change::{Found, refused};
use super::follow::Follows;
use crate::batch::Draft;
use crate::codec::{LaneRow, encode};
use crate::error::damaged;
use crate::index::Standing;
use crate::keys;
use crate::tree::Order;

/// Runs that are given their turn by one commit, which bounds it. Those left over get it when one of these has
/// ended.
const TURNS: u32 = 32;

/// The ticket of a run that comes to a lane, and whether it has its turn at once.
pub(super) fn enter(draft: &Draft<'_, '_>, lane: &Lane) -> Result<(u64, bool), JournalError> {
    let row = draft.get::<LaneRow>(&keys::lane(&lane.key))?.unwrap_or_default();
    Ok((row.ticket.saturating_add(1), row.waiting == 0 && row.having < lane.width.max(1)))
}

/// The entry and the state after it of a run that has its turn.
pub(super) fn turn(now_ms: u64, state: State) -> Result<(Entry, State), JournalError> {
    let entry = Entry::new(now_ms, What::Turn);
    let run = state.run;
    let state = next(Some(state), &entry).map_err(|error| refused(run, &error))?;
    Ok((entry, state))
}

/// Counts a run that comes to its lane, has its turn or leaves.
pub(super) fn change(
    draft: &mut Draft<'_, '_>,
    follows: &mut Follows,
    old: Option<&Standing>,
    new: Option<&Standing>,
) -> Result<(), JournalError> {
    let old = old.and_then(|standing| standing.turn.as_ref());
    let new = new.and_then(|standing| standing.turn.as_ref());
    let (from, to) = (old.map(|(_, turn)| *turn), new.map(|(_, turn)| *turn));
    if from == to {
        return Ok(());
    }
    let Some((Lane { key, width, ticket, .. }, _)) = new.or(old) else { return Ok(()) };
    let at = keys::lane(key);
    let before = draft.get::<LaneRow>(&at)?;
    let mut row = before.unwrap_or_default();
    match from {
        Some(Turn::Waits) => row.waiting = row.waiting.saturating_sub(1),
        Some(Turn::Has) => row.having = row.having.saturating_sub(1),
        None => {
            row.width = (*width).max(1);
            row.ticket = row.ticket.max(*ticket);
        }
    }
    match to {
        Some(Turn::Waits) => row.waiting = row.waiting.saturating_add(1),
        Some(Turn::Has) => row.having = row.having.saturating_add(1),
        None => {}
    }
    if row.waiting > 0 && row.having < row.width {
        follows.move_up(key);
    }
    store(draft, at, before, row)
}

/// A lane that has no runs is forgotten.
fn store(
    draft: &mut Draft<'_, '_>,
    at: Vec<u8>,
    before: Option<LaneRow>,
    row: LaneRow,
) -> Result<(), JournalError> {
    match before {
        _ if row.waiting == 0 && row.having == 0 => draft.remove(at),
        Some(_) => draft.put(at, encode(&row)?),
        None => draft.put_new(at, encode(&row)?),
    }
    Ok(())
}

/// Gives those their turn who have waited longest, as far as there is room.
pub(super) fn move_up(
    draft: &mut Draft<'_, '_>,
    follows: &mut Follows,
    key: &str,
) -> Result<(), JournalError> {
    for _ in 0..TURNS {
        let Some(row) = draft.get::<LaneRow>(&keys::lane(key))? else { return Ok(()) };
        if row.waiting == 0 || row.having >= row.width {
            return Ok(());
        }
        let Some((ticket, _)) = draft.scan(&keys::line(key), Order::Ascending, 1)?.into_iter().next() else {
            return Ok(());
        };
        let run = keys::parse_ticket(&ticket).ok_or_else(|| damaged(&ticket, "no place in a lane"))?;
        draft.take_up(run);
        let now_ms = draft.now_ms();
        let found = Found::read_other(draft, run)?.filter(|found| found.state.turn() == Some(Turn::Waits));
        match found {
            Some(found) => {
                follows.extend(draft, found, Entry::new(now_ms, What::Turn))?;
            }
            None => {
                // It can be told nothing any more, and those behind it need not wait for it.
                draft.remove(ticket);
                let rest = LaneRow { waiting: row.waiting - 1, ..row };
                store(draft, keys::lane(key), Some(row), rest)?;
            }
        }
    }
    Ok(())
}
