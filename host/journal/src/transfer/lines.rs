//! Lines as they are written and read: each with its sum, the last one with the counts.

use std::io::{BufRead, Write};

use sha2::{Digest, Sha256};
use stepmill_core::journal::JournalError;

use super::{FORMAT, Line, Transferred, former};
use crate::error::{TransferError, io};

const SUM_BEGIN: &[u8] = b"{\"sum\":\"";
const SUM_END: &[u8] = b"\",";

/// Writes lines, and counts them for the last one.
pub(super) struct Lines<W> {
    to: W,
    transferred: Transferred,
}

impl<W: Write> Lines<W> {
    /// Begins with the header.
    pub(super) fn begin(to: W, exported_ms: u64) -> Result<Self, TransferError> {
        let mut lines = Self { to, transferred: Transferred::default() };
        lines.write(&Line::Header { format: FORMAT, exported_ms, version: None })?;
        Ok(lines)
    }

    /// Writes a line.
    pub(super) fn write(&mut self, line: &Line) -> Result<(), TransferError> {
        let sealed = self.seal(line)?;
        self.write_sealed(&sealed)
    }

    /// A line as it is to be written. It is counted already.
    pub(super) fn seal(&mut self, line: &Line) -> Result<Vec<u8>, TransferError> {
        self.transferred.count(line);
        let json = serde_json::to_vec(line)
            .map_err(io("failed to encode a line of the export"))
            .map_err(|error: JournalError| TransferError::Journal(error))?;
        Ok(seal(&json))
    }

    /// Writes what was sealed.
    pub(super) fn write_sealed(&mut self, lines: &[u8]) -> Result<(), TransferError> {
        self.to.write_all(lines).map_err(TransferError::Write)
    }

    /// Ends with the counts. Gives the writer back, flushed.
    pub(super) fn end(mut self) -> Result<(W, Transferred), TransferError> {
        self.write(&Line::End(self.transferred.clone()))?;
        self.to.flush().map_err(TransferError::Write)?;
        Ok((self.to, self.transferred))
    }
}

/// Reads all lines but the last one, each with its number and its length, and sees that none is damaged or missing.
pub(super) fn read(
    mut reader: impl BufRead,
    mut take: impl FnMut(Line, u64, usize) -> Result<(), TransferError>,
) -> Result<Transferred, TransferError> {
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
            take(line, number, length)?;
        }
    }
    if has_ended { Ok(transferred) } else { Err(TransferError::Truncated { line: number }) }
}

/// Puts the sum of a JSON object in front of its first member.
fn seal(json: &[u8]) -> Vec<u8> {
    let rest = json.strip_prefix(b"{").unwrap_or(json);
    [SUM_BEGIN, sum(rest).as_bytes(), SUM_END, rest, b"\n"].concat()
}

/// Checks the sum of a line and takes it off again.
fn unseal(line: &[u8]) -> Option<Vec<u8>> {
    let (found, rest) = line.strip_prefix(SUM_BEGIN)?.split_at_checked(16)?;
    let rest = rest.strip_prefix(SUM_END)?;
    (sum(rest).as_bytes() == found).then(|| [b"{", rest].concat())
}

fn sum(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    hex::encode(digest.get(..8).unwrap_or_default())
}
