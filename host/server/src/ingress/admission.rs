//! Whether anything is accepted now.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Ingress, Refusal};

/// Limits at which ingress stops accepting.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// Unfinished runs in the journal.
    pub max_unfinished: u64,
    /// Bytes of the journal on disk.
    pub max_bytes: u64,
    /// Requests between their headers and their answer.
    pub requests: u32,
    /// Bytes of the bodies of these.
    pub bodies: u64,
}

/// Places of requests, and the memory that their bodies may take.
pub(super) struct Places {
    requests: Semaphore,
    /// KiB.
    bodies: Semaphore,
    /// Bodies that are decoded beside the threads that answer.
    decoders: Semaphore,
}

impl Places {
    pub(super) fn new(admission: &Admission) -> Self {
        let kib = usize::try_from(admission.bodies >> 10).unwrap_or(usize::MAX);
        let requests = usize::try_from(admission.requests).unwrap_or(usize::MAX);
        Self {
            requests: Semaphore::new(requests.min(Semaphore::MAX_PERMITS)),
            bodies: Semaphore::new(kib.min(Semaphore::MAX_PERMITS)),
            decoders: Semaphore::new(std::thread::available_parallelism().map_or(2, Into::into)),
        }
    }

    /// A place for a request.
    pub(super) fn request(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.requests.try_acquire().map_err(|_| Refusal::Busy)
    }

    /// A place for a body that takes a while to decode, once there is one.
    pub(super) async fn decoder(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.decoders.acquire().await.map_err(|_| Refusal::Draining)
    }

    /// Room for a body of so many KiB.
    pub(super) fn body(&self, kib: u32) -> Result<SemaphorePermit<'_>, Refusal> {
        self.bodies.try_acquire_many(kib).map_err(|_| Refusal::Busy)
    }
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
