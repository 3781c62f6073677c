#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use tempfile::TempDir;

use super::replay::ReplayError;
use super::*;
use crate::tree::Change;

fn changes(pairs: &[(&str, Option<&str>)]) -> Changes {
    let change = |value: Option<&str>| value.map_or(Change::Remove, |v| Change::Put(v.as_bytes().to_vec()));
    pairs.iter().map(|(key, value)| (key.as_bytes().to_vec(), change(*value))).collect()
}

fn batch(number: u64) -> Changes {
    changes(&[("counter", Some(&number.to_string())), (&format!("key {number}"), Some("value"))])
}

/// A log of `records` batches, left as a killed process leaves it.
fn written(records: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), 1 << 20, Sync::Durable, 1).unwrap();
    for number in 1..=records {
        log.append(&batch(number)).unwrap();
    }
    let path = path_of(&folder.path().join(FOLDER), 1);
    (folder, path)
}

fn expected(records: u64) -> Changes {
    (1..=records).flat_map(batch).collect()
}

#[test]
fn what_was_appended_is_replayed() {
    let (folder, _) = written(20);
    let replayed = replay(folder.path()).unwrap();
    assert_eq!((replayed.next, replayed.records), (21, 20));
    assert_eq!(replayed.changes, expected(20));
    replayed.retire().unwrap();
    assert_eq!(replay(folder.path()).unwrap().records, 0);
}

#[test]
fn the_last_change_of_a_key_counts_and_a_removal_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), 1 << 20, Sync::Unsynced, 7).unwrap();
    for value in [Some("one"), None, Some(""), Some("two"), None] {
        log.append(&changes(&[("key", value), ("other", Some("o"))])).unwrap();
    }
    let replayed = replay(folder.path()).unwrap();
    assert_eq!(replayed.next, 12);
    assert_eq!(replayed.changes, changes(&[("key", None), ("other", Some("o"))]));
}

#[test]
fn a_log_cut_at_any_byte_gives_whole_batches_from_the_first_on() {
    let (folder, path) = written(6);
    let whole = fs::read(&path).unwrap();
    let mut most = 0;
    for length in 0..HEADER_BYTES {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(
            matches!(replay(folder.path()), Err(ReplayError::Damaged { .. })),
            "it was synced before it was named"
        );
    }
    for length in HEADER_BYTES..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let replayed = replay(folder.path()).unwrap();
        assert_eq!(replayed.changes, expected(replayed.records), "cut at {length}");
        assert!(replayed.records >= most);
        most = replayed.records;
    }
    assert_eq!(most, 6);
}

#[test]
fn damage_before_a_whole_record_is_an_error_that_names_the_place() {
    let (folder, path) = written(6);
    let whole = fs::read(&path).unwrap();
    let last = whole.len() - record_length(6);
    for at in HEADER_BYTES..last {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let error = replay(folder.path()).unwrap_err();
        assert!(
            matches!(&error, ReplayError::Damaged { path: named, .. } if *named == path),
            "{at}: {error}"
        );
    }
    for at in last..whole.len() {
        let mut torn = whole.clone();
        torn[at] ^= 0x10;
        fs::write(&path, &torn).unwrap();
        assert_eq!(replay(folder.path()).unwrap().records, 5, "the last record may be torn, at {at}");
    }
}

fn record_length(number: u64) -> usize {
    let mut buffer = Vec::new();
    record::encode(&mut buffer, number, &batch(number)).unwrap();
    buffer.len()
}

#[test]
fn segments_go_on_where_the_one_before_ended_and_their_files_are_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), 1 << 20, Sync::Durable, 1).unwrap();
    let mut number = 0;
    for _ in 0..4 {
        for _ in 0..10 {
            number += 1;
            log.append(&batch(number)).unwrap();
        }
        log.rotate().unwrap().retire().unwrap();
    }
    // Written over what an earlier use left behind it.
    number += 1;
    log.append(&batch(number)).unwrap();
    assert!(fs::metadata(path_of(&folder.path().join(FOLDER), 5)).unwrap().len() > log.bytes());
    let replayed = replay(folder.path()).unwrap();
    assert_eq!((replayed.records, replayed.next), (1, 42));
    assert_eq!(replayed.changes, batch(41));
    log.close().unwrap();
    assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
}

