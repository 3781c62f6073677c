//! Values over the tree: encoded, and with their payloads in files where they are large.

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use stepmill_core::RunId;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, State};

use crate::blobs::Blobs;
use crate::codec;
use crate::error::{damaged, io};
use crate::keys::{self, Span};
use crate::pieces::{self, Digest, Piece};
use crate::record::Record;
use crate::spill::{Spilled, spill};
use crate::tree::{Changes, Order, Pair, Tree};

/// Times that a value is read again because its file went while it was being replaced.
const REREADS: usize = 16;

/// Keys that are counted in one scan.
const COUNTED: usize = 1_024;

/// Keys whose content is read after one scan.
const PAGE: usize = 256;

/// The values of a journal.
pub(crate) struct Values {
    tree: Box<dyn Tree>,
    blobs: Option<Blobs>,
    threshold: usize,
}

/// Why a batch was not committed.
pub(crate) enum CommitFailure {
    /// Nothing was written, and the next batch may be.
    Refused(JournalError),
    /// Nothing may be assumed any more.
    Unknown(JournalError),
}

/// A value in pieces, put together.
enum Joined {
    Whole(Vec<u8>),
    /// A file of it is not there.
    Lacks(String),
}

impl Values {
    /// Values that all stay in the tree.
    pub(crate) fn inline(tree: Box<dyn Tree>) -> Self {
        Self { tree, blobs: None, threshold: usize::MAX }
    }

    /// Values of which no more than `threshold` bytes each are kept in the tree, and the rest in files.
    pub(crate) fn spilling(tree: Box<dyn Tree>, blobs: Blobs, threshold: usize) -> Self {
        Self { tree, blobs: Some(blobs), threshold }
    }

