//! How many runs of each workflow have ended, and their bytes: counted in the commits that end and remove them,
//! so that a bound on either costs no look at them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use stepmill_core::journal::JournalError;

use crate::error::damaged;
use crate::keys;
use crate::tree::{Change, Changes};
use crate::values::Values;

/// Ended runs of one workflow and of its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    /// How many there are.
    pub(crate) runs: u64,
    /// The bytes of their states and entries.
    pub(crate) bytes: u64,
}

/// By how much the totals of workflows change: runs and bytes.
pub(crate) type Deltas = BTreeMap<String, (i64, i64)>;

/// The totals of all workflows that have any.
#[derive(Debug)]
pub(crate) struct Totals {
    by_workflow: Mutex<BTreeMap<String, Total>>,
}

impl Total {
    fn changed_by(self, (runs, bytes): (i64, i64)) -> Self {
        Self { runs: self.runs.saturating_add_signed(runs), bytes: self.bytes.saturating_add_signed(bytes) }
    }

    /// As it is kept: both numbers, big-endian.
    pub(crate) fn to_raw(self) -> Vec<u8> {
        [self.runs.to_be_bytes(), self.bytes.to_be_bytes()].concat()
    }

    fn parse(raw: &[u8]) -> Option<Self> {
        let (runs, bytes) = raw.split_first_chunk::<8>()?;
        Some(Self { runs: u64::from_be_bytes(*runs), bytes: u64::from_be_bytes(bytes.try_into().ok()?) })
    }
}

impl Totals {
    /// The totals as they are kept.
    pub(crate) fn open(values: &Values) -> Result<Self, JournalError> {
        let mut totals = BTreeMap::new();
        values.each(keys::totals(), |key, raw| {
            let workflow = keys::parse_total(key).ok_or_else(|| damaged(key, "no workflow"))?;
            let total = Total::parse(&raw).ok_or_else(|| damaged(key, "no total"))?;
            totals.insert(workflow.to_owned(), total);
            Ok::<_, JournalError>(())
        })?;
        Ok(Self { by_workflow: Mutex::new(totals) })
    }

    /// What they are now.
    pub(crate) fn now(&self) -> BTreeMap<String, Total> {
        self.by_workflow.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes down what they come to with a batch's deltas.
    pub(crate) fn write(&self, deltas: &Deltas, changes: &mut Changes) {
        let totals = self.by_workflow.lock().unwrap_or_else(PoisonError::into_inner);
        for (workflow, delta) in deltas {
            let total = totals.get(workflow).copied().unwrap_or_default().changed_by(*delta);
            let change = if total.runs == 0 { Change::Remove } else { Change::Put(total.to_raw()) };
            changes.insert(keys::total(workflow), change);
        }
    }

    /// Adds what is durable.
    pub(crate) fn add(&self, deltas: &Deltas) {
        let mut totals = self.by_workflow.lock().unwrap_or_else(PoisonError::into_inner);
        for (workflow, delta) in deltas {
            let total = totals.get(workflow).copied().unwrap_or_default().changed_by(*delta);
            if total.runs == 0 {
                totals.remove(workflow);
            } else {
                totals.insert(workflow.clone(), total);
            }
        }
    }
}
