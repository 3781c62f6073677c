//! The layout of keys. Every key begins with a letter and a slash; what follows sorts in the order in
//! which it is scanned. Numbers are big-endian; names come after their length, so that no name can
//! run into what follows it.
//!
//! | key | value |
//! |---|---|
//! | `r/` run | the run: its state and its small entries |
//! | `e/` run, seq | one large entry |
//! | `q/` due, run | nothing: the queue of unfinished runs |
//! | `t/` workflow, phase, run | nothing: the index of runs in a phase that few are in |
//! | `d/` scope, SHA-256 of the key | a deduplication claim |
//! | `s/` schedule | the last fire and its run |
//! | `p/` namespace, key | a value of plugin storage |
//! | `x/` expiry, key | nothing: what expires when |
//! | `b/` name of a blob file | the key whose value it is |
//! | `m/` … | format, version counter, marks |

use sha2::{Digest, Sha256};
use stepmill_core::RunId;
use stepmill_core::journal::PhaseName;

/// Format of the whole journal.
pub(crate) const FORMAT: &[u8] = b"m/format";
/// The version that the last storage write was given.
pub(crate) const VERSION: &[u8] = b"m/version";
/// There while an import is under way.
pub(crate) const IMPORTING: &[u8] = b"m/importing";

const STATES: &[u8] = b"r/";
const ENTRIES: &[u8] = b"e/";
const QUEUE: &[u8] = b"q/";
const PHASES: &[u8] = b"t/";
const CLAIMS: &[u8] = b"d/";
const FIRES: &[u8] = b"s/";
const STORAGE: &[u8] = b"p/";
const EXPIRIES: &[u8] = b"x/";
const BLOBS: &[u8] = b"b/";

/// The phases that are indexed: those that a person asks for and that few runs are in. Nearly all runs are
/// ready, and then succeeded, which would be a key each.
pub(crate) const INDEXED_PHASES: [PhaseName; 3] =
    [PhaseName::Retrying, PhaseName::Dead, PhaseName::Cancelled];

/// A half-open range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first key.
    pub(crate) start: Vec<u8>,
    /// The first key after it; none for the end of all keys.
    pub(crate) end: Option<Vec<u8>>,
}

impl Span {
    /// All keys that begin with `prefix`.
    pub(crate) fn prefix(prefix: Vec<u8>) -> Self {
        let end = successor(&prefix);
        Self { start: prefix, end }
    }

    /// The part from `key` on.
    pub(crate) fn from(mut self, key: Vec<u8>) -> Self {
        self.start = self.start.max(key);
        self
    }

    /// The part after `key`.
    pub(crate) fn after(self, mut key: Vec<u8>) -> Self {
        key.push(0);
        self.from(key)
    }

    /// The part before `key`.
    pub(crate) fn before(mut self, key: Vec<u8>) -> Self {
        self.end = Some(self.end.map_or_else(|| key.clone(), |end| end.min(key.clone())));
        self
    }

    /// Whether it can hold no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// The first key after all that begin with `prefix`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < u8::MAX {
            next.push(last + 1);
            return Some(next);
        }
    }
    None
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn name(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    join(&[&length.to_be_bytes(), text.as_bytes()])
}

fn split_name(rest: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

fn run_of(bytes: &[u8]) -> Option<RunId> {
    bytes.try_into().ok().map(RunId::from_bytes)
}

/// All states.
pub(crate) fn states() -> Span {
    Span::prefix(STATES.to_vec())
}

/// The state of a run.
pub(crate) fn state(run: RunId) -> Vec<u8> {
    join(&[STATES, run.as_bytes()])
}

/// The run of a [`state`] key.
pub(crate) fn parse_state(key: &[u8]) -> Option<RunId> {
    run_of(key.strip_prefix(STATES)?)
}

/// One entry of a run.
pub(crate) fn entry(run: RunId, seq: u32) -> Vec<u8> {
    join(&[ENTRIES, run.as_bytes(), &seq.to_be_bytes()])
}

/// Whether the key is that of an entry: written once, removed once, never overwritten.
pub(crate) fn is_entry(key: &[u8]) -> bool {
    key.starts_with(ENTRIES)
}

/// Whether the tree keeps the key in blocks: those that grow with time.
pub(crate) fn is_blocked(key: &[u8]) -> bool {
    [STATES, QUEUE, EXPIRIES].iter().any(|prefix| key.starts_with(prefix))
}

/// Whether the value of the key may be so large that it is spilled.
pub(crate) fn is_spillable(key: &[u8]) -> bool {
    [STATES, ENTRIES, STORAGE].iter().any(|prefix| key.starts_with(prefix))
}

/// The queue of unfinished runs.
pub(crate) fn queue() -> Span {
    Span::prefix(QUEUE.to_vec())
}

/// A run's place in the queue.
pub(crate) fn queued(due_ms: u64, run: RunId) -> Vec<u8> {
    join(&[QUEUE, &due_ms.to_be_bytes(), run.as_bytes()])
}

/// What a [`queued`] key says.
pub(crate) fn parse_queued(key: &[u8]) -> Option<(u64, RunId)> {
    let (due, run) = key.strip_prefix(QUEUE)?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*due), run_of(run)?))
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
    }
}

