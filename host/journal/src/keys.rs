//! The layout of keys. Every key begins with a letter and a slash; what follows sorts in the order in
//! which it is scanned. Numbers are big-endian; names come after their length, so that no name can
//! run into what follows it.
//!
//! | key | value |
//! |---|---|
//! | `r/` run | the run: its state and its small entries |
//! | `e/` run, seq | one large entry |
//! | `d/` scope, SHA-256 of the key | a deduplication claim |
//! | `s/` schedule | its cursor and the run of its last fire |
//! | `p/` namespace, key | a value of plugin storage |
//! | `v/` event, SHA-256 of its key, time, id | an event that is kept for runs that begin to wait for it |
//! | `u/` the same, workflow | nothing: a run of this workflow has taken the event |
//! | `x/` expiry, key | nothing: what expires when |
//! | `b/` SHA-256 of a file, key | nothing: a piece of the value of the key is in the file |
//! | `n/` id | a version of a workflow |
//! | `c/` digest | a component, as it is |
//! | `m/` … | format, version counter, marks, switches, the versions that are deployed |
//!
//! These follow from the states of runs and change with them, in one commit (`index.rs`):
//!
//! | key | value |
//! |---|---|
//! | `q/` queue, due, run | a place in a queue; nothing if the run is ready, else a byte |
//! | `t/` workflow, phase, run | nothing: the index of runs in a phase that few are in |
//! | `w/` event, SHA-256 of its key, workflow, since, run, step | nothing: who waits for an event |
//! | `g/` workflow, SHA-256 of the key, run | nothing: who gathers events |
//! | `l/` SHA-256 of the lane's key | how many runs of a lane wait and have their turn |
//! | `h/` until, run | nothing: dead letters that are snoozed until then |
//! | `y/` SHA-256 of the lane's key, ticket, run | nothing: who waits for its turn |
//! | `k/` id of a version | how many runs are of it |
//! | `f/` workflow without its part, end, run | the bytes of a run that has succeeded or was cancelled |
//! | `z/` the same workflow | how many such runs there are, and their bytes |

mod index;
mod span;

use sha2::{Digest, Sha256};
use stepmill_core::RunId;

pub(crate) use index::*;
pub(crate) use span::Span;

/// Format of the whole journal.
pub(crate) const FORMAT: &[u8] = b"m/format";
/// The version that the last storage write was given.
pub(crate) const VERSION: &[u8] = b"m/version";
/// There while an import is under way.
pub(crate) const IMPORTING: &[u8] = b"m/importing";

/// The versions that are deployed, and those that were until lately.
pub(crate) const DEPLOYED: &[u8] = b"m/deployed";

const STATES: &[u8] = b"r/";
const ENTRIES: &[u8] = b"e/";
const SWITCHES: &[u8] = b"m/switch/";
const QUEUES: &[u8] = b"q/";
const PHASES: &[u8] = b"t/";
const CLAIMS: &[u8] = b"d/";
const FIRES: &[u8] = b"s/";
const STORAGE: &[u8] = b"p/";
const EXPIRIES: &[u8] = b"x/";
const BLOBS: &[u8] = b"b/";
const KEPT: &[u8] = b"v/";
const TAKEN: &[u8] = b"u/";
const LISTENING: &[u8] = b"w/";
const GATHERING: &[u8] = b"g/";
const LANES: &[u8] = b"l/";
const WAITING: &[u8] = b"y/";
const VERSIONS: &[u8] = b"n/";
const COMPONENTS: &[u8] = b"c/";
const VERSION_RUNS: &[u8] = b"k/";
const SNOOZED: &[u8] = b"h/";
const ENDED: &[u8] = b"f/";
const TOTALS: &[u8] = b"z/";

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn length(name: &str) -> [u8; 4] {
    u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes()
}

