//! Ids of runs that a run begins.

use sha2::{Digest as _, Sha256};

use crate::id::RunId;

/// The id of the run that a step begins for its item `index`. `since` says which round of the step it is,
/// `at_ms` when that began: the same item of the same round has the same id, whenever it is asked for.
pub fn child_id(parent: RunId, step: &str, since: u32, index: u32, at_ms: u64) -> RunId {
    let mut hash = Sha256::new();
    hash.update(parent.as_bytes());
    hash.update(since.to_be_bytes());
    hash.update(index.to_be_bytes());
    hash.update(step);
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    RunId::new(at_ms, random)
}
