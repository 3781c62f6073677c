//! What the committer and the readers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use stepmill_core::Clock;
use stepmill_core::journal::{Backlog, JournalError, PhaseName, Retention};

use crate::batch::Effects;
use crate::claims::Claims;
use crate::index;
use crate::keys;
use crate::query;
use crate::sweep::{self, Found};
use crate::totals::Totals;
use crate::transfer::Notes;
use crate::values::Values;

/// A journal's values and what is known about them in memory.
pub(crate) struct Shared {
    /// What is on disk.
    pub(crate) values: Values,
    /// Who works on what.
    pub(crate) claims: Claims,
    /// How full the journal is.
    pub(crate) counters: Counters,
    /// How many runs of each workflow have ended.
    pub(crate) totals: Totals,
    /// What changes behind a backup.
    pub(crate) notes: Notes,
    /// Tells when things expire.
    pub(crate) clock: Arc<dyn Clock>,
    /// Set once a write has failed such that nothing may be assumed.
    pub(crate) failure: OnceLock<String>,
}

impl Shared {
    /// Counts what is in the journal.
    pub(crate) fn new(values: Values, clock: Arc<dyn Clock>) -> Result<Self, JournalError> {
        let ready = values.count(keys::queues(), index::is_ready)?;
        let mut backlog = Backlog { unfinished: ready, dead: 0, bytes: values.bytes() };
        for workflow in query::workflows(&values)? {
            for phase in keys::INDEXED_PHASES {
                let counter = match phase {
                    PhaseName::Gathering
                    | PhaseName::Queued
                    | PhaseName::Ready
                    | PhaseName::Retrying
                    | PhaseName::Parked
                    | PhaseName::Waiting => &mut backlog.unfinished,
                    PhaseName::Dead => &mut backlog.dead,
                    PhaseName::Held | PhaseName::Succeeded | PhaseName::Cancelled => continue,
                };
                *counter += values.count(keys::in_phase(&workflow, phase), |_| true)?;
            }
        }
        Ok(Self {
            claims: Claims::open(&values)?,
            totals: Totals::open(&values)?,
            values,
            counters: Counters::new(backlog),
            notes: Notes::default(),
            clock,
            failure: OnceLock::new(),
        })
    }

    /// At most `limit` things that may be pruned, from the key `from` on.
    pub(crate) fn prunable(
        &self,
        now_ms: u64,
        retention: &Retention,
        from: &[u8],
        limit: usize,
    ) -> Result<Found, JournalError> {
        sweep::look(&self.values, &self.totals.now(), retention, now_ms, from, limit)
    }

    /// Refuses if a write has failed before.
    pub(crate) fn check(&self) -> Result<(), JournalError> {
        match self.failure.get() {
            Some(failure) => Err(JournalError::Io {
                doing: "an earlier write of the journal failed, so nothing may be assumed: restart stepmill"
                    .into(),
                source: failure.clone().into(),
            }),
            None => Ok(()),
        }
    }
}

/// How full the journal is, kept by the committer.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    unfinished: AtomicU64,
    dead: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    /// Counters that begin with what was found at the start.
    pub(crate) fn new(backlog: Backlog) -> Self {
        Self {
            unfinished: AtomicU64::new(backlog.unfinished),
            dead: AtomicU64::new(backlog.dead),
            bytes: AtomicU64::new(backlog.bytes),
        }
    }

    /// Counts what a batch did.
    pub(crate) fn add(&self, effects: &Effects) {
        for (counter, change) in [(&self.unfinished, effects.unfinished), (&self.dead, effects.dead)] {
            let now = counter.load(Ordering::Relaxed).saturating_add_signed(change);
            counter.store(now, Ordering::Relaxed);
        }
    }

    /// Notes the bytes on disk.
    pub(crate) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// The last counts.
    pub(crate) fn backlog(&self) -> Backlog {
        Backlog {
            unfinished: self.unfinished.load(Ordering::Relaxed),
            dead: self.dead.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}
