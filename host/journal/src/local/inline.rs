//! A journal for tests and simulation: it writes as the others do, but on its caller's thread.

use std::sync::Arc;

use stepmill_core::clock::Clock;

use super::{LocalJournal, Writer};
use crate::error::OpenError;
use crate::keys;
use crate::shared::Shared;
use crate::tree::MemoryTree;
use crate::values::Values;

/// What an inline journal is kept on. For tests and simulation.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    tree: Arc<MemoryTree>,
}

impl MemoryDisk {
    /// What a crash at this moment would leave, as a disk of its own: what is written to this one after it does not
    /// reach that.
    pub fn crashed(&self) -> Self {
        Self { tree: Arc::new(self.tree.copy()) }
    }
}

impl LocalJournal {
    /// Opens the journal on `disk`, or makes one. For tests and simulation: it has no thread, and the futures of its
    /// methods are done when they are first polled, on their caller's thread, so that whatever works on it on a
    /// `current_thread` runtime does the same each time. (A loop over them lets nobody else have the thread but by a
    /// `yield_now` of its own. Export and import, which are not for simulation, do use a thread.)
    ///
    /// No two may be open on one disk: to crash, drop what works on the journal and open another one on
    /// [`MemoryDisk::crashed`].
    pub fn inline(disk: &MemoryDisk, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let start = |source| OpenError::Start { path: "(memory)".into(), source };
        let values = Values::inline(Box::new(Arc::clone(&disk.tree)));
        let version = values.get::<u64>(keys::VERSION).map_err(start)?.unwrap_or_default();
        let shared = Arc::new(Shared::new(values, clock).map_err(start)?);
        let writer = Writer::inline(&shared, version);
        Ok(Self { shared, writer })
    }
}
