//! Reading many runs: listings.

use std::collections::BTreeSet;
use std::sync::Arc;

use stepmill_core::RunId;
use stepmill_core::journal::{Filter, JournalError, KeptVersion, PhaseName, RunPage};
use stepmill_core::run::State;
use stepmill_core::workflow::Version;

use crate::codec;
use crate::error::damaged;
use crate::index;
use crate::keys;
use crate::record::Record;
use crate::tree::Order;
use crate::values::Values;
use crate::write::{Deployed, Prunable, is_over};

/// Keys that are looked at in one scan.
const SCAN: usize = 512;
/// Runs that one page looks at: a filter that few of them pass then gives short pages, each quickly.
const LOOKED_AT: usize = 16_384;
/// Unfinished runs up to which ready ones are found by the queues; above it most late runs are ready.
const SHORT_QUEUE: u64 = 4_096;

/// Lists runs, latest first. `unfinished` is how many are.
pub(crate) fn query(
    values: &Values,
    filter: &Filter,
    cursor: Option<RunId>,
    limit: usize,
    unfinished: u64,
) -> Result<RunPage, JournalError> {
    match filter.phase {
        Some(
            phase @ (PhaseName::Held
            | PhaseName::Gathering
            | PhaseName::Queued
            | PhaseName::Retrying
            | PhaseName::Parked
            | PhaseName::Waiting
            | PhaseName::Dead
            | PhaseName::Cancelled),
        ) => few(values, filter, phase, cursor, limit),
        Some(PhaseName::Ready) if unfinished <= SHORT_QUEUE => ready(values, filter, cursor, limit),
        Some(PhaseName::Ready | PhaseName::Succeeded) | None => many(values, filter, cursor, limit),
    }
}

fn passes(filter: &Filter, state: &State) -> bool {
    filter.phase.is_none_or(|phase| phase == state.phase.name())
        && filter.workflow.as_ref().is_none_or(|workflow| *workflow == state.workflow)
}

/// A page of the runs in an indexed phase.
fn few(
    values: &Values,
    filter: &Filter,
    phase: PhaseName,
    cursor: Option<RunId>,
    limit: usize,
) -> Result<RunPage, JournalError> {
    let mut page = RunPage { runs: Vec::new(), cursor };
    // A run that leaves the phase between the index and its state is skipped: go on for more.
    while page.runs.len() < limit {
        let missing = limit - page.runs.len();
        let found = indexed(values, filter.workflow.as_deref(), phase, page.cursor, missing)?;
        let is_last = found.len() < missing;
        for run in found {
            page.cursor = Some(run);
            page.runs.extend(values.state(run)?.filter(|state| passes(filter, state)));
        }
        if is_last {
            page.cursor = None;
            break;
        }
    }
    Ok(page)
}

/// A page of all runs, looked at one after the other.
fn many(
    values: &Values,
    filter: &Filter,
    cursor: Option<RunId>,
    limit: usize,
) -> Result<RunPage, JournalError> {
    let mut page = RunPage { runs: Vec::new(), cursor };
    let mut looked_at = 0;
    while page.runs.len() < limit && looked_at < LOOKED_AT {
        let span = page.cursor.map_or_else(keys::states, |run| keys::states().before(keys::state(run)));
        let wanted = if *filter == Filter::default() { (limit - page.runs.len()).min(SCAN) } else { SCAN };
        let pairs = values.scan(&span, Order::Descending, wanted)?;
        let is_last = pairs.len() < wanted;
        looked_at += pairs.len();
        for (key, raw) in pairs {
            page.cursor = Some(keys::parse_state(&key).ok_or_else(|| damaged(&key, "no run"))?);
            page.runs.extend(state_at(values, &key, raw)?.filter(|state| passes(filter, state)));
            if page.runs.len() >= limit {
                return Ok(page);
            }
        }
        if is_last {
            page.cursor = None;
            break;
        }
    }
    Ok(page)
}

/// The state in a scanned value; none if the run has gone, or is damaged, which stops no other.
fn state_at(values: &Values, key: &[u8], raw: Vec<u8>) -> Result<Option<State>, JournalError> {
    let state = values
        .resolve(key, raw)
        .and_then(|content| content.map(|content| Record::state_in(key, &content)).transpose());
    match state {
        Err(error @ JournalError::Damaged { .. }) => {
            tracing::error!(%error, "passed over a damaged run");
            Ok(None)
        }
        other => other,
    }
}

