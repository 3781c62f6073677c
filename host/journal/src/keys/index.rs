//! Keys that follow from the states of runs: places in queues and lanes, phases, subscriptions, what gathers.

use sha2::{Digest, Sha256};
use stepmill_core::RunId;
use stepmill_core::journal::PhaseName;
use stepmill_core::run::{Place, Queue, Subscription};

use super::{
    ENDED, GATHERING, LANES, LISTENING, PHASES, QUEUES, SNOOZED, Span, TOTALS, WAITING, join, length, name,
    run_of, split_name,
};

/// The phases that are indexed: all but those that nearly all runs are in, ready and then succeeded, which would
/// be a key each.
pub(crate) const INDEXED_PHASES: [PhaseName; 8] = [
    PhaseName::Held,
    PhaseName::Retrying,
    PhaseName::Dead,
    PhaseName::Cancelled,
    PhaseName::Gathering,
    PhaseName::Queued,
    PhaseName::Parked,
    PhaseName::Waiting,
];

const WORKFLOW: u8 = b'w';
const SYSTEM: u8 = b's';

/// All keys that follow from the state of one run.
pub(crate) fn indexes() -> [Span; 7] {
    [QUEUES, PHASES, LISTENING, GATHERING, WAITING, SNOOZED, ENDED]
        .map(|prefix| Span::prefix(prefix.to_vec()))
}

/// All queues.
pub(crate) fn queues() -> Span {
    Span::prefix(QUEUES.to_vec())
}

/// All places in a queue.
pub(crate) fn queue(queue: &Queue) -> Span {
    Span::prefix(queue_key(queue, &[]))
}

/// A run's place in a queue.
pub(crate) fn place(place: &Place, run: RunId) -> Vec<u8> {
    queued(&place.queue, place.due_ms, run)
}

/// The same of its parts.
pub(crate) fn queued(queue: &Queue, due_ms: u64, run: RunId) -> Vec<u8> {
    queue_key(queue, &[&due_ms.to_be_bytes(), run.as_bytes()])
}

/// What a [`place`] key says.
pub(crate) fn parse_place(key: &[u8]) -> Option<(Place, RunId)> {
    let (kind, rest) = key.strip_prefix(QUEUES)?.split_first()?;
    let (workflow, rest) = split_name(rest)?;
    let (queue, rest) = match *kind {
        WORKFLOW => (Queue::Workflow(workflow.to_owned()), rest),
        SYSTEM => {
            let (system, rest) = split_name(rest)?;
            (Queue::System { system: system.to_owned(), workflow: workflow.to_owned() }, rest)
        }
        _ => return None,
    };
    let (due_ms, run) = split_number(rest)?;
    Some((Place { queue, due_ms }, run_of(run)?))
}

