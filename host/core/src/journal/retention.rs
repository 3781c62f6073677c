//! How long runs are kept once they have ended.

use std::collections::BTreeMap;

use crate::run::root;

/// How long runs that have succeeded or were cancelled are kept. Dead letters and unfinished runs always are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Of workflows that have nothing of their own, also of such as are deployed no more.
    pub usual: Kept,
    /// By workflow.
    pub of: BTreeMap<String, Kept>,
}

/// Which ended runs of one workflow are kept: those that no bound is against. The oldest ends go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Those that ended at this time or later, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// At most so many, those of the workflow's parts included.
    pub runs: Option<u64>,
    /// At most so many bytes of them, counted likewise; a payload that several runs share counts for each.
    pub bytes: Option<u64>,
}

impl Retention {
    /// Of every workflow what ended at `since_ms` or later.
    pub fn since(since_ms: u64) -> Self {
        Self { usual: Kept { since_ms, ..Kept::default() }, of: BTreeMap::new() }
    }

    /// What is kept of a workflow, or of that whose part it is.
    pub fn of(&self, workflow: &str) -> Kept {
        self.of.get(root(workflow)).copied().unwrap_or(self.usual)
    }
}
