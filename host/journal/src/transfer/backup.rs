//! Writing an export while the journal is written, that is in the end what the journal is at one moment.
//!
//! The tables are read in order. What a commit changes behind that is noted (`notes.rs`) and written again, for as
//! long as it takes until little is left; for that, writes wait. So no value that was written last is older than that
//! moment, whatever became of it since it was first written, and nothing is kept of what was there before.
//!
//! Invariant: a key is passed before it is read, and a change is noted after it can be read. So a value that is read
//! is as new as its key's last note, or it is noted after.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use stepmill_core::journal::JournalError;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::lines::Lines;
use super::notes::Overrun;
use super::tables::{self, TABLES};
use super::{Line, Transferred};
use crate::committer::{Hold, Request};
use crate::error::{TransferError, io};
use crate::local::{LocalJournal, Writer};
use crate::shared::Shared;
use crate::tree::Order;

/// Keys that are read after one scan.
const PAGE: usize = 256;
/// Noted keys after which they are written again before anything else: it bounds how many there are.
const NOTED: usize = 4_096;
/// Noted keys for which writes wait, at first. They take some milliseconds.
const FEW: usize = 64;
/// Rounds after which it is twice as many, again and again: a journal that is written fast never has few.
const ROUNDS: u32 = 8;
/// Bytes of lines that are made while writes wait. What is more is for another round.
const HELD_BYTES: usize = 64 << 20;

impl LocalJournal {
    /// Writes all that is in the journal, as it is at one moment between the call and its end, while writes go on:
    /// they wait only for the last few values. Gives the writer back, flushed; making a file durable is the caller's
    /// part. There is one backup at a time.
    pub async fn back_up<W: Write + Send + 'static>(&self, to: W) -> Result<(W, Transferred), TransferError> {
        // Between two batches, so that none is half noted.
        let (release, until) = oneshot::channel::<()>();
        self.write(|answer| Request::Hold(Hold { answer, until })).await?;
        if !self.shared.notes.begin() {
            return Err(TransferError::UnderWay);
        }
        let backup = Backup { shared: Arc::clone(&self.shared), writer: self.writer() };
        drop(release);
        spawn_blocking(move || backup.write(to)).await.map_err(io("failed to back up the journal"))?
    }
}

/// A backup that is being written; it is over when it is dropped.
struct Backup {
    shared: Arc<Shared>,
    writer: Writer,
}

impl Drop for Backup {
    fn drop(&mut self) {
        self.shared.notes.end();
    }
}

impl Backup {
    fn write<W: Write>(self, to: W) -> Result<(W, Transferred), TransferError> {
        let mut lines = Lines::begin(to, self.shared.clock.now_ms())?;
        for number in 0..TABLES.len() {
            self.write_table(number, &mut lines)?;
        }
        let mut round = 0_u32;
        loop {
            let few = FEW << (round / ROUNDS).min(8);
            if self.shared.notes.len() <= few && self.write_held(&mut lines)? {
                return lines.end();
            }
            self.write_noted(&mut lines)?;
            round = round.saturating_add(1);
        }
    }

    fn write_table(&self, number: usize, lines: &mut Lines<impl Write>) -> Result<(), TransferError> {
        let (notes, values) = (&self.shared.notes, &self.shared.values);
        let Some(table) = TABLES.get(number) else { return Ok(()) };
        let mut span = (table.span)();
        loop {
            // What comes to stand in the page while it is looked for.
            notes.pass(number, None);
            let pairs = values.scan(&span, Order::Ascending, PAGE)?;
            let last = pairs.last().map(|(key, _)| key.clone()).filter(|_| pairs.len() == PAGE);
            if let Some(last) = &last {
                notes.pass(number, Some(last.clone()));
            }
            for (key, _) in pairs {
                // What has gone since then is noted.
                if let Some(line) = table.line(values, &key)? {
                    lines.write(&line)?;
                }
            }
            if notes.len() >= NOTED {
                self.write_noted(lines)?;
            }
            match last {
                Some(last) => span = span.after(last),
                None => return Ok(()),
            }
        }
    }

    fn write_noted(&self, lines: &mut Lines<impl Write>) -> Result<(), TransferError> {
        for key in self.take()? {
            let line = self.line(&key)?;
            lines.write(&line)?;
        }
        Ok(())
    }

    /// Writes what is left while nothing is written to the journal. The lines are made then, and handed on after: a
    /// slow reader holds nothing up. Whether that was all.
    fn write_held(&self, lines: &mut Lines<impl Write>) -> Result<bool, TransferError> {
        let (release, until) = oneshot::channel::<()>();
        let (answer, answered) = oneshot::channel();
        self.writer.blocking_send(Request::Hold(Hold { answer, until }))?;
        answered.blocking_recv().map_err(|_| JournalError::Closed)??;
        let mut left: BTreeSet<Vec<u8>> = self.take()?;
        let mut made = Vec::new();
        while made.len() < HELD_BYTES
            && let Some(key) = left.pop_first()
        {
            let line = self.line(&key)?;
            made.extend(lines.seal(&line)?);
        }
        let is_all = left.is_empty();
        self.shared.notes.note(left.into_iter().map(|key| (0, key)).collect());
        drop(release);
        lines.write_sealed(&made)?;
        Ok(is_all)
    }

    fn take(&self) -> Result<BTreeSet<Vec<u8>>, TransferError> {
        self.shared.check()?;
        self.shared.notes.take().map_err(|Overrun| TransferError::Overrun)
    }

    /// What stands at a key now, or that nothing does.
    fn line(&self, key: &[u8]) -> Result<Line, JournalError> {
        let table = tables::table_of(key).and_then(|number| TABLES.get(number));
        let line = table.map(|table| table.line(&self.shared.values, key)).transpose()?.flatten();
        Ok(line.unwrap_or_else(|| Line::Gone { key: tables::to_body(key) }))
    }
}
