//! Values over the tree: encoded, and spilled to files where they are large.

use serde::de::DeserializeOwned;
use stepmill_core::RunId;
use stepmill_core::journal::JournalError;
use stepmill_core::run::{Entry, State};

use crate::blobs::Blobs;
use crate::codec::{self, Pointer};
use crate::error::{damaged, io};
use crate::keys::{self, Span};
use crate::record::Record;
use crate::tree::{Change, Changes, Order, Pair, Tree};

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

/// The rest of a batch once its large values are in files.
struct Spilled {
    changes: Changes,
    files: Vec<(String, Vec<u8>)>,
    gone: Vec<String>,
}

impl Values {
    /// Values that all stay in the tree.
    pub(crate) fn inline(tree: Box<dyn Tree>) -> Self {
        Self { tree, blobs: None, threshold: usize::MAX }
    }

    /// Values of which those of more than `threshold` bytes are kept in files.
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
        for _ in 0..REREADS {
            let Some(pointer) = Pointer::parse(&raw) else { return Ok(Some(raw)) };
            let Some(blobs) = &self.blobs else {
                return Err(damaged(key, "a pointer where files are not kept"));
            };
            let name = pointer.file_name(key);
            match blobs.read(&name).map_err(io("failed to read a blob file of the journal"))? {
                Some(content) if pointer.matches(&content) => return Ok(Some(content)),
                Some(_) => {
                    return Err(damaged(key, format!("the content of blob {name} has another digest")));
                }
                None => {}
            }
            match self.tree.get(key)? {
                Some(now) if now == raw => return Err(damaged(key, format!("blob {name} is missing"))),
                Some(now) => raw = now,
                None => return Ok(None),
            }
        }
        Err(damaged(key, "the value changed faster than it could be read"))
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
        let Spilled { changes, files, gone } = self.spill(changes).map_err(CommitFailure::Refused)?;
        if let Some(blobs) = &self.blobs
            && !files.is_empty()
        {
            blobs
                .write(&files)
                .map_err(io("failed to write a blob file of the journal"))
                .map_err(CommitFailure::Refused)?;
        }
        self.tree.commit(changes).map_err(CommitFailure::Unknown)?;
        if let Some(blobs) = &self.blobs {
            gone.iter().for_each(|name| blobs.remove(name));
        }
        Ok(())
    }

    /// Takes the large values out, and finds the files of those that go.
    fn spill(&self, mut changes: Changes) -> Result<Spilled, JournalError> {
        let (mut files, mut gone) = (Vec::new(), Vec::new());
        if self.blobs.is_none() {
            return Ok(Spilled { changes, files, gone });
        }
        let mut owners = Changes::new();
        for (key, change) in changes.iter_mut().filter(|(key, _)| keys::is_spillable(key)) {
            // An entry is written once, as what is new is: what was there need not be looked up.
            let replaces = match change {
                Change::New(_) => false,
                Change::Put(_) => !keys::is_entry(key),
                Change::Remove => true,
            };
            let mut name = None;
            if let Some(value) = change.value_mut().filter(|value| value.len() > self.threshold) {
                let pointer = Pointer::to(value);
                let file = pointer.file_name(key);
                owners.insert(keys::blob(&file), Change::Put(Vec::new()));
                files.push((file.clone(), std::mem::replace(value, pointer.to_raw())));
                name = Some(file);
            }
            if replaces && self.tree.first_byte(key)? == Some(Pointer::FIRST_BYTE) {
                let old = self.tree.get(key)?.and_then(|raw| Pointer::parse(&raw));
                if let Some(old) = old.map(|old| old.file_name(key)).filter(|old| name.as_ref() != Some(old))
                {
                    owners.insert(keys::blob(&old), Change::Remove);
                    gone.push(old);
                }
            }
        }
        changes.extend(owners);
        Ok(Spilled { changes, files, gone })
    }
}
