//! Taking the large values of a batch out of it, and counting who has which file.
//!
//! Invariant: a key whose value in the tree has a piece in a file has a row for it, `b/` file, key, which comes and
//! goes in the same commit. A file is on disk before the commit of its first owner, and goes after that of its last.
//! Between the two commits nobody else writes, so that one who comes to own it in the next finds that it is not
//! there, and writes it again.

use std::collections::{BTreeMap, BTreeSet};

use stepmill_core::journal::JournalError;

use crate::keys;
use crate::pieces::{self, Cut, Digest};
use crate::tree::{Change, Changes, Order, Tree};

/// The rest of a batch once its large values are in files.
pub(crate) struct Spilled {
    pub(crate) changes: Changes,
    /// Files that are to be there before it.
    pub(crate) files: Vec<(Digest, Vec<u8>)>,
    /// Files that nobody has any more after it.
    pub(crate) gone: Vec<Digest>,
}

/// Takes the values of more than `threshold` bytes out, and finds the files that go.
pub(crate) fn spill(
    tree: &dyn Tree,
    mut changes: Changes,
    threshold: usize,
) -> Result<Spilled, JournalError> {
    let mut owners = Changes::new();
    let (mut added, mut removed) = (BTreeMap::new(), BTreeSet::new());
    for (key, change) in changes.iter_mut().filter(|(key, _)| keys::is_spillable(key)) {
        // What is new takes the place of nothing.
        let before = match change {
            Change::New(_) => None,
            Change::Put(_) | Change::Remove => Some(tree.first_byte(key)?),
        };
        let before = match before.flatten() {
            Some(pieces::FIRST_BYTE) => tree.get(key)?.map(|raw| pieces::files(&raw)).unwrap_or_default(),
            Some(_) | None => BTreeSet::new(),
        };
        let mut now = BTreeSet::new();
        if let Some(value) = change.value_mut().filter(|value| value.len() > threshold) {
            let Cut { raw, files } = pieces::cut(value, threshold);
            for (digest, content) in files {
                now.insert(digest);
                added.entry(digest).or_insert_with(|| content.to_vec());
            }
            *value = raw;
        }
        for digest in now.difference(&before) {
            owners.insert(keys::owner(digest, key), Change::New(Vec::new()));
        }
        for digest in before.difference(&now) {
            owners.insert(keys::owner(digest, key), Change::Remove);
            removed.insert(*digest);
        }
    }
    let mut gone = Vec::new();
    for digest in removed.into_iter().filter(|digest| !added.contains_key(digest)) {
        let span = keys::owners(&digest);
        let lost = owners.range(span.start.clone()..).take_while(|(key, _)| span.contains(key)).count();
        // One more than go: if there is one that stays, it is among them.
        let before = tree.scan(&span, Order::Ascending, lost + 1)?;
        if before.iter().all(|(owner, _)| owners.contains_key(owner)) {
            gone.push(digest);
        }
    }
    let mut files = Vec::new();
    for (digest, content) in added {
        if tree.scan(&keys::owners(&digest), Order::Ascending, 1)?.is_empty() {
            files.push((digest, content));
        }
    }
    changes.extend(owners);
    Ok(Spilled { changes, files, gone })
}
