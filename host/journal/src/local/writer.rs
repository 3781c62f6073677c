//! Where requests go: to the committer's thread, or for an inline journal through the committer at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use stepmill_core::journal::JournalError;
use tokio::sync::mpsc;

use crate::committer::{self, Hold, Request};
use crate::error::io;
use crate::shared::Shared;

/// Requests that may wait for the committer; further callers wait to hand theirs over.
const WAITING: usize = 8_192;

/// A way to the committer. The one that was started waits, when it is dropped, until all is written.
pub(crate) struct Writer {
    way: Option<Way>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
enum Way {
    Thread(mpsc::Sender<Request>),
    Inline(Arc<Inline>),
}

/// The committer of whoever asks.
struct Inline {
    shared: Arc<Shared>,
    /// The last version given to a storage write. Held while something is written.
    version: Mutex<u64>,
}

impl Writer {
    /// Starts the committer's thread.
    pub(crate) fn start(shared: &Arc<Shared>, version: u64) -> Result<Self, JournalError> {
        let (requests, receiver) = mpsc::channel(WAITING);
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || {
            let run = AssertUnwindSafe(|| committer::run(&shared, receiver, version));
            if let Err(panic) = catch_unwind(run) {
                let panic = committer::panic_message(&*panic);
                shared.failure.get_or_init(|| format!("the journal's thread panicked: {panic}"));
            }
        });
        let thread = Some(thread.map_err(io("failed to start the journal's thread"))?);
        Ok(Self { way: Some(Way::Thread(requests)), thread })
    }

    /// A committer without a thread.
    pub(crate) fn inline(shared: &Arc<Shared>, version: u64) -> Self {
        let inline = Inline { shared: Arc::clone(shared), version: Mutex::new(version) };
        Self { way: Some(Way::Inline(Arc::new(inline))), thread: None }
    }

    /// Whether everything is done on the caller's thread.
    pub(crate) fn is_inline(&self) -> bool {
        matches!(self.way, Some(Way::Inline(_)))
    }

    /// The same way. While it is there, the one that was started is not done.
    pub(crate) fn handle(&self) -> Self {
        Self { way: self.way.clone(), thread: None }
    }

    /// Hands over a request. It is answered once it is durable.
    pub(crate) async fn send(&self, request: Request) -> Result<(), JournalError> {
        match &self.way {
            Some(Way::Thread(requests)) => requests.send(request).await.map_err(|_| JournalError::Closed),
            Some(Way::Inline(inline)) => {
                inline.write(request);
                Ok(())
            }
            None => Err(JournalError::Closed),
        }
    }

    /// The same on a thread that may block.
    pub(crate) fn blocking_send(&self, request: Request) -> Result<(), JournalError> {
        match &self.way {
            Some(Way::Thread(requests)) => requests.blocking_send(request).map_err(|_| JournalError::Closed),
            Some(Way::Inline(inline)) => {
                inline.write(request);
                Ok(())
            }
            None => Err(JournalError::Closed),
        }
    }
}

impl Inline {
    fn write(&self, request: Request) {
        let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever holds writes off is the only one who could ask for some meanwhile.
        if let Some(Hold { answer, .. }) = committer::write(&self.shared, request, || None, &mut version) {
            drop(answer.send(Ok(())));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.way = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread panicked");
        }
    }
}
