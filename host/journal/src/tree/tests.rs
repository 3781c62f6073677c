#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::log::Log;
use crate::open;
use crate::options::Sync;

fn logged(folder: &TempDir) -> LoggedTree {
    // A tree that was dropped may be held for a moment longer by a thread of sled's.
    let lock = open::lock(folder.path()).unwrap();
    let db = ::sled::Config::new().path(folder.path()).open().unwrap();
    let base = Base::new(db, lock, folder.path(), Sync::Unsynced).unwrap();
    LoggedTree::start(base, Log::create(folder.path(), 1 << 20, Sync::Unsynced, 1).unwrap()).unwrap()
}

/// What is done to a tree and, for comparison, to a map.
#[derive(Clone, Debug)]
enum Step {
    Commit(Changes),
    /// The overlay goes to the tree below; with or without a wait for it.
    Rotate(bool),
}

/// Some are kept in blocks and some are not, on both sides of those.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let prefix = proptest::sample::select(vec!["d/", "q/", "r/", "t/"]);
    (prefix, proptest::collection::vec(b'a'..b'd', 0..3))
        .prop_map(|(prefix, rest)| [prefix.as_bytes(), &rest].concat())
}

/// Small ones, and some of which few fill a block.
fn value() -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), prop_oneof![0..3_usize, 2_000..9_000_usize]).prop_map(|(byte, length)| vec![byte; length])
}

fn step() -> impl Strategy<Value = Step> {
    let value =
        proptest::option::weighted(0.6, value()).prop_map(|value| value.map_or(Change::Remove, Change::Put));
    prop_oneof![
        3 => proptest::collection::btree_map(key(), value, 1..6).prop_map(Step::Commit),
        1 => any::<bool>().prop_map(Step::Rotate),
    ]
}

fn span() -> impl Strategy<Value = Span> {
    (key(), proptest::option::of(key())).prop_map(|(start, end)| Span { start, end })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_layers_read_as_one_map(
        steps in proptest::collection::vec(step(), 1..12),
        spans in proptest::collection::vec((span(), any::<bool>(), 1_usize..6), 1..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let tree = logged(&folder);
        let mut map: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Commit(mut changes) => {
                    for (key, change) in &mut changes {
                        match change.value() {
                            Some(value) => {
                                let value = value.to_vec();
                                if map.insert(key.clone(), value.clone()).is_none() {
                                    *change = Change::New(value);
                                }
                            }
                            None => drop(map.remove(key)),
                        }
                    }
                    tree.commit(changes).unwrap();
                }
                Step::Rotate(waits) => tree.rotate_now(waits),
            }
            for (span, is_ascending, limit) in &spans {
                let order = if *is_ascending { Order::Ascending } else { Order::Descending };
                let within = |key: &[u8]| {
                    key >= span.start.as_slice() && span.end.as_ref().is_none_or(|end| key < end.as_slice())
                };
                let mut expected: Vec<Pair> =
                    map.iter().filter(|(key, _)| within(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
                if !is_ascending {
                    expected.reverse();
                }
                expected.truncate(*limit);
                prop_assert_eq!(tree.scan(span, order, *limit).unwrap(), expected);
                prop_assert_eq!(tree.get(&span.start).unwrap(), map.get(&span.start).cloned());
            }
        }
        drop(tree);
        let again = logged(&folder);
        let all: BTreeMap<_, _> =
            again.scan(&Span::prefix(Vec::new()), Order::Ascending, usize::MAX).unwrap().into_iter().collect();
        prop_assert_eq!(all, map);
    }
}

/// A long run of removed keys in the overlay is more than one step of a scan.
#[test]
fn a_scan_passes_over_any_number_of_removed_keys() {
    let folder = tempfile::tempdir().unwrap();
    let tree = logged(&folder);
    let keys = || (0..1_000_u32).map(|number| [b"q/".as_slice(), &number.to_be_bytes()].concat());
    tree.commit(keys().map(|key| (key, Change::New(vec![1]))).collect()).unwrap();
    tree.rotate_now(true);
    tree.commit(keys().skip(1).take(998).map(|key| (key, Change::Remove)).collect()).unwrap();
    let all = Span::prefix(Vec::new());
    for order in [Order::Ascending, Order::Descending] {
        let found = tree.scan(&all, order, 2).unwrap();
        assert_eq!(found.len(), 2, "{order:?}");
    }
}

/// A crash in a split leaves pairs in the old block and in the new one. When the new one goes, they must not
/// come back.
#[test]
fn what_a_crash_in_a_split_left_behind_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let db = ::sled::Config::new().path(folder.path()).open().unwrap();
    let block = |pairs: &[(&str, &str)]| {
        let length = |text: &str| u32::try_from(text.len()).unwrap().to_be_bytes();
        let pair = |(key, value): &(&str, &str)| {
            [&length(key), &length(value), key.as_bytes(), value.as_bytes()].concat()
        };
        pairs.iter().flat_map(pair).collect::<Vec<u8>>()
    };
    db.insert("r/", block(&[("r/a", "1"), ("r/z", "old")])).unwrap();
    db.insert("r/z", block(&[("r/z", "new")])).unwrap();
    assert_eq!(blocks::get(&db, b"r/z").unwrap().as_deref(), Some(b"new".as_slice()));
    let changes = Changes::from([(b"r/z".to_vec(), Change::Remove)]);
    blocks::write(&db, changes.iter()).unwrap();
    assert_eq!(blocks::get(&db, b"r/z").unwrap(), None);
    assert_eq!(blocks::get(&db, b"r/a").unwrap().as_deref(), Some(b"1".as_slice()));
}
