//! Plugin storage.

use stepmill_core::journal::{JournalError, Retention, Transition};
use stepmill_core::storage::{Condition, StorageOp, StoredValue};

use crate::fixtures::{Fixture, NOW, acceptance, claim_of, done, put, storage, transition};

fn bytes(text: &[u8]) -> StoredValue {
    StoredValue::Bytes(text.to_vec())
}

async fn value(fixture: &Fixture, key: &str) -> Option<StoredValue> {
    fixture.journal.get("orders", key).await.unwrap().map(|stored| stored.value)
}

pub async fn a_lost_condition_leaves_nothing(fixture: Fixture) {
    fixture.store(vec![put("k", b"theirs", Condition::Always)]).await.unwrap();
    let claim = fixture.claimed().await;
    let run = claim.state.run;
    let mut change = transition(&claim.state, vec![done()]);
    change.writes = vec![
        put("other", b"x", Condition::Always),
        storage("count", StorageOp::Add(1)),
        put("k", b"mine", Condition::IfAbsent),
    ];
    let result = fixture.journal.commit(run, claim.epoch, change).await;
    assert!(
        matches!(result, Err(JournalError::StorageConflict { namespace, key }) if namespace == "orders" && key == "k")
    );
    assert_eq!(value(&fixture, "other").await, None);
    assert_eq!(value(&fixture, "count").await, None);
    assert_eq!(value(&fixture, "k").await, Some(bytes(b"theirs")));
    assert_eq!(fixture.journal.read(run).await.unwrap().0, claim.state);
    let change = transition(&claim.state, vec![done()]);
    fixture.journal.commit(run, claim.epoch, change).await.unwrap();
}

pub async fn conditions_hold_or_not(fixture: Fixture) {
    fixture.store(vec![put("k", b"1", Condition::IfAbsent)]).await.unwrap();
    let first = fixture.journal.get("orders", "k").await.unwrap().unwrap();
    assert_ne!(first.version, 0);
    fixture.store(vec![put("k", b"2", Condition::IfVersion(first.version))]).await.unwrap();
    let second = fixture.journal.get("orders", "k").await.unwrap().unwrap();
    assert_ne!(second.version, first.version);
    assert!(fixture.store(vec![put("k", b"3", Condition::IfVersion(first.version))]).await.is_err());
    assert!(fixture.store(vec![put("k", b"3", Condition::IfAbsent)]).await.is_err());
    assert!(fixture.store(vec![storage("k", StorageOp::Add(1))]).await.is_err(), "bytes are no counter");
    fixture.store(vec![storage("k", StorageOp::Delete)]).await.unwrap();
    assert_eq!(value(&fixture, "k").await, None);
    assert!(fixture.store(vec![put("k", b"3", Condition::IfVersion(second.version))]).await.is_err());
    fixture.store(vec![put("k", b"3", Condition::IfAbsent)]).await.unwrap();
    let third = fixture.journal.get("orders", "k").await.unwrap().unwrap();
    assert!(third.version > second.version, "a version never comes back");
    assert_eq!(fixture.journal.get("other", "k").await.unwrap(), None);
}

pub async fn a_transitions_own_writes_apply_in_order(fixture: Fixture) {
    fixture.store(vec![put("k", b"1", Condition::Always)]).await.unwrap();
    let version = fixture.journal.get("orders", "k").await.unwrap().unwrap().version;
    let writes = vec![
        storage("k", StorageOp::Delete),
        put("k", b"2", Condition::IfAbsent),
        // The guest reads its own write with the version that it replaces.
        put("k", b"3", Condition::IfVersion(version)),
        put("new", b"a", Condition::IfAbsent),
        put("new", b"b", Condition::IfVersion(0)),
        storage("n", StorageOp::Add(5)),
        storage("n", StorageOp::Delete),
        storage("n", StorageOp::Add(-2)),
        storage("top", StorageOp::Add(i64::MAX)),
        storage("top", StorageOp::Add(1)),
    ];
    fixture.store(writes).await.unwrap();
    assert_eq!(value(&fixture, "k").await, Some(bytes(b"3")));
    assert_eq!(value(&fixture, "new").await, Some(bytes(b"b")));
    assert_eq!(value(&fixture, "n").await, Some(StoredValue::Counter(-2)));
    assert_eq!(value(&fixture, "top").await, Some(StoredValue::Counter(i64::MAX)));
}