/// Every change of a run makes some of these.
fn queue_key(queue: &Queue, rest: &[&[u8]]) -> Vec<u8> {
    let (kind, workflow, system) = match queue {
        Queue::Workflow(workflow) => (WORKFLOW, workflow, None),
        Queue::System { system, workflow } => (SYSTEM, workflow, Some(system)),
    };
    let names = || std::iter::once(workflow).chain(system);
    let size = names().map(|name| name.len() + 4).chain(rest.iter().map(|part| part.len())).sum::<usize>();
    let mut key = Vec::with_capacity(QUEUES.len() + 1 + size);
    key.extend_from_slice(QUEUES);
    key.push(kind);
    for name in names() {
        key.extend_from_slice(&length(name));
        key.extend_from_slice(name.as_bytes());
    }
    rest.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// The index of phases.
pub(crate) fn phases() -> Span {
    Span::prefix(PHASES.to_vec())
}

/// The index of phases of one workflow.
pub(crate) fn workflow(workflow: &str) -> Span {
    Span::prefix(join(&[PHASES, &name(workflow)]))
}

/// The runs of one workflow in one phase.
pub(crate) fn in_phase(workflow: &str, phase: PhaseName) -> Span {
    Span::prefix(join(&[PHASES, &name(workflow), &[phase_byte(phase)]]))
}

/// A run's place in the index of phases.
pub(crate) fn phase(workflow: &str, phase: PhaseName, run: RunId) -> Vec<u8> {
    join(&[PHASES, &name(workflow), &[phase_byte(phase)], run.as_bytes()])
}

/// The workflow and the run that a [`phase`] key names.
pub(crate) fn parse_phase(key: &[u8]) -> Option<(&str, PhaseName, RunId)> {
    let (workflow, rest) = split_name(key.strip_prefix(PHASES)?)?;
    let (byte, run) = rest.split_first()?;
    let phase = INDEXED_PHASES.into_iter().find(|phase| phase_byte(*phase) == *byte)?;
    Some((workflow, phase, run_of(run)?))
}

fn phase_byte(phase: PhaseName) -> u8 {
    match phase {
        PhaseName::Ready => 1,
        PhaseName::Retrying => 2,
        PhaseName::Succeeded => 3,
        PhaseName::Dead => 4,
        PhaseName::Cancelled => 5,
        PhaseName::Gathering => 6,
        PhaseName::Queued => 7,
        PhaseName::Parked => 8,
        PhaseName::Waiting => 9,
        PhaseName::Held => 10,
    }
}

/// What begins the keys of all subscriptions to an event with this key.
pub(crate) fn listening(event: &str, key: &str) -> Vec<u8> {
    join(&[LISTENING, &name(event), &digest(key)])
}

/// What begins those of one workflow.
pub(crate) fn listening_in(event: &str, key: &str, workflow: &str) -> Vec<u8> {
    join(&[&listening(event, key), &name(workflow)])
}

/// A subscription of a run of a workflow. They sort by how long they have waited.
pub(crate) fn subscription(of: &Subscription<'_>, workflow: &str, run: RunId) -> Vec<u8> {
    let prefix = listening_in(of.event, of.key, workflow);
    join(&[&prefix, &of.since_ms.to_be_bytes(), run.as_bytes(), of.step.as_bytes()])
}

/// The workflow, the run and the step of a [`subscription`] key.
pub(crate) fn parse_subscription(key: &[u8]) -> Option<(&str, RunId, &str)> {
    let (_, rest) = split_name(key.strip_prefix(LISTENING)?)?;
    let (_, rest) = rest.split_first_chunk::<32>()?;
    let (workflow, rest) = split_name(rest)?;
    let (_, rest) = split_number(rest)?;
    let (run, step) = rest.split_first_chunk::<16>()?;
    Some((workflow, run_of(run)?, std::str::from_utf8(step).ok()?))
}

/// The runs that gather under a key.
pub(crate) fn gathering(workflow: &str, key: &str) -> Span {
    Span::prefix(join(&[GATHERING, &name(workflow), &digest(key)]))
}

/// A run that gathers under a key.
pub(crate) fn gatherer(workflow: &str, key: &str, run: RunId) -> Vec<u8> {
    join(&[GATHERING, &name(workflow), &digest(key), run.as_bytes()])
}

/// The run of a [`gatherer`] key.
pub(crate) fn parse_gatherer(key: &[u8]) -> Option<RunId> {
    key.strip_prefix(GATHERING)?.last_chunk::<16>().map(|run| RunId::from_bytes(*run))
}

/// All lanes.
pub(crate) fn lanes() -> Span {
    Span::prefix(LANES.to_vec())
}

/// How many runs a lane has.
pub(crate) fn lane(key: &str) -> Vec<u8> {
    join(&[LANES, &digest(key)])
}

/// Those that wait for their turn in a lane, in their order.
pub(crate) fn line(key: &str) -> Span {
    Span::prefix(join(&[WAITING, &digest(key)]))
}

/// A run that waits for its turn in a lane.
pub(crate) fn ticket(key: &str, ticket: u64, run: RunId) -> Vec<u8> {
    join(&[WAITING, &digest(key), &ticket.to_be_bytes(), run.as_bytes()])
}

/// The run of a [`ticket`] key.
pub(crate) fn parse_ticket(key: &[u8]) -> Option<RunId> {
    key.strip_prefix(WAITING)?.last_chunk::<16>().map(|run| RunId::from_bytes(*run))
}

/// A dead letter that is snoozed.
pub(crate) fn snoozed(until_ms: u64, run: RunId) -> Vec<u8> {
    join(&[SNOOZED, &until_ms.to_be_bytes(), run.as_bytes()])
}

/// The dead letters that are snoozed for longer than until `now_ms`.
pub(crate) fn snoozed_after(now_ms: u64) -> Span {
    Span::prefix(SNOOZED.to_vec()).from(join(&[SNOOZED, &now_ms.saturating_add(1).to_be_bytes()]))
}

/// The ended runs of a workflow and of its parts, in the order in which they ended.
pub(crate) fn ended(workflow: &str) -> Span {
    Span::prefix(join(&[ENDED, &name(workflow)]))
}

/// The end of a run of a workflow or of its parts.
pub(crate) fn end(workflow: &str, at_ms: u64, run: RunId) -> Vec<u8> {
    join(&[ENDED, &name(workflow), &at_ms.to_be_bytes(), run.as_bytes()])
}

/// The time and the run of an [`end`] key.
pub(crate) fn parse_end(key: &[u8]) -> Option<(u64, RunId)> {
    let (_, rest) = split_name(key.strip_prefix(ENDED)?)?;
    let (at_ms, run) = split_number(rest)?;
    Some((at_ms, run_of(run)?))
}

/// How many runs of all workflows have ended.
pub(crate) fn totals() -> Span {
    Span::prefix(TOTALS.to_vec())
}

/// How many runs of a workflow have ended.
pub(crate) fn total(workflow: &str) -> Vec<u8> {
    join(&[TOTALS, workflow.as_bytes()])
}

/// The workflow of a [`total`] key.
pub(crate) fn parse_total(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(TOTALS)?).ok()
}

