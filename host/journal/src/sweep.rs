//! Finding what may be pruned: ended runs that a workflow keeps no longer, and what has expired. Both stand in
//! indexes in the order in which they go, so that nothing else is looked at.

use std::collections::BTreeMap;

use stepmill_core::journal::{JournalError, Kept, Retention};

use crate::error::damaged;
use crate::index;
use crate::keys;
use crate::query;
use crate::totals::Total;
use crate::tree::Order;
use crate::values::Values;
use crate::write::Prunable;

/// Keys that are looked at in one scan.
const SCAN: usize = 512;

/// What may be pruned, as far as it was looked for.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) things: Vec<Prunable>,
    /// From which key on to look further; none if all were looked at.
    pub(crate) rest: Option<Vec<u8>>,
}

/// At most `limit` things that may be pruned, from the key `from` on.
pub(crate) fn look(
    values: &Values,
    totals: &BTreeMap<String, Total>,
    retention: &Retention,
    now_ms: u64,
    from: &[u8],
    limit: usize,
) -> Result<Found, JournalError> {
    let mut things = if from.is_empty() { query::unneeded(values, now_ms)? } else { Vec::new() };
    let mut workflows: Vec<_> = totals.iter().map(|(name, total)| (keys::ended(name), name, total)).collect();
    workflows.sort_unstable_by(|(one, ..), (other, ..)| one.start.cmp(&other.start));
    for (span, workflow, total) in workflows {
        let span = span.from(from.to_vec());
        if span.is_empty() {
            continue;
        }
        let rest = ended(values, span, retention.of(workflow), *total, &mut things, limit)?;
        if rest.is_some() {
            return Ok(Found { things, rest });
        }
    }
    let mut span = keys::expired(now_ms).from(from.to_vec());
    let wanted = limit.saturating_sub(things.len());
    let pairs = values.scan(&span, Order::Ascending, wanted)?;
    let is_last = pairs.len() < wanted;
    for (key, _) in pairs {
        let (expires, target) = keys::parse_expiry(&key).ok_or_else(|| damaged(&key, "no expiry"))?;
        things.push(Prunable::Expired(target.to_vec(), expires));
        span = span.after(key);
    }
    Ok(Found { things, rest: (!is_last).then_some(span.start) })
}

/// Adds the ended runs of a workflow that go, until there are `limit` things. Answers from where on to look further,
/// if that was not all.
fn ended(
    values: &Values,
    mut span: keys::Span,
    kept: Kept,
    total: Total,
    things: &mut Vec<Prunable>,
    limit: usize,
) -> Result<Option<Vec<u8>>, JournalError> {
    let Total { mut runs, mut bytes } = total;
    loop {
        let wanted = limit.saturating_sub(things.len()).min(SCAN);
        if wanted == 0 {
            return Ok(Some(span.start));
        }
        let pairs = values.scan(&span, Order::Ascending, wanted)?;
        let is_last = pairs.len() < wanted;
        for (key, value) in pairs {
            let (at_ms, run) = keys::parse_end(&key).ok_or_else(|| damaged(&key, "no end of a run"))?;
            let goes = at_ms < kept.since_ms
                || kept.runs.is_some_and(|most| runs > most)
                || kept.bytes.is_some_and(|most| bytes > most);
            if !goes {
                return Ok(None);
            }
            things.push(Prunable::Run(run, at_ms));
            runs = runs.saturating_sub(1);
            bytes = bytes.saturating_sub(index::bytes_of(&value));
            span = span.after(key);
        }
        if is_last {
            return Ok(None);
        }
    }
}