fn name(text: &str) -> Vec<u8> {
    join(&[&length(text), text.as_bytes()])
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

/// Whether the tree keeps the key in blocks: those that grow with time.
pub(crate) fn is_blocked(key: &[u8]) -> bool {
    [STATES, QUEUES, EXPIRIES, ENDED].iter().any(|prefix| key.starts_with(prefix))
}

/// Whether the value of the key may be so large that it is spilled.
pub(crate) fn is_spillable(key: &[u8]) -> bool {
    [STATES, ENTRIES, STORAGE, KEPT, VERSIONS, COMPONENTS].iter().any(|prefix| key.starts_with(prefix))
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

/// All switches.
pub(crate) fn switches() -> Span {
    Span::prefix(SWITCHES.to_vec())
}

/// A switch.
pub(crate) fn switch(name: &str) -> Vec<u8> {
    join(&[SWITCHES, name.as_bytes()])
}

/// The name of a [`switch`] key.
pub(crate) fn parse_switch(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(SWITCHES)?).ok()
}

/// All events that are kept.
pub(crate) fn kept() -> Span {
    Span::prefix(KEPT.to_vec())
}

/// The events of a name and a key that are kept, in their order.
pub(crate) fn kept_under(event: &str, key: &str) -> Span {
    Span::prefix(kept_prefix(event, key))
}

/// An event that is kept.
pub(crate) fn kept_event(event: &str, key: &str, at_ms: u64, id: RunId) -> Vec<u8> {
    join(&[&kept_prefix(event, key), &at_ms.to_be_bytes(), id.as_bytes()])
}

fn kept_prefix(event: &str, key: &str) -> Vec<u8> {
    join(&[KEPT, &name(event), &Sha256::digest(key.as_bytes())])
}

/// Whether the key is that of an event that is kept.
pub(crate) fn is_kept(key: &[u8]) -> bool {
    key.starts_with(KEPT)
}

/// All notes of who has taken an event.
pub(crate) fn all_takers() -> Span {
    Span::prefix(TAKEN.to_vec())
}

/// The workflows that have taken the event at a [`kept_event`] key.
pub(crate) fn takers(kept: &[u8]) -> Span {
    Span::prefix(taken_prefix(kept))
}

/// That a workflow has taken the event at a [`kept_event`] key.
pub(crate) fn taken(kept: &[u8], workflow: &str) -> Vec<u8> {
    join(&[&taken_prefix(kept), workflow.as_bytes()])
}

/// The workflow of a [`taken`] key of the event at `kept`.
pub(crate) fn parse_taken<'k>(key: &'k [u8], kept: &[u8]) -> Option<&'k str> {
    std::str::from_utf8(key.strip_prefix(taken_prefix(kept).as_slice())?).ok()
}

/// The [`kept_event`] key of a [`taken`] key.
pub(crate) fn kept_of_taken(key: &[u8]) -> Option<Vec<u8>> {
    let rest = key.strip_prefix(TAKEN)?;
    let (name, _) = split_name(rest)?;
    // After the name come a digest, a time and an id.
    let length = 4 + name.len() + 32 + 8 + 16;
    Some(join(&[KEPT, rest.get(..length)?]))
}

fn taken_prefix(kept: &[u8]) -> Vec<u8> {
    // As long as that of the event, so that nothing of it runs into the workflow's name.
    join(&[TAKEN, kept.strip_prefix(KEPT).unwrap_or(kept)])
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

/// All versions.
pub(crate) fn versions() -> Span {
    Span::prefix(VERSIONS.to_vec())
}

/// A version.
pub(crate) fn version(id: &str) -> Vec<u8> {
    join(&[VERSIONS, id.as_bytes()])
}

/// How many runs are of each version.
pub(crate) fn all_version_runs() -> Span {
    Span::prefix(VERSION_RUNS.to_vec())
}

/// How many runs are of a version.
pub(crate) fn version_runs(id: &str) -> Vec<u8> {
    join(&[VERSION_RUNS, id.as_bytes()])
}

/// All components.
pub(crate) fn components() -> Span {
    Span::prefix(COMPONENTS.to_vec())
}

/// A component.
pub(crate) fn component(digest: &str) -> Vec<u8> {
    join(&[COMPONENTS, digest.as_bytes()])
}

/// The digest of a [`component`] key.
pub(crate) fn parse_component(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(COMPONENTS)?).ok()
}

/// All notes of who has which file.
pub(crate) fn all_owners() -> Span {
    Span::prefix(BLOBS.to_vec())
}

/// Who has a file.
pub(crate) fn owners(digest: &[u8; 32]) -> Span {
    Span::prefix(join(&[BLOBS, digest]))
}

/// That the value of a key has a piece in a file.
pub(crate) fn owner(digest: &[u8; 32], key: &[u8]) -> Vec<u8> {
    join(&[BLOBS, digest, key])
}

/// The keys whose values may be so large that they are spilled.
pub(crate) fn spillable() -> [Span; 6] {
    [STATES, ENTRIES, STORAGE, KEPT, VERSIONS, COMPONENTS].map(|prefix| Span::prefix(prefix.to_vec()))
}

/// A key for a person's eyes.
pub(crate) fn describe(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_run_into_each_other() {
        assert_ne!(stored("ab", "c"), stored("a", "bc"));
        assert_eq!(parse_stored(&stored("a\0", "\0b")), Some(("a\0", "\0b")));
    }

    #[test]
    fn who_has_taken_an_event_is_read_back() {
        let kept = kept_event("paid", "7", 1, RunId::new(1, [1; 10]));
        assert_eq!(parse_taken(&taken(&kept, "orders"), &kept), Some("orders"));
        assert_eq!(kept_of_taken(&taken(&kept, "orders")), Some(kept.clone()));
        let other = kept_event("paid", "8", 1, RunId::new(1, [1; 10]));
        assert_eq!(parse_taken(&taken(&kept, "orders"), &other), None);
    }
}