/// What stands for a key that people choose, and that may be of any length.
fn digest(key: &str) -> impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> {
    Sha256::digest(key.as_bytes())
}

fn split_number(rest: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = rest.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_sorts_by_due_time_and_runs_into_no_other() {
        let (early, late) = (RunId::new(1, [9; 10]), RunId::new(2, [1; 10]));
        let orders = Queue::Workflow("orders".into());
        assert!(queued(&orders, 255, late) < queued(&orders, 256, early));
        let place = Place { queue: orders.clone(), due_ms: 7 };
        assert_eq!(parse_place(&super::place(&place, late)), Some((place, late)));
        let span = queue(&orders);
        for other in [
            Queue::System { system: "erp".into(), workflow: "orders".into() },
            Queue::Workflow("orders2".into()),
        ] {
            let key = queued(&other, 1, early);
            assert!(key < span.start || span.end.as_ref().is_some_and(|end| key >= *end));
        }
    }

    #[test]
    fn a_subscription_is_read_back_and_those_that_waited_longest_come_first() {
        let run = RunId::new(1, [1; 10]);
        let of = |since_ms| Subscription { event: "paid", key: "7", since_ms, step: "wait" };
        let key = subscription(&of(9), "orders", run);
        assert_eq!(parse_subscription(&key), Some(("orders", run, "wait")));
        assert!(key < subscription(&of(256), "orders", RunId::new(0, [0; 10])));
        assert!(key.starts_with(&listening("paid", "7")));
    }

    #[test]
    fn phases_of_one_workflow_are_apart_from_those_of_another() {
        let span = in_phase("a", PhaseName::Dead);
        let other = phase("ab", PhaseName::Dead, RunId::new(1, [0; 10]));
        assert!(other < span.start || span.end.is_some_and(|end| other >= end));
    }
}
