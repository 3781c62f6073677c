//! Writing an export.

use std::io::Write;
use std::sync::Arc;

use stepmill_core::journal::JournalError;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::{FORMAT, Line, Transferred, seal};
use crate::codec::{self, ClaimRow, CursorRow, KeptRow, StoredRow};
use crate::committer::{Hold, Request};
use crate::error::{TransferError, damaged, io};
use crate::keys;
use crate::local::LocalJournal;
use crate::shared::Shared;

impl LocalJournal {
    /// Writes all that is in the journal, as it is at one moment: writes wait meanwhile. Gives the
    /// writer back, flushed; making a file durable is the caller's part.
    pub async fn export<W: Write + Send + 'static>(
        &self,
        mut writer: W,
    ) -> Result<(W, Transferred), TransferError> {
        let (release, until) = oneshot::channel::<()>();
        self.write(|answer| Request::Hold(Hold { answer, until })).await?;
        let shared = Arc::clone(&self.shared);
        let exported = spawn_blocking(move || {
            let exported = export(&shared, &mut writer);
            drop(release);
            exported.map(|transferred| (writer, transferred))
        });
        exported.await.map_err(io("failed to export the journal"))?
    }
}

fn export(shared: &Shared, writer: &mut impl Write) -> Result<Transferred, TransferError> {
    let mut transferred = Transferred::default();
    let mut write = |line: Line| {
        transferred.count(&line);
        write_line(writer, &line)
    };
    let version = shared.values.get(keys::VERSION)?.unwrap_or_default();
    write(Line::Header { format: FORMAT, exported_ms: shared.clock.now_ms(), version })?;
    shared.values.each(keys::states(), |key, _| {
        let run = keys::parse_state(key).ok_or_else(|| damaged(key, "no run"))?;
        let Some((state, entries)) = shared.values.run(run)? else {
            return Err(damaged(key, "the run is missing").into());
        };
        write(Line::Run { state: Box::new(state), entries })
    })?;
    shared.values.each(keys::claims(), |key, content| {
        let (scope, digest) = keys::parse_claim(key).ok_or_else(|| damaged(key, "no claim"))?;
        let ClaimRow { run, expires_ms } = codec::decode(key, &content)?;
        write(Line::Claim { scope: scope.to_owned(), key_sha256: hex::encode(digest), run, expires_ms })
    })?;
    shared.values.each(keys::fires(), |key, content| {
        let schedule = keys::parse_fire(key).ok_or_else(|| damaged(key, "no schedule"))?;
        let CursorRow { at_ms, last } = codec::decode(key, &content)?;
        write(Line::Fire { schedule: schedule.to_owned(), fire_ms: at_ms, run: last })
    })?;
    shared.values.each(keys::storage(), |key, content| {
        let (namespace, name) = keys::parse_stored(key).ok_or_else(|| damaged(key, "no stored value"))?;
        let stored: StoredRow = codec::decode(key, &content)?;
        write(Line::Value { namespace: namespace.to_owned(), key: name.to_owned(), stored })
    })?;
    shared.values.each(keys::kept(), |key, content| {
        let kept: KeptRow = codec::decode(key, &content)?;
        let mut taken = Vec::new();
        shared.values.each::<TransferError>(keys::takers(key), |taker, _| {
            let workflow = keys::parse_taken(taker, key).ok_or_else(|| damaged(taker, "no workflow"))?;
            taken.push(workflow.to_owned());
            Ok(())
        })?;
        write(Line::Event { kept, taken })
    })?;
    shared.values.each(keys::switches(), |key, content| {
        let name = keys::parse_switch(key).ok_or_else(|| damaged(key, "no switch"))?;
        write(Line::Switch { name: name.to_owned(), value: codec::decode(key, &content)? })
    })?;
    write_line(writer, &Line::End(transferred))?;
    writer.flush().map_err(TransferError::Write)?;
    Ok(transferred)
}

fn write_line(writer: &mut impl Write, line: &Line) -> Result<(), TransferError> {
    let json = serde_json::to_vec(line)
        .map_err(io("failed to encode a line of the export"))
        .map_err(|error: JournalError| TransferError::Journal(error))?;
    writer.write_all(&seal(&json)).map_err(TransferError::Write)
}