#[test]
fn a_segment_that_was_being_begun_or_put_aside_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), 1 << 20, Sync::Durable, 1).unwrap();
    log.append(&batch(1)).unwrap();
    let full = log.rotate().unwrap();
    log.append(&batch(2)).unwrap();
    let old = fs::read(&full.path).unwrap();
    for begun in [Vec::new(), vec![b's'; 9], old] {
        fs::write(folder.path().join(FOLDER).join(SPARE), begun).unwrap();
        assert_eq!(replay(folder.path()).unwrap().changes, expected(2));
    }
}

/// The folder, with the file of the first segment under the name of the third: what a rename that was not
/// synced before the file was written to could leave.
#[test]
fn a_segment_that_does_not_go_on_where_the_one_before_ended_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), 1 << 20, Sync::Durable, 1).unwrap();
    log.append(&batch(1)).unwrap();
    let full = log.rotate().unwrap();
    log.append(&batch(2)).unwrap();
    fs::copy(&full.path, path_of(&folder.path().join(FOLDER), 3)).unwrap();
    assert!(matches!(replay(folder.path()), Err(ReplayError::Damaged { .. })));
}

/// A sender knows the format, and may know the number of the next record, but not the salt.
#[test]
fn a_record_in_the_body_of_an_event_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), 1 << 20, Sync::Durable, 1).unwrap();
    log.append(&batch(1)).unwrap();
    let mut forged = Vec::new();
    record::encode(&mut forged, 3, &batch(3)).unwrap();
    log.append(&Changes::from([(b"key".to_vec(), Change::Put([vec![0; 40], forged].concat()))])).unwrap();
    let path = path_of(&folder.path().join(FOLDER), 1);
    let torn = fs::read(&path).unwrap();
    fs::write(&path, &torn[..torn.len() - 1]).unwrap();
    assert_eq!(replay(folder.path()).unwrap().changes, expected(1));
    let mut torn = torn;
    let at = torn.len() - 100;
    torn[at] ^= 1;
    fs::write(&path, torn).unwrap();
    assert_eq!(replay(folder.path()).unwrap().changes, expected(1));
}

#[test]
fn a_missing_segment_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), 1 << 20, Sync::Durable, 1).unwrap();
    for number in 1..=3 {
        log.append(&batch(number)).unwrap();
        log.rotate().unwrap();
    }
    fs::remove_file(path_of(&folder.path().join(FOLDER), 2)).unwrap();
    let error = replay(folder.path()).unwrap_err();
    assert!(error.to_string().contains("record 2 is missing"), "{error}");
}

#[test]
fn a_log_of_another_format_is_an_error() {
    let (folder, path) = written(1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[11] += 1;
    fs::write(&path, bytes).unwrap();
    assert!(replay(folder.path()).unwrap_err().to_string().contains("another version"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(&folder.path().join(FOLDER), 1);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, [header(1, 7).as_slice(), &bytes].concat()).unwrap();
        let _ = replay(folder.path());
        fs::write(&path, &bytes).unwrap();
        let _ = replay(folder.path());
    }

    #[test]
    fn any_changes_come_back_as_they_were(
        changes in proptest::collection::btree_map(
            proptest::collection::vec(any::<u8>(), 0..20),
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50))
                .prop_map(|value| value.map_or(Change::Remove, Change::Put)),
            0..20,
        ),
        number in any::<u64>(),
    ) {
        let mut buffer = Vec::new();
        record::encode(&mut buffer, number, &changes).unwrap();
        let read = record::decode(&buffer).unwrap();
        prop_assert_eq!((read.number, read.length, read.changes), (number, buffer.len(), changes));
    }
}
