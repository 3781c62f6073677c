//! What changes behind a backup that is being written.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tables;
use crate::tree::Changes;

/// Keys that are noted at most. Only a reader that is slower than the journal is written lets it come to this.
const MOST: usize = 1 << 19;

/// The keys that a backup has to look at again. There is one backup at a time.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    of: Mutex<Option<Of>>,
}

#[derive(Debug)]
struct Of {
    /// The table that is being read, and up to which key of it, that included; without one all of it.
    table: usize,
    upto: Option<Vec<u8>>,
    keys: BTreeSet<Vec<u8>>,
    has_lost: bool,
}

/// The journal was written faster than the backup.
#[derive(Debug)]
pub(super) struct Overrun;

impl Notes {
    /// Begins a backup, before which nothing is noted. Whether there was none.
    pub(super) fn begin(&self) -> bool {
        let mut of = self.of();
        if of.is_some() {
            return false;
        }
        *of = Some(Of { table: 0, upto: Some(Vec::new()), keys: BTreeSet::new(), has_lost: false });
        true
    }

    /// The backup is over.
    pub(super) fn end(&self) {
        *self.of() = None;
    }

    /// From here on what changes is noted in the tables before one, and in that up to a key, or all of it.
    pub(super) fn pass(&self, table: usize, upto: Option<Vec<u8>>) {
        if let Some(of) = self.of().as_mut() {
            (of.table, of.upto) = (table, upto);
        }
    }

    /// How many keys are noted.
    pub(super) fn len(&self) -> usize {
        self.of().as_ref().map_or(0, |of| of.keys.len())
    }

    /// Hands out what was noted.
    pub(super) fn take(&self) -> Result<BTreeSet<Vec<u8>>, Overrun> {
        match self.of().as_mut() {
            Some(of) if !of.has_lost => Ok(std::mem::take(&mut of.keys)),
            Some(_) | None => Err(Overrun),
        }
    }

    /// The keys of a batch that a backup has, if there is one. To be given to [`Notes::note`] once others can see
    /// what the batch wrote.
    pub(crate) fn touched(&self, changes: &Changes) -> Vec<(usize, Vec<u8>)> {
        if self.of().is_none() {
            return Vec::new();
        }
        changes.keys().filter_map(|key| tables::exported(key)).collect()
    }

    /// Notes the keys that the backup has passed.
    pub(crate) fn note(&self, touched: Vec<(usize, Vec<u8>)>) {
        if touched.is_empty() {
            return;
        }
        if let Some(of) = self.of().as_mut() {
            for (table, key) in touched {
                let is_passed = table < of.table
                    || (table == of.table && of.upto.as_ref().is_none_or(|upto| key <= *upto));
                if is_passed {
                    of.keys.insert(key);
                }
            }
            if of.keys.len() > MOST {
                of.keys = BTreeSet::new();
                of.has_lost = true;
            }
        }
    }

    fn of(&self) -> MutexGuard<'_, Option<Of>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
