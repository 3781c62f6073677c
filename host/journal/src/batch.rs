//! What the committer gathers: a batch of drafts. A draft sees all drafts before it, and contributes
//! everything or nothing.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use stepmill_core::RunId;
use stepmill_core::journal::JournalError;

use crate::claims::{Claims, Content, Placed};
use crate::codec;
use crate::index::Standing;
use crate::keys::{self, Span};
use crate::totals::Deltas;
use crate::tree::{Change, Changes, Order, Pair, absorb, absorb_all, scan_over};
use crate::values::Values;

/// Changes of many requests that become durable together.
pub(crate) struct Batch<'a> {
    values: &'a Values,
    claims: &'a Claims,
    /// The time that expiry is judged by.
    pub(crate) now_ms: u64,
    /// The last version given to a storage write. Only ever goes up; a refused draft leaves a gap.
    pub(crate) version: u64,
    /// What changes.
    pub(crate) changes: Changes,
    /// What follows from it.
    pub(crate) effects: Effects,
    /// Runs whose claim ends, for later drafts.
    ended: HashSet<RunId>,
}

/// What is to be done in memory once a batch is durable.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// By how much the number of unfinished runs changes.
    pub(crate) unfinished: i64,
    /// By how much the number of dead letters changes.
    pub(crate) dead: i64,
    /// By how much the totals of ended runs change.
    pub(crate) totals: Deltas,
    /// Runs whose claims end.
    pub(crate) ended: Vec<RunId>,
    /// How the queues change.
    pub(crate) placed: Vec<Placed>,
    /// Bytes of all values.
    pub(crate) bytes: usize,
}

/// One request's part of a batch. Dropped without [`Draft::merge`], it never was.
pub(crate) struct Draft<'b, 'a> {
    batch: &'b mut Batch<'a>,
    changes: Changes,
    effects: Effects,
}

impl<'a> Batch<'a> {
    /// An empty batch.
    pub(crate) fn new(values: &'a Values, claims: &'a Claims, now_ms: u64, version: u64) -> Self {
        let (changes, effects) = (Changes::new(), Effects::default());
        Self { values, claims, now_ms, version, changes, effects, ended: HashSet::new() }
    }

    /// Begins a draft.
    pub(crate) fn draft(&mut self) -> Draft<'_, 'a> {
        Draft { batch: self, changes: Changes::new(), effects: Effects::default() }
    }

    /// Ends the claim on a run that has ended, though nothing is written.
    pub(crate) fn end(&mut self, run: RunId) {
        self.ended.insert(run);
        self.effects.ended.push(run);
    }
}

impl Draft<'_, '_> {
    /// The time that expiry is judged by.
    pub(crate) fn now_ms(&self) -> u64 {
        self.batch.now_ms
    }