/// A page of the runs in the queues that are ready.
fn ready(
    values: &Values,
    filter: &Filter,
    cursor: Option<RunId>,
    limit: usize,
) -> Result<RunPage, JournalError> {
    let mut page = RunPage::default();
    for run in ready_before(values, cursor)? {
        page.runs.extend(values.state(run)?.filter(|state| passes(filter, state)));
        if page.runs.len() >= limit {
            page.cursor = Some(run);
            break;
        }
    }
    Ok(page)
}

/// The runs in the queues that are ready, latest first.
fn ready_before(values: &Values, before: Option<RunId>) -> Result<Vec<RunId>, JournalError> {
    let mut runs = Vec::new();
    for (key, value) in values.scan(&keys::queues(), Order::Ascending, usize::MAX)? {
        let (_, run) = keys::parse_place(&key).ok_or_else(|| damaged(&key, "no place in a queue"))?;
        if index::is_ready(&value) && before.is_none_or(|before| run < before) {
            runs.push(run);
        }
    }
    runs.sort_unstable_by(|a, b| b.cmp(a));
    Ok(runs)
}

/// The latest runs of a workflow, or of all, in an indexed phase.
fn indexed(
    values: &Values,
    workflow: Option<&str>,
    phase: PhaseName,
    before: Option<RunId>,
    limit: usize,
) -> Result<Vec<RunId>, JournalError> {
    let workflows = match workflow {
        Some(workflow) => vec![workflow.to_owned()],
        None => workflows(values)?,
    };
    let mut runs = Vec::new();
    for workflow in &workflows {
        let mut span = keys::in_phase(workflow, phase);
        if let Some(run) = before {
            span = span.before(keys::phase(workflow, phase, run));
        }
        for (key, _) in values.scan(&span, Order::Descending, limit)? {
            let (_, _, run) =
                keys::parse_phase(&key).ok_or_else(|| damaged(&key, "no place in the index"))?;
            runs.push(run);
        }
    }
    runs.sort_unstable_by(|a, b| b.cmp(a));
    runs.truncate(limit);
    Ok(runs)
}

/// The names of all workflows that have runs in an indexed phase.
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

/// Versions that are not deployed any more and that no run is of, and components that no version uses: there are few of both.
pub(crate) fn unneeded(values: &Values, now_ms: u64) -> Result<Vec<Prunable>, JournalError> {
    let deployed: Deployed = values.get(keys::DEPLOYED)?.unwrap_or_default();
    let (mut found, mut used) = (Vec::new(), BTreeSet::new());
    let kept = versions(values, |version| used.extend(version.digests().map(Arc::clone)))?;
    for KeptVersion { version, runs, .. } in kept {
        if runs == 0 && is_over(&deployed, &version, now_ms) {
            found.push(Prunable::Version(version.to_string()));
        }
    }
    for (key, _) in values.scan(&keys::components(), Order::Ascending, usize::MAX)? {
        let digest = keys::parse_component(&key).ok_or_else(|| damaged(&key, "no component"))?;
        if !used.contains(digest) {
            found.push(Prunable::Component(digest.to_owned()));
        }
    }
    Ok(found)
}

/// The versions that are kept.
pub(crate) fn versions(
    values: &Values,
    mut see: impl FnMut(&Version),
) -> Result<Vec<KeptVersion>, JournalError> {
    let deployed: Deployed = values.get(keys::DEPLOYED)?.unwrap_or_default();
    let mut kept = Vec::new();
    values.each(keys::versions(), |key, content| {
        let version: Version = codec::decode(key, &content)?;
        see(&version);
        kept.push(KeptVersion {
            workflow: version.workflow().to_owned(),
            is_deployed: deployed.get(&version.id).is_some_and(Option::is_none),
            runs: values.get(&keys::version_runs(&version.id))?.unwrap_or_default(),
            version: version.id,
        });
        Ok::<_, JournalError>(())
    })?;
    kept.sort_by(|a, b| (&a.workflow, &a.version).cmp(&(&b.workflow, &b.version)));
    Ok(kept)
}
