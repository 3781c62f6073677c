//! Reading a log back at a start: what all its whole records come to, in order.
//!
//! A record that is not whole is the end, as a crash leaves it: nobody was answered for it. Invariant:
//! nothing that was answered is passed over in silence. So a whole record behind one that is damaged, or a
//! segment that does not go on where the one before ended, is an error.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::record;
use super::{FOLDER, FORMAT, HEADER_BYTES, MAGIC, SPARE, header};
use crate::tree::Changes;

/// How far ahead of the expected number a record behind a damaged one may be: more than two segments
/// can hold.
const AHEAD: u64 = 1 << 24;

/// What was replayed.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// Number of the next record.
    pub(crate) next: u64,
    /// How many there were.
    pub(crate) records: u64,
    /// What they come to.
    pub(crate) changes: Changes,
    /// The segments, oldest first. They go in this order once the tree has them, synced.
    segments: Vec<PathBuf>,
}

/// Why a log cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// A file could not be read.
    #[error("failed to read the log {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// What was answered cannot be read any more.
    #[error("the log {} is damaged at byte {at}: {problem}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        at: usize,
        /// What is wrong.
        problem: String,
    },
}

/// Reads the log of a journal; none is an empty one. Changes nothing but that it removes a spare file.
pub(crate) fn replay(journal: &Path) -> Result<Replayed, ReplayError> {
    let segments = segments(&journal.join(FOLDER))?;
    let mut expected = None;
    let mut records = 0;
    let mut changes = Changes::new();
    for path in &segments {
        let bytes = fs::read(path).map_err(|source| ReplayError::Read { path: path.clone(), source })?;
        let damaged = |at, problem: String| ReplayError::Damaged { path: path.clone(), at, problem };
        let (first, salt) = beginning(&bytes).map_err(|problem| damaged(0, problem.to_owned()))?;
        if let Some(expected) = expected.filter(|expected| *expected != first) {
            let problem = format!("it begins with record {first}, and record {expected} is missing");
            return Err(damaged(0, problem));
        }
        let mut number = first;
        let mut at = HEADER_BYTES;
        while let Some(found) = record::decode(bytes.get(at..).unwrap_or_default())
            && found.number == number.wrapping_add(salt)
        {
            changes.extend(found.changes);
            at += found.length;
            number += 1;
            records += 1;
        }
        if let Some((later, found)) = find_later(&bytes, at, number, salt) {
            let problem =
                format!("record {number} cannot be read, and record {found} stands at byte {later}");
            return Err(damaged(at, problem));
        }
        expected = Some(number);
    }
    Ok(Replayed { next: expected.unwrap_or(1), records, changes, segments })
}

impl Replayed {
    /// Removes the segments. To be called once the tree has all of them, synced.
    pub(crate) fn retire(self) -> io::Result<()> {
        self.segments.into_iter().try_for_each(fs::remove_file)
    }
}

/// The segments in order, without the spare file, which is removed.
fn segments(folder: &Path) -> Result<Vec<PathBuf>, ReplayError> {
    let failed = |source| ReplayError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            segments.push(path);
        } else if path.file_name().is_some_and(|name| name == SPARE) {
            fs::remove_file(&path).map_err(failed)?;
        }
    }
    // Their names have as many digits as any number.
    segments.sort_unstable();
    Ok(segments)
}

/// Number of a segment's first record, and its salt.
fn beginning(bytes: &[u8]) -> Result<(u64, u64), &'static str> {
    const NONE: &str = "it does not begin as a segment does";
    let found = bytes.first_chunk::<HEADER_BYTES>().ok_or(NONE)?;
    let (format, rest) = found.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk()).ok_or(NONE)?;
    if *format != FORMAT.to_be_bytes() {
        return Err("it was written by another version of Stepmill");
    }
    let (first, rest) = rest.split_first_chunk().ok_or(NONE)?;
    let salt = rest.first_chunk().ok_or(NONE)?;
    let (first, salt) = (u64::from_be_bytes(*first), u64::from_be_bytes(*salt));
    if header(first, salt) == *found { Ok((first, salt)) } else { Err(NONE) }
}

/// Place and number of a whole record behind `from` that comes after `expected`.
fn find_later(bytes: &[u8], from: usize, expected: u64, salt: u64) -> Option<(usize, u64)> {
    let later = |at: &usize| {
        let rest = bytes.get(*at..).unwrap_or_default();
        // Cheap, so that a checksum is computed for almost nothing.
        let (stamp, length) = record::head(rest)?;
        let number = stamp.wrapping_sub(salt);
        let is_ahead = (expected..expected.saturating_add(AHEAD)).contains(&number);
        if !is_ahead || length > rest.len() {
            return None;
        }
        record::whole(rest).map(|_| (*at, number))
    };
    (from..bytes.len()).find_map(|at| later(&at))
}
