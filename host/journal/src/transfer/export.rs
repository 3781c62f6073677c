//! Writing an export.

use std::io::Write;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::Transferred;
use super::lines::Lines;
use super::tables::TABLES;
use crate::committer::{Hold, Request};
use crate::error::{TransferError, damaged, io};
use crate::local::LocalJournal;
use crate::shared::Shared;

impl LocalJournal {
    /// Writes all that is in the journal, as it is at one moment: writes wait meanwhile. Gives the
    /// writer back, flushed; making a file durable is the caller's part.
    pub async fn export<W: Write + Send + 'static>(
        &self,
        writer: W,
    ) -> Result<(W, Transferred), TransferError> {
        let (release, until) = oneshot::channel::<()>();
        self.write(|answer| Request::Hold(Hold { answer, until })).await?;
        let shared = Arc::clone(&self.shared);
        let exported = spawn_blocking(move || {
            let exported = export(&shared, writer);
            drop(release);
            exported
        });
        exported.await.map_err(io("failed to export the journal"))?
    }
}

fn export<W: Write>(shared: &Shared, writer: W) -> Result<(W, Transferred), TransferError> {
    let mut lines = Lines::begin(writer, shared.clock.now_ms())?;
    for table in &TABLES {
        shared.values.each_page((table.span)(), |keys| {
            for key in keys {
                let line = table.line(&shared.values, key)?;
                let gone = || damaged(key, format!("its value of {} is missing", table.name));
                lines.write(&line.ok_or_else(gone)?)?;
            }
            Ok::<_, TransferError>(())
        })?;
    }
    lines.end()
}