    /// The value of a key.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, JournalError> {
        self.content(key)?.map(|content| codec::decode(key, &content)).transpose()
    }

    /// Whether there is a value.
    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool, JournalError> {
        Ok(self.tree.first_byte(key)?.is_some())
    }

    /// The encoded value of a key, from its file if that is where it is.
    pub(crate) fn content(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        match self.tree.get(key)? {
            Some(raw) => self.resolve(key, raw),
            None => Ok(None),
        }
    }

    /// Pairs as they are in the tree: the values of keys that may be spilled go through
    /// [`Values::resolve`].
    pub(crate) fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError> {
        self.tree.scan(span, order, limit)
    }

    /// How many keys there are in a span whose values, as they are in the tree, pass.
    pub(crate) fn count(&self, mut span: Span, passes: fn(&[u8]) -> bool) -> Result<u64, JournalError> {
        let mut count = 0_u64;
        loop {
            let pairs = self.tree.scan(&span, Order::Ascending, COUNTED)?;
            count = count.saturating_add(pairs.iter().filter(|(_, value)| passes(value)).count() as u64);
            match pairs.into_iter().nth(COUNTED - 1) {
                Some((last, _)) => span = span.after(last),
                None => return Ok(count),
            }
        }
    }

    /// Takes each key of a span in order, with its encoded value, until one is refused.
    pub(crate) fn each<E: From<JournalError>>(
        &self,
        mut span: Span,
        mut take: impl FnMut(&[u8], Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let pairs = self.scan(&span, Order::Ascending, PAGE)?;
            let is_last = pairs.len() < PAGE;
            for (key, raw) in pairs {
                if let Some(content) = self.resolve(&key, raw)? {
                    take(&key, content)?;
                }
                span = span.after(key);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Takes the keys of a span in order, a page at a time, until a page is refused.
    pub(crate) fn each_page<E: From<JournalError>>(
        &self,
        mut span: Span,
        mut take: impl FnMut(&[Vec<u8>]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let pairs = self.scan(&span, Order::Ascending, PAGE)?;
            let keys: Vec<_> = pairs.into_iter().map(|(key, _)| key).collect();
            take(&keys)?;
            match keys.into_iter().nth(PAGE - 1) {
                Some(last) => span = span.after(last),
                None => return Ok(()),
            }
        }
    }

    /// The encoded value for a raw one; none if the key was removed meanwhile.
    pub(crate) fn resolve(&self, key: &[u8], mut raw: Vec<u8>) -> Result<Option<Vec<u8>>, JournalError> {
        let mut missing = String::new();
        for _ in 0..REREADS {
            if !pieces::is_cut(&raw) {
                return Ok(Some(raw));
            }
            match self.join(key, &raw)? {
                Joined::Whole(content) => return Ok(Some(content)),
                Joined::Lacks(file) => missing = file,
            }
            // The file went with the value, or the value is there again and so is the file.
            match self.tree.get(key)? {
                Some(now) => raw = now,
                None => return Ok(None),
            }
        }
        Err(damaged(key, format!("the file {missing} of it is missing")))
    }

    fn join(&self, key: &[u8], raw: &[u8]) -> Result<Joined, JournalError> {
        let blobs = self.blobs.as_ref().ok_or_else(|| damaged(key, "a pointer where files are not kept"))?;
        let pieces = pieces::pieces(raw).ok_or_else(|| damaged(key, "its pieces are cut off"))?;
        let mut content = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Here(bytes) => content.extend_from_slice(bytes),
                Piece::File { digest, length } => {
                    let name = hex::encode(digest);
                    let read = blobs.read(&name).map_err(io("failed to read a blob file of the journal"))?;
                    let Some(bytes) = read else { return Ok(Joined::Lacks(name)) };
                    if bytes.len() as u64 != length || *Sha256::digest(&bytes) != digest {
                        return Err(damaged(key, format!("the content of blob {name} has another digest")));
                    }
                    content.extend(bytes);
                }
            }
        }
        Ok(Joined::Whole(content))
    }

    /// Each key with a piece of its value in a file, with the names of those files; for a check.
    pub(crate) fn each_file(&self, mut take: impl FnMut(&[u8], Digest)) -> Result<(), JournalError> {
        for mut span in keys::spillable() {
            loop {
                let pairs = self.scan(&span, Order::Ascending, PAGE)?;
                let is_last = pairs.len() < PAGE;
                for (key, raw) in pairs {
                    pieces::files(&raw).into_iter().for_each(|digest| take(&key, digest));
                    span = span.after(key);
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The names of all files.
    pub(crate) fn files(&self) -> Result<Vec<String>, JournalError> {
        let files = self.blobs.as_ref().map_or_else(|| Ok(Vec::new()), Blobs::names);
        files.map_err(io("failed to list the blob files of the journal"))
    }

    /// The state of a run.
    pub(crate) fn state(&self, run: RunId) -> Result<Option<State>, JournalError> {
        let key = keys::state(run);
        self.content(&key)?.map(|content| Record::state_in(&key, &content)).transpose()
    }

    /// A run's state and the entries that led to it; none if there is no such run.
    pub(crate) fn run(&self, run: RunId) -> Result<Option<(State, Vec<Entry>)>, JournalError> {
        let key = keys::state(run);
        let Some(content) = self.content(&key)? else { return Ok(None) };
        let record = Record::parse(run, &content)?;
        let state = record.state(run)?;
        match record.entries(run, |key| self.content(key))? {
            Some(entries) if u32::try_from(entries.len()).is_ok_and(|count| count == state.seq) => {
                Ok(Some((state, entries)))
            }
            // It was pruned while it was read.
            None if !self.contains(&key)? => Ok(None),
            Some(_) | None => Err(damaged(&key, format!("not all of its {} entries are there", state.seq))),
        }
    }

    /// Bytes that they take up.
    pub(crate) fn bytes(&self) -> u64 {
        self.tree.bytes().saturating_add(self.blobs.as_ref().map_or(0, Blobs::bytes))
    }

    /// Writes a batch and returns when it is durable. Only the committer calls it.
    ///
    /// Files come before the batch and go after it, so that a crash at any point leaves at worst a
    /// file that nothing points to.
    pub(crate) fn commit(&self, changes: Changes) -> Result<(), CommitFailure> {
        let Some(blobs) = &self.blobs else {
            return self.tree.commit(changes).map_err(CommitFailure::Unknown);
        };
        let spilled = spill(&*self.tree, changes, self.threshold).map_err(CommitFailure::Refused)?;
        let Spilled { changes, files, gone } = spilled;
        if !files.is_empty() {
            let files: Vec<_> =
                files.into_iter().map(|(digest, content)| (hex::encode(digest), content)).collect();
            blobs
                .write(&files)
                .map_err(io("failed to write a blob file of the journal"))
                .map_err(CommitFailure::Refused)?;
        }
        self.tree.commit(changes).map_err(CommitFailure::Unknown)?;
        gone.iter().for_each(|digest| blobs.remove(&hex::encode(digest)));
        Ok(())
    }
}