pub async fn counters_are_exact_under_concurrency(fixture: Fixture) {
    fixture.journal.accept((0..64 * 4).map(|_| acceptance(NOW)).collect()).await.unwrap();
    let mut tasks = Vec::new();
    for task in 0..64 {
        let journal = fixture.journal.clone();
        tasks.push(tokio::spawn(async move {
            for claim in claim_of(&*journal, NOW, 4).await {
                let writes =
                    vec![storage("count", StorageOp::Add(task % 3 - 1)), storage("runs", StorageOp::Add(1))];
                let change = Transition { writes, ..transition(&claim.state, vec![done()]) };
                journal.commit(claim.state.run, claim.epoch, change).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let expected: i64 = (0..64).map(|task| (task % 3 - 1) * 4).sum();
    assert_eq!(value(&fixture, "count").await, Some(StoredValue::Counter(expected)));
    assert_eq!(value(&fixture, "runs").await, Some(StoredValue::Counter(256)));
}

pub async fn one_of_many_wins_an_absent_key(fixture: Fixture) {
    fixture.journal.accept((0..16).map(|_| acceptance(NOW)).collect()).await.unwrap();
    let claims = fixture.claim(NOW, 16).await;
    let mut tasks = Vec::new();
    for claim in claims {
        let journal = fixture.journal.clone();
        tasks.push(tokio::spawn(async move {
            let writes = vec![put("lock", b"mine", Condition::IfAbsent), storage("won", StorageOp::Add(1))];
            let change = Transition { writes, ..transition(&claim.state, vec![done()]) };
            journal.commit(claim.state.run, claim.epoch, change).await.is_ok()
        }));
    }
    let mut won = 0;
    for task in tasks {
        won += i64::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
    assert_eq!(value(&fixture, "won").await, Some(StoredValue::Counter(1)));
}

pub async fn values_expire(fixture: Fixture) {
    let ttl = |value: &[u8], ttl_ms| StorageOp::Put {
        value: value.to_vec(),
        condition: Condition::IfAbsent,
        ttl_ms,
    };
    fixture.store(vec![storage("k", ttl(b"1", Some(10)))]).await.unwrap();
    assert_eq!(fixture.journal.get("orders", "k").await.unwrap().unwrap().expires_ms, Some(NOW + 10));
    assert!(fixture.store(vec![storage("k", ttl(b"2", None))]).await.is_err());
    fixture.clock.advance(10);
    assert_eq!(value(&fixture, "k").await, None);
    assert!(fixture.journal.keys("orders", "", None, 9).await.unwrap().is_empty());
    fixture.store(vec![storage("k", ttl(b"2", None))]).await.unwrap();
    fixture.clock.advance(1_000);
    assert_eq!(
        fixture.journal.prune(NOW + 2_000, &Retention::since(0), 100).await.unwrap(),
        0,
        "the new value does not expire"
    );
    assert_eq!(value(&fixture, "k").await, Some(bytes(b"2")));
}

pub async fn keys_are_listed_by_prefix_in_order(fixture: Fixture) {
    let keys = ["a", "ab/1", "ab/2", "ab/3", "ac", "b", "ab\u{10ffff}"];
    fixture.store(keys.map(|key| put(key, b"v", Condition::Always)).to_vec()).await.unwrap();
    let list = async |prefix: &str, after: Option<&str>, limit| {
        fixture.journal.keys("orders", prefix, after, limit).await.unwrap()
    };
    assert_eq!(list("ab/", None, 10).await, ["ab/1", "ab/2", "ab/3"]);
    assert_eq!(list("ab/", None, 2).await, ["ab/1", "ab/2"]);
    assert_eq!(list("ab/", Some("ab/2"), 2).await, ["ab/3"]);
    assert_eq!(list("", Some("ab/3"), 10).await, ["ab\u{10ffff}", "ac", "b"]);
    assert!(fixture.journal.keys("order", "", None, 10).await.unwrap().is_empty());
}
