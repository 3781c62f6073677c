//! A writer that stops before each write, so that something may be done meanwhile.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::mpsc;

/// See the module's header.
pub struct Turns {
    begun: mpsc::UnboundedSender<()>,
    ended: Receiver<()>,
    pub written: Vec<u8>,
}

/// Whoever does something meanwhile.
pub struct Others {
    begun: mpsc::UnboundedReceiver<()>,
    ended: Sender<()>,
}

pub fn pair() -> (Turns, Others) {
    let ((begun, begins), (ended, ends)) = (mpsc::unbounded_channel(), channel());
    (Turns { begun, ended: ends, written: Vec::new() }, Others { begun: begins, ended })
}

impl Others {
    /// Waits until a write is about to be made; false once there are no more.
    pub async fn begin(&mut self) -> bool {
        self.begun.recv().await.is_some()
    }

    /// Lets it be made.
    pub fn end(&self) {
        self.ended.send(()).unwrap();
    }
}

impl Write for Turns {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::other("nobody lets it be written");
        self.begun.send(()).map_err(|_| io::Error::other("nobody waits for it"))?;
        self.ended.recv().map_err(gone)?;
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