/// All deduplication claims.
pub(crate) fn claims() -> Span {
    Span::prefix(CLAIMS.to_vec())
}

/// A deduplication claim.
pub(crate) fn claim(scope: &str, key: &str) -> Vec<u8> {
    join(&[CLAIMS, &name(scope), &Sha256::digest(key.as_bytes())])
}

/// The scope and the digest of a [`claim`] key.
pub(crate) fn parse_claim(key: &[u8]) -> Option<(&str, &[u8])> {
    split_name(key.strip_prefix(CLAIMS)?)
}

/// A deduplication claim by the digest of its key.
pub(crate) fn claim_of_digest(scope: &str, digest: &[u8]) -> Vec<u8> {
    join(&[CLAIMS, &name(scope), digest])
}

/// Whether the key is that of a deduplication claim.
pub(crate) fn is_claim(key: &[u8]) -> bool {
    key.starts_with(CLAIMS)
}

/// All schedules' cursors.
pub(crate) fn fires() -> Span {
    Span::prefix(FIRES.to_vec())
}

/// A schedule's cursor.
pub(crate) fn fire(schedule: &str) -> Vec<u8> {
    join(&[FIRES, schedule.as_bytes()])
}

/// The schedule of a [`fire`] key.
pub(crate) fn parse_fire(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(FIRES)?).ok()
}

/// All plugin storage.
pub(crate) fn storage() -> Span {
    Span::prefix(STORAGE.to_vec())
}

/// The keys of a namespace that begin with `prefix`.
pub(crate) fn stored_below(namespace: &str, prefix: &str) -> Span {
    Span::prefix(stored(namespace, prefix))
}

/// A value of plugin storage.
pub(crate) fn stored(namespace: &str, key: &str) -> Vec<u8> {
    join(&[STORAGE, &name(namespace), key.as_bytes()])
}

/// The namespace and the key of a [`stored`] key.
pub(crate) fn parse_stored(key: &[u8]) -> Option<(&str, &str)> {
    let (namespace, key) = split_name(key.strip_prefix(STORAGE)?)?;
    Some((namespace, std::str::from_utf8(key).ok()?))
}

/// What expires at or before `now_ms`.
pub(crate) fn expired(now_ms: u64) -> Span {
    let end = join(&[EXPIRIES, &now_ms.saturating_add(1).to_be_bytes()]);
    Span::prefix(EXPIRIES.to_vec()).before(end)
}

/// That the value of `key` expires.
pub(crate) fn expiry(expires_ms: u64, key: &[u8]) -> Vec<u8> {
    join(&[EXPIRIES, &expires_ms.to_be_bytes(), key])
}

/// The key that an [`expiry`] key is about.
pub(crate) fn parse_expiry(key: &[u8]) -> Option<(u64, &[u8])> {
    let (expires, key) = key.strip_prefix(EXPIRIES)?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*expires), key))
}

/// Whose value a blob file is.
pub(crate) fn blob(name: &str) -> Vec<u8> {
    join(&[BLOBS, name.as_bytes()])
}

/// A key for a person's eyes.
pub(crate) fn describe(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_sorts_by_due_time() {
        let (early, late) = (RunId::new(1, [9; 10]), RunId::new(2, [1; 10]));
        assert!(queued(255, late) < queued(256, early));
        assert_eq!(parse_queued(&queued(7, late)), Some((7, late)));
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        assert_ne!(stored("ab", "c"), stored("a", "bc"));
        assert_eq!(parse_stored(&stored("a\0", "\0b")), Some(("a\0", "\0b")));
        let span = in_phase("a", PhaseName::Dead);
        let other = phase("ab", PhaseName::Dead, RunId::new(1, [0; 10]));
        assert!(other < span.start || span.end.is_some_and(|end| other >= end));
    }

    #[test]
    fn the_successor_of_the_last_prefix_is_the_end() {
        assert_eq!(successor(&[1, 255]), Some(vec![2]));
        assert_eq!(successor(&[255]), None);
    }
}
