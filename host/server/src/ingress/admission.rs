//! Whether anything is accepted now.

use super::{Ingress, Refusal};

/// Limits of the journal at which ingress stops accepting.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// Unfinished runs.
    pub max_unfinished: u64,
    /// Bytes on disk.
    pub max_bytes: u64,
}

impl Ingress {
    /// Refuses while the service drains, and while the journal is at a limit.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        if !self.health.is_accepting() {
            return Err(Refusal::Draining);
        }
        let backlog = self.journal.backlog();
        if backlog.unfinished >= self.admission.max_unfinished || backlog.bytes >= self.admission.max_bytes {
            return Err(Refusal::JournalFull);
        }
        Ok(())
    }
}
