//! Reading many runs: listings, and what may be pruned.

use stepmill_core::RunId;
use stepmill_core::journal::{Filter, JournalError, PhaseName, RunPage};
use stepmill_core::run::State;

use crate::codec;
use crate::error::damaged;
use crate::keys::{self, Span};
use crate::tree::Order;
use crate::values::Values;
use crate::write::Prunable;

/// Keys that are looked at in one scan.
const SCAN: usize = 512;

/// Lists runs, latest first.
pub(crate) fn query(
    values: &Values,
    filter: &Filter,
    cursor: Option<RunId>,
    limit: usize,
) -> Result<RunPage, JournalError> {
    if *filter == Filter::default() {
        let span = cursor.map_or_else(keys::states, |run| keys::states().before(keys::state(run)));
        let mut runs = Vec::new();
        for (key, raw) in values.scan(&span, Order::Descending, limit)? {
            if let Some(content) = values.resolve(&key, raw)? {
                runs.push(codec::decode(&key, &content)?);
            }
        }
        return Ok(page(runs, limit));
    }
    let phases: Vec<PhaseName> = filter.phase.map_or_else(|| keys::ALL_PHASES.to_vec(), |phase| vec![phase]);
    let mut runs = Vec::new();
    let mut before = cursor;
    // A run that leaves the phase between the index and its state is skipped: go on for more.
    while runs.len() < limit {
        let missing = limit - runs.len();
        let found = indexed(values, filter.workflow.as_deref(), &phases, before, missing)?;
        let is_last = found.len() < missing;
        for run in found {
            before = Some(run);
            let state = values.state(run)?;
            runs.extend(state.filter(|state| filter.phase.is_none_or(|phase| phase == state.phase.name())));
        }
        if is_last {
            break;
        }
    }
    Ok(page(runs, limit))
}

fn page(runs: Vec<State>, limit: usize) -> RunPage {
    let cursor = runs.last().filter(|_| runs.len() >= limit).map(|state| state.run);
    RunPage { runs, cursor }
}

/// The latest runs of a workflow, or of all, in some phases.
fn indexed(
    values: &Values,
    workflow: Option<&str>,
    phases: &[PhaseName],
    before: Option<RunId>,
    limit: usize,
) -> Result<Vec<RunId>, JournalError> {
    let workflows = match workflow {
        Some(workflow) => vec![workflow.to_owned()],
        None => workflows(values)?,
    };
    let mut runs = Vec::new();
    for workflow in &workflows {
        for phase in phases {
            let mut span = keys::in_phase(workflow, *phase);
            if let Some(run) = before {
                span = span.before(keys::phase(workflow, *phase, run));
            }
            for (key, _) in values.scan(&span, Order::Descending, limit)? {
                runs.push(parse(&key)?);
            }
        }
    }
    runs.sort_unstable_by(|a, b| b.cmp(a));
    // A run that changes phase during the scan may have been seen in both.
    runs.dedup();
    runs.truncate(limit);
    Ok(runs)
}

/// The names of all workflows that have runs.
pub(crate) fn workflows(values: &Values) -> Result<Vec<String>, JournalError> {
    let mut names = Vec::new();
    let mut span = keys::phases();
    while let Some((key, _)) = values.scan(&span, Order::Ascending, 1)?.into_iter().next() {
        let (name, _, _) = keys::parse_phase(&key).ok_or_else(|| damaged(&key, "no place in the index"))?;
        let Some(end) = keys::workflow(name).end else { break };
        names.push(name.to_owned());
        span = span.from(end);
    }
    Ok(names)
}

/// At most `limit` things that may be pruned.
pub(crate) fn prunable(
    values: &Values,
    now_ms: u64,
    before_ms: u64,
    limit: usize,
) -> Result<Vec<Prunable>, JournalError> {
    let mut found = Vec::new();
    for (key, _) in values.scan(&keys::expired(now_ms), Order::Ascending, limit)? {
        let (expires, target) = keys::parse_expiry(&key).ok_or_else(|| damaged(&key, "no expiry"))?;
        found.push(Prunable::Expired(target.to_vec(), expires));
    }
    for workflow in workflows(values)? {
        for phase in [PhaseName::Succeeded, PhaseName::Cancelled] {
            // No run ends before it is accepted, and its id begins with that time.
            let end = keys::phase(&workflow, phase, RunId::from_bytes(first_id(before_ms)));
            let mut span: Span = keys::in_phase(&workflow, phase).before(end);
            while found.len() < limit {
                let pairs = values.scan(&span, Order::Ascending, SCAN)?;
                let is_last = pairs.len() < SCAN;
                for (key, changed) in pairs {
                    let changed = changed.try_into().map(u64::from_be_bytes);
                    if changed.is_ok_and(|changed| changed < before_ms) && found.len() < limit {
                        found.push(Prunable::Run(parse(&key)?, before_ms));
                    }
                    span = span.after(key);
                }
                if is_last {
                    break;
                }
            }
        }
    }
    Ok(found)
}

/// The 16 bytes below every id of a run accepted at `at_ms` or later: 48 bits of time come first.
fn first_id(at_ms: u64) -> [u8; 16] {
    (u128::from(at_ms.min((1 << 48) - 1)) << 80).to_be_bytes()
}

fn parse(key: &[u8]) -> Result<RunId, JournalError> {
    keys::parse_phase(key).map(|(_, _, run)| run).ok_or_else(|| damaged(key, "no place in the index"))
}
