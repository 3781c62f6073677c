//! Reading an export.

use std::io::BufRead;
use std::sync::Arc;

use stepmill_core::journal::JournalError;
use stepmill_core::run;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::{FORMAT, Line, Transferred, former, unseal};
use crate::codec::{ClaimRow, CursorRow};
use crate::committer::Request;
use crate::error::{TransferError, io};
use crate::keys;
use crate::local::{LocalJournal, Writer};
use crate::shared::Shared;
use crate::tree::Order;
use crate::write::Restored;

/// Lines and bytes of lines that are written in one batch.
const BATCH_LINES: usize = 1_024;
const BATCH_BYTES: usize = 8 << 20;

impl LocalJournal {
    /// Reads an export into this journal, which must be empty. Every run is replayed first. After an
    /// error the folder is of no use and refuses to be opened: delete it and import again.
    pub async fn import<R: BufRead + Send + 'static>(&self, reader: R) -> Result<Transferred, TransferError> {
        let shared = Arc::clone(&self.shared);
        let writer = self.writer();
        let imported = spawn_blocking(move || {
            check_empty(&shared)?;
            let mut batch = Batch { writer, values: vec![Restored::Importing(true)], bytes: 0 };
            batch.flush()?;
            let transferred = import(reader, &mut batch)?;
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
    let all =
        [keys::states(), keys::claims(), keys::fires(), keys::storage(), keys::kept(), keys::switches()];
    for span in all {
        if !shared.values.scan(&span, Order::Ascending, 1)?.is_empty() {
            return Err(TransferError::NotEmpty);
        }
    }
    Ok(())
}

fn import(mut reader: impl BufRead, batch: &mut Batch) -> Result<Transferred, TransferError> {
    let mut transferred = Transferred::default();
    let mut has_ended = false;
    let mut is_former = false;
    let mut number = 0_u64;
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes);
        let length = read.map_err(|source| TransferError::Read { line: number + 1, source })?;
        if length == 0 {
            break;
        }
        number += 1;
        let damaged = |problem: &str| TransferError::Damaged { line: number, problem: problem.to_owned() };
        let Some(content) = bytes.strip_suffix(b"\n") else {
            return Err(TransferError::Truncated { line: number });
        };
        if has_ended {
            return Err(damaged("something follows the line that should be the last"));
        }
        let json = unseal(content).ok_or_else(|| damaged("its checksum is not that of its content"))?;
        let line = if is_former { former::read(&json) } else { serde_json::from_slice(&json) };
        let line: Line = line.map_err(|error| damaged(&error.to_string()))?;
        is_former |= matches!(line, Line::Header { format: former::FORMAT, .. });
        if (number == 1) != matches!(line, Line::Header { .. }) {
            return Err(damaged("the first line, and no other, must be the header"));
        }
        transferred.count(&line);
        if let Line::End(expected) = line {
            if expected != transferred {
                return Err(damaged("the export does not have as many values as it says"));
            }
            has_ended = true;
        } else {
            batch.push(restored(line, number)?, length)?;
        }
    }
    if has_ended { Ok(transferred) } else { Err(TransferError::Truncated { line: number }) }
}

fn restored(line: Line, number: u64) -> Result<Restored, TransferError> {
    let damaged = |problem: String| TransferError::Damaged { line: number, problem };
    Ok(match line {
        Line::Header { format: FORMAT | former::FORMAT, version, .. } => Restored::Version(version),
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
        Line::Switch { name, value } => Restored::Switch(name, value),
        Line::End(_) => return Err(damaged("an end before the end".to_owned())),
    })
}
