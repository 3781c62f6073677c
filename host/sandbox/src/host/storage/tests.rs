use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use stepmill_core::PluginStorage;
use stepmill_core::grant::Grant;
use stepmill_core::journal::JournalError;
use stepmill_core::limits::Limits;
use stepmill_core::storage::{Condition, StorageOp, Stored, StoredValue};

use super::{Storage, StorageError, storage};

#[derive(Default)]
struct Committed(BTreeMap<String, Stored>);

#[async_trait]
impl PluginStorage for Committed {
    async fn get(&self, _namespace: &str, key: &str) -> Result<Option<Stored>, JournalError> {
        Ok(self.0.get(key).cloned())
    }

    async fn keys(
        &self,
        _namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        let keys = self
            .0
            .keys()
            .filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(keys.take(limit).cloned().collect())
    }
}

fn over(committed: &[(&str, StoredValue)], limits: Limits) -> Storage {
    let stored = |value: &StoredValue| Stored { value: value.clone(), version: 5, expires_ms: None };
    let committed = committed.iter().map(|(key, value)| ((*key).to_owned(), stored(value))).collect();
    Storage::new(Arc::new(Committed(committed)), Arc::new(Grant::default()), limits)
}

fn bytes(text: &str) -> StoredValue {
    StoredValue::Bytes(text.into())
}

async fn put(storage: &mut Storage, key: &str, value: &str, condition: storage::Condition) -> String {
    let options = storage::PutOptions { condition, ttl_ms: None };
    match storage.put(key.into(), value.into(), options).await {
        Ok(storage::PutOutcome::Written) => "written".into(),
        Ok(storage::PutOutcome::Lost(version)) => format!("lost {version:?}"),
        Err(error) => format!("{error:?}"),
    }
}

async fn get(storage: &mut Storage, key: &str) -> Option<(Vec<u8>, u64)> {
    storage.get(key.into()).await.unwrap().map(|entry| (entry.value, entry.version))
}

#[tokio::test]
async fn reads_see_own_writes_over_what_is_committed() {
    let mut storage = over(&[("a", bytes("old")), ("b", bytes("gone"))], Limits::default());
    assert_eq!(get(&mut storage, "a").await, Some((b"old".to_vec(), 5)));
    assert_eq!(put(&mut storage, "a", "new", storage::Condition::IfVersion(5)).await, "written");
    assert_eq!(get(&mut storage, "a").await, Some((b"new".to_vec(), 5)));
    assert_eq!(put(&mut storage, "c", "fresh", storage::Condition::IfAbsent).await, "written");
    assert_eq!(get(&mut storage, "c").await, Some((b"fresh".to_vec(), 0)));
    assert!(storage.delete("b".into()).await.unwrap());
    assert_eq!(get(&mut storage, "b").await, None);
    assert!(!storage.delete("b".into()).await.unwrap());
}

#[tokio::test]
async fn the_loser_of_a_race_is_told_the_version_that_is_there() {
    let mut storage = over(&[("a", bytes("old"))], Limits::default());
    assert_eq!(put(&mut storage, "a", "x", storage::Condition::IfAbsent).await, "lost Some(5)");
    assert_eq!(put(&mut storage, "a", "x", storage::Condition::IfVersion(4)).await, "lost Some(5)");
    assert_eq!(put(&mut storage, "b", "x", storage::Condition::IfVersion(1)).await, "lost None");
    assert!(storage.into_writes().is_empty());
}

#[tokio::test]
async fn only_the_first_write_of_a_key_carries_its_condition() {
    let mut storage = over(&[("a", bytes("old"))], Limits::default());
    put(&mut storage, "a", "1", storage::Condition::IfVersion(5)).await;
    put(&mut storage, "a", "2", storage::Condition::IfVersion(5)).await;
    storage.delete("a".into()).await.unwrap();
    put(&mut storage, "a", "3", storage::Condition::IfAbsent).await;
    let conditions: Vec<_> = storage
        .into_writes()
        .into_iter()
        .map(|write| match write.op {
            StorageOp::Put { condition, .. } => Some(condition),
            StorageOp::Delete | StorageOp::Add(_) => None,
        })
        .collect();
    assert_eq!(
        conditions,
        [Some(Condition::IfVersion(5)), Some(Condition::Always), None, Some(Condition::Always)]
    );
}

#[tokio::test]
async fn counters_add_over_what_is_committed_and_begin_anew_after_a_delete() {
    let mut storage = over(&[("n", StoredValue::Counter(10)), ("a", bytes("x"))], Limits::default());
    assert_eq!(storage.add("n".into(), 5).await.unwrap(), 15);
    assert_eq!(storage.add("n".into(), i64::MAX).await.unwrap(), i64::MAX);
    assert!(storage.delete("n".into()).await.unwrap());
    assert_eq!(storage.counter("n".into()).await.unwrap(), 0);
    assert_eq!(storage.add("n".into(), 2).await.unwrap(), 2);
    assert!(matches!(storage.add("a".into(), 1).await, Err(StorageError::WrongKind(_))));
    assert!(matches!(storage.get("n".into()).await, Err(StorageError::WrongKind(_))));
}

#[tokio::test]
async fn pages_merge_own_keys_and_skip_deleted_ones() {
    let committed: Vec<String> = (0..20).map(|number| format!("k{number:02}")).collect();
    let committed: Vec<_> = committed.iter().map(|key| (key.as_str(), bytes("x"))).collect();
    let mut storage = over(&committed, Limits::default());
    for key in ["k00", "k01", "k02", "k03", "k04", "k10"] {
        storage.delete(key.into()).await.unwrap();
    }
    for key in ["k05a", "k99", "j", "l", "k06"] {
        put(&mut storage, key, "x", storage::Condition::Always).await;
    }
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = storage.list("k".into(), cursor, 3).await.unwrap();
        assert!(page.keys.len() <= 3);
        all.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(all.join(" "), "k05 k05a k06 k07 k08 k09 k11 k12 k13 k14 k15 k16 k17 k18 k19 k99");
}

#[tokio::test]
async fn keys_values_calls_and_bytes_are_limited() {
    let limits =
        Limits { storage_calls: 5, storage_value_bytes: 4, storage_write_bytes: 8, ..Limits::default() };
    let mut storage = over(&[], limits);
    assert!(matches!(storage.get(String::new()).await, Err(StorageError::InvalidKey(_))));
    assert!(matches!(storage.get("k".repeat(513)).await, Err(StorageError::InvalidKey(_))));
    assert_eq!(
        put(&mut storage, "a", "12345", storage::Condition::Always).await,
        "StorageError::TooLarge(4)"
    );
    assert_eq!(put(&mut storage, "a", "1234", storage::Condition::Always).await, "written");
    assert!(put(&mut storage, "b", "1234", storage::Condition::Always).await.contains("storage_write_bytes"));
    assert!(matches!(storage.counter("n".into()).await, Err(StorageError::LimitReached(_))));
    assert_eq!(storage.into_writes().len(), 1);
}
