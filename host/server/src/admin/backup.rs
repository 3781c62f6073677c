//! A backup of the journal, streamed while the service goes on.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use stepmill_core::journal::BackupError;
use tokio::sync::mpsc::{self, Sender};

use super::{Admin, Error};

/// Bytes that are handed on at once.
const CHUNK_BYTES: usize = 128 << 10;
/// Chunks that may wait for the caller: with these the backup's memory is bounded.
const CHUNKS: usize = 8;

type Chunk = Result<Bytes, BackupError>;

/// Answers with the backup as it is written. One that fails under way breaks off, so that its last line is missing.
pub(super) async fn download(State(admin): State<Arc<Admin>>) -> Result<Response, Error> {
    let (sender, mut receiver) = mpsc::channel::<Chunk>(CHUNKS);
    let journal = Arc::clone(&admin.journal);
    tokio::spawn(async move {
        let chunks = Chunks { sender: sender.clone(), bytes: Vec::with_capacity(CHUNK_BYTES) };
        if let Err(error) = journal.back_up(Box::new(chunks)).await {
            // Once the caller has gone, nobody minds.
            let _ = sender.send(Err(error)).await;
        }
    });
    let first = receiver.recv().await.transpose().map_err(Error::Backup)?;
    let rest = stream::unfold(receiver, |mut receiver| async move {
        let chunk: Chunk = receiver.recv().await?;
        if let Err(error) = &chunk {
            tracing::error!(error = error as &dyn std::error::Error, "a backup broke off");
        }
        Some((chunk, receiver))
    });
    let chunks = futures::StreamExt::chain(stream::iter(first.map(Ok)), rest);
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks)).into_response())
}

/// Hands what is written on, on a thread that may wait for it.
struct Chunks {
    sender: Sender<Chunk>,
    bytes: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.bytes, Vec::with_capacity(CHUNK_BYTES));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever asked for the backup has gone");
        self.sender.blocking_send(Ok(chunk.into())).map_err(gone)
    }
}
