//! The write-ahead log: what makes a commit durable. Every batch is one record, written behind the last
//! one and synced before it is answered; the tree on disk (`tree/sled.rs`) follows in its own time.
//!
//! Records stand in segments, `log/<number>.log`. Numbers of records go on over segments, and are stamped with
//! a random salt of the segment, so that neither what an earlier use of a file left in it nor what a sender
//! put into an event is ever taken for a record. A segment goes once the tree has all of it, synced; its file
//! is then used again, since overwriting costs the disk less than growing.
//!
//! Invariant: a file has the name of a segment only while its beginning is that segment's, synced. It is begun, and
//! put aside, under the name of the spare, which replay passes over.

mod record;
mod replay;

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::options::Sync;
use crate::tree::Changes;

pub(crate) use replay::replay;

/// Name of the folder in the journal's.
pub(crate) const FOLDER: &str = "log";
/// Name of a file that waits to be used again.
const SPARE: &str = "spare";
/// What a segment begins with: a name, the format, the number of its first record, its salt, and a checksum.
const MAGIC: &[u8; 8] = b"stepmlog";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 32;

/// The log of one journal, open for writing.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    /// Bytes after which a segment is full.
    segment_bytes: u64,
    sync: Sync,
    segment: Segment,
    /// Number of the next record.
    next: u64,
    /// Kept, so that a batch needs no new one.
    buffer: Vec<u8>,
}

/// The segment that is written to.
#[derive(Debug)]
struct Segment {
    number: u64,
    file: File,
    /// What is added to the numbers of its records.
    salt: u64,
    /// Where the next record goes.
    end: u64,
}

/// A segment that is full: once the tree has it, it may go.
#[derive(Debug)]
pub(crate) struct Full {
    folder: PathBuf,
    path: PathBuf,
    sync: Sync,
}

impl Log {
    /// A log in a folder that has none. The first record gets the number `next`.
    pub(crate) fn create(journal: &Path, segment_bytes: u64, sync: Sync, next: u64) -> io::Result<Self> {
        let folder = journal.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let segment = Segment::create(&folder, 1, next, sync)?;
        if sync == Sync::Durable {
            File::open(journal)?.sync_all()?;
        }
        Ok(Self { folder, segment_bytes, sync, segment, next, buffer: Vec::new() })
    }

    /// Writes a batch and returns when it is on disk.
    pub(crate) fn append(&mut self, changes: &Changes) -> io::Result<()> {
        record::encode(&mut self.buffer, self.next.wrapping_add(self.segment.salt), changes)?;
        self.segment.file.write_all_at(&self.buffer, self.segment.end)?;
        if self.sync == Sync::Durable {
            self.segment.file.sync_data()?;
        }
        self.segment.end += self.buffer.len() as u64;
        self.next += 1;
        Ok(())
    }

    /// Whether a further segment is to be begun.
    pub(crate) fn is_full(&self) -> bool {
        self.segment.end >= self.segment_bytes
    }

    /// Bytes that are written to the segment.
    pub(crate) fn bytes(&self) -> u64 {
        self.segment.end
    }

    /// Begins a further segment and gives the one before away.
    pub(crate) fn rotate(&mut self) -> io::Result<Full> {
        let number = self.segment.number + 1;
        let segment = Segment::create(&self.folder, number, self.next, self.sync)?;
        let full = std::mem::replace(&mut self.segment, segment);
        let path = path_of(&self.folder, full.number);
        Ok(Full { folder: self.folder.clone(), path, sync: self.sync })
    }

    /// Ends a log whose last segment the tree has, too.
    pub(crate) fn close(self) -> io::Result<()> {
        fs::remove_file(path_of(&self.folder, self.segment.number))?;
        match fs::remove_file(self.folder.join(SPARE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Segment {
    /// Makes a segment, of the spare file if there is one.
    fn create(folder: &Path, number: u64, first: u64, sync: Sync) -> io::Result<Self> {
        let spare = folder.join(SPARE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&spare)?;
        let salt = RandomState::new().build_hasher().finish();
        file.write_all_at(&header(first, salt), 0)?;
        if sync == Sync::Durable {
            file.sync_all()?;
        }
        rename(folder, &spare, &path_of(folder, number), sync)?;
        Ok(Self { number, file, salt, end: HEADER_BYTES as u64 })
    }
}

impl Full {
    /// Keeps the file for a further segment. To be called once the tree has all of it, synced.
    pub(crate) fn retire(self) -> io::Result<()> {
        rename(&self.folder, &self.path, &self.folder.join(SPARE), self.sync)
    }
}

/// Renames a file of the folder, durably: the file is about to be written to under its new name.
fn rename(folder: &Path, from: &Path, to: &Path, sync: Sync) -> io::Result<()> {
    fs::rename(from, to)?;
    match sync {
        Sync::Durable => File::open(folder)?.sync_all(),
        Sync::Unsynced => Ok(()),
    }
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.log"))
}

fn header(first: u64, salt: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let parts: [&[u8]; 4] = [MAGIC, &FORMAT.to_be_bytes(), &first.to_be_bytes(), &salt.to_be_bytes()];
    let content = parts.concat();
    let checksum = crc32fast::hash(&content).to_be_bytes();
    header.iter_mut().zip(content.into_iter().chain(checksum)).for_each(|(to, byte)| *to = byte);
    header
}

#[cfg(test)]
mod tests;