    /// The value of a key after this draft and all before it.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, JournalError> {
        self.content(key)?.map(|content| codec::decode(key, &content)).transpose()
    }

    /// The encoded value of a key after this draft and all before it.
    pub(crate) fn content(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.value().map(<[u8]>::to_vec)),
            None => self.content_before(key),
        }
    }

    /// Whether there is a value after this draft and all before it.
    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool, JournalError> {
        match self.changes.get(key).or_else(|| self.batch.changes.get(key)) {
            Some(change) => Ok(change.value().is_some()),
            None => self.batch.values.contains(key),
        }
    }

    /// At most `limit` pairs of a span after this draft and all before it. Values that may be spilled are to be
    /// read by [`Draft::content`].
    pub(crate) fn scan(&self, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>, JournalError> {
        scan_over(&self.batch.changes, &self.changes, span, order, limit, |span, limit| {
            self.batch.values.scan(span, order, limit)
        })
    }

    /// The value of a key before this draft.
    pub(crate) fn get_before<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, JournalError> {
        self.content_before(key)?.map(|content| codec::decode(key, &content)).transpose()
    }

    fn content_before(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        match self.batch.changes.get(key) {
            Some(change) => Ok(change.value().map(<[u8]>::to_vec)),
            None => self.batch.values.content(key),
        }
    }

    /// Whether this draft has written or removed the key.
    pub(crate) fn has_touched(&self, key: &[u8]) -> bool {
        self.changes.contains_key(key)
    }

    /// Writes an encoded value.
    pub(crate) fn put(&mut self, key: Vec<u8>, content: Vec<u8>) {
        self.change(key, Change::Put(content));
    }

    /// Writes an encoded value where there is none.
    pub(crate) fn put_new(&mut self, key: Vec<u8>, content: Vec<u8>) {
        self.change(key, Change::New(content));
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.change(key, Change::Remove);
    }

    fn change(&mut self, key: Vec<u8>, change: Change) {
        let bytes = change.value().map_or(0, <[u8]>::len).saturating_add(key.len());
        self.effects.bytes = self.effects.bytes.saturating_add(bytes);
        absorb(&mut self.changes, key, change);
    }

    /// Moves when the value of `key` expires.
    pub(crate) fn expire(&mut self, key: &[u8], old_ms: Option<u64>, new_ms: Option<u64>) {
        if old_ms != new_ms {
            if let Some(old) = old_ms {
                self.remove(keys::expiry(old, key));
            }
            if let Some(new) = new_ms {
                self.put(keys::expiry(new, key), Vec::new());
            }
        }
    }

    /// A version that no write had.
    pub(crate) fn next_version(&mut self) -> Result<u64, JournalError> {
        self.batch.version = self.batch.version.saturating_add(1);
        let version = self.batch.version;
        self.put(keys::VERSION.to_vec(), codec::encode(&version)?);
        Ok(version)
    }

    /// Makes later versions higher than `version`.
    pub(crate) fn raise_version(&mut self, version: u64) -> Result<(), JournalError> {
        self.batch.version = self.batch.version.max(version);
        let version = self.batch.version;
        self.put(keys::VERSION.to_vec(), codec::encode(&version)?);
        Ok(())
    }

    /// Takes up a change of a run: until the batch is durable nobody claims it. Whether somebody has.
    pub(crate) fn take_up(&self, run: RunId) -> bool {
        self.batch.claims.begin(run)
    }

    /// Takes up a change by whoever has claimed a run under `epoch`. Whether somebody has.
    pub(crate) fn take_up_claimed(&self, run: RunId, epoch: u64) -> bool {
        self.batch.claims.begin_claimed(run, epoch) && !self.batch.ended.contains(&run)
    }

    /// Ends the claim on a run.
    pub(crate) fn end(&mut self, run: RunId) {
        self.effects.ended.push(run);
    }

    /// Changes all that follows from a run's state but its lane, from what it was to what it is, and notes what a
    /// claim of it would read, if that is at hand.
    pub(crate) fn place(
        &mut self,
        run: RunId,
        old: Option<Standing>,
        new: Option<Standing>,
        content: Option<Content>,
    ) {
        for (standing, sign) in [(&old, -1), (&new, 1)] {
            if let Some(standing) = standing {
                self.effects.unfinished += sign * i64::from(standing.is_open);
                self.effects.dead += sign * i64::from(standing.is_dead);
                standing.count(sign, &mut self.effects.totals);
            }
        }
        let parts = |standing: Option<Standing>| {
            standing.map(|standing| (standing.places, standing.keys)).unwrap_or_default()
        };
        let ((gone, mut old_keys), (at, new_keys)) = (parts(old), parts(new));
        for (key, value) in new_keys {
            match old_keys.iter().position(|(old, _)| *old == key) {
                None => self.put_new(key, value),
                Some(same) => {
                    let (_, old) = old_keys.swap_remove(same);
                    if old != value {
                        self.put(key, value);
                    }
                }
            }
        }
        old_keys.into_iter().for_each(|(key, _)| self.remove(key));
        if !gone.is_empty() || !at.is_empty() {
            self.effects.placed.push(Placed { run, gone, at, content });
        }
    }

    /// Makes the draft part of the batch.
    pub(crate) fn merge(self) {
        let Self { batch, changes, effects } = self;
        absorb_all(&mut batch.changes, changes);
        batch.ended.extend(&effects.ended);
        batch.effects.unfinished += effects.unfinished;
        batch.effects.dead += effects.dead;
        for (workflow, (runs, bytes)) in effects.totals {
            let total = batch.effects.totals.entry(workflow).or_default();
            *total = (total.0.saturating_add(runs), total.1.saturating_add(bytes));
        }
        batch.effects.ended.extend(effects.ended);
        batch.effects.placed.extend(effects.placed);
        batch.effects.bytes = batch.effects.bytes.saturating_add(effects.bytes);
    }
}
