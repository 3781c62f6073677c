//! Reading an export.

use std::io::BufRead;
use std::sync::Arc;

use stepmill_core::journal::JournalError;
use stepmill_core::run;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::tables::{self, TABLES};
use super::{FORMAT, Line, Transferred, former, lines};
use crate::codec::{self, ClaimRow, CursorRow};
use crate::committer::Request;
use crate::error::{TransferError, damaged, io};
use crate::keys;
use crate::local::{LocalJournal, Writer};
use crate::shared::Shared;
use crate::tree::Order;
use crate::write::Restored;

/// Lines and bytes of lines that are written in one batch.
const BATCH_LINES: usize = 1_024;
const BATCH_BYTES: usize = 8 << 20;

/// Reads an export or a backup to its end, without an import: whether it is whole, and every run's entries lead to its
/// state.
///
/// # Errors
/// What is wrong with it.
pub fn verify(reader: impl BufRead) -> Result<Transferred, TransferError> {
    lines::read(reader, |line, number, _| restored(line, number).map(drop))
}

impl LocalJournal {
    /// Reads an export or a backup into this journal, which must be empty. Every run is replayed first. After an
    /// error the folder is of no use and refuses to be opened: delete it and import again.
    pub async fn import<R: BufRead + Send + 'static>(&self, reader: R) -> Result<Transferred, TransferError> {
        let shared = Arc::clone(&self.shared);
        let writer = self.writer();
        let imported = spawn_blocking(move || {
            check_empty(&shared)?;
            let mut batch = Batch { writer, values: vec![Restored::Importing(true)], bytes: 0 };
            batch.flush()?;
            let transferred = lines::read(reader, |line, number, length| {
                restored(line, number)?.into_iter().try_for_each(|value| Ok(batch.push(value, length)?))
            })?;
            batch.flush()?;
            place(&shared, &mut batch)?;
            batch.values.push(Restored::Importing(false));
            batch.flush()?;
            Ok(transferred)
        });
        imported.await.map_err(io("failed to import into the journal"))?
    }
}

/// Values on their way to the committer.
struct Batch {
    writer: Writer,
    values: Vec<Restored>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, value: Restored, bytes: usize) -> Result<(), JournalError> {
        self.values.push(value);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.values.len() >= BATCH_LINES || self.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        self.bytes = 0;
        let values = std::mem::take(&mut self.values);
        let (answer, answered) = oneshot::channel();
        self.writer.blocking_send(Request::Restore(values, answer))?;
        answered.blocking_recv().map_err(|_| JournalError::Closed)?
    }
}

fn check_empty(shared: &Shared) -> Result<(), TransferError> {
    for table in &TABLES {
        if !shared.values.scan(&(table.span)(), Order::Ascending, 1)?.is_empty() {
            return Err(TransferError::NotEmpty);
        }
    }
    Ok(())
}

/// Has all that follows from the runs follow from them, once each is what it was.
fn place(shared: &Shared, batch: &mut Batch) -> Result<(), JournalError> {
    shared.values.each_page(keys::states(), |keys| {
        keys.iter().try_for_each(|key| {
            let run = keys::parse_state(key).ok_or_else(|| damaged(key, "no run"))?;
            batch.push(Restored::Placed(run), 0)
        })
    })?;
    batch.flush()
}

/// What a line comes to; nothing for the header.
fn restored(line: Line, number: u64) -> Result<Option<Restored>, TransferError> {
    let damaged = |problem: String| TransferError::Damaged { line: number, problem };
    Ok(Some(match line {
        Line::Header { format: FORMAT | former::FORMAT, version, .. } => {
            let Some(version) = version else { return Ok(None) };
            Restored::Version(version)
        }
        Line::Header { format, .. } => {
            let problem = format!(
                "the export has the format {format}, this version reads {} and {FORMAT}",
                former::FORMAT
            );
            return Err(damaged(problem));
        }
        Line::Run { state, entries } => {
            let illegal = |reason| TransferError::Illegal { line: number, run: state.run, reason };
            let replayed = run::replay(&entries).map_err(|error| illegal(error.to_string()))?;
            if replayed.as_ref() != Some(&*state) {
                return Err(illegal("they lead to another state".to_owned()));
            }
            Restored::Run(state, entries)
        }
        Line::Claim { scope, key_sha256, run, expires_ms } => {
            let digest = hex::decode(&key_sha256).map_err(|error| damaged(error.to_string()))?;
            if digest.len() != 32 {
                return Err(damaged("the key's SHA-256 has another length".to_owned()));
            }
            Restored::Claim(scope, digest, ClaimRow { run, expires_ms })
        }
        Line::Fire { schedule, fire_ms, run } => {
            Restored::Fire(schedule, CursorRow { at_ms: fire_ms, last: run })
        }
        Line::Value { namespace, key, stored } => Restored::Stored(namespace, key, stored),
        Line::Event { kept, taken } => Restored::Kept(kept, taken),
        Line::Row { table: name, key, value } => {
            let key = tables::to_bytes(key);
            let table = tables::table_of(&key).and_then(|number| TABLES.get(number));
            let table = table.filter(|table| table.name == name);
            let encode = table.and_then(|table| table.encode);
            let encode = encode.ok_or_else(|| damaged(format!("it is no value of {name:?}")))?;
            let content = encode(value).map_err(|error| damaged(error.to_string()))?;
            if key == keys::VERSION {
                let version = codec::decode(&key, &content).map_err(|error| damaged(error.to_string()))?;
                Restored::Version(version)
            } else {
                Restored::Row(key, content)
            }
        }
        Line::Gone { key } => {
            let key = tables::to_bytes(key);
            if tables::table_of(&key).is_none() {
                return Err(damaged("what is gone is no value of an export".to_owned()));
            }
            Restored::Gone(key)
        }
        Line::End(_) => return Err(damaged("an end before the end".to_owned())),
    }))
}
