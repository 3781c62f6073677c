//! Storage without a host.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::storage::{Backend, Condition, Entry, Error, Page, Put, PutOptions};

/// Storage in memory, with the buffering of one attempt. Clones share it.
///
/// Values never expire: a time to live is taken and forgotten.
///
/// ```
/// use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
/// let storage = MemoryStorage::new();
/// let ctx = connector_context(&FakeHttp::new(), &storage);
/// ctx.storage().put("a", "1").unwrap();
/// storage.roll_back();
/// assert_eq!(ctx.storage().get("a").unwrap(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    inner: Rc<RefCell<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    committed: BTreeMap<String, Slot>,
    /// What the attempt has written; `None` where it has removed.
    buffered: BTreeMap<String, Option<Slot>>,
    last_version: u64,
}

#[derive(Clone, Debug)]
enum Slot {
    Bytes(Entry),
    Counter(i64),
}

impl MemoryStorage {
    /// Without any key.
    ///
    /// ```
    /// use stepmill_sdk::storage::Backend;
    /// use stepmill_sdk::testing::MemoryStorage;
    /// assert_eq!(MemoryStorage::new().get("a").unwrap(), None);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Commits what the attempt has written, as the host does when an attempt succeeds.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let storage = MemoryStorage::new();
    /// let ctx = connector_context(&FakeHttp::new(), &storage);
    /// ctx.storage().put("a", "1").unwrap();
    /// storage.commit();
    /// assert!(ctx.storage().entry("a").unwrap().unwrap().version > 0);
    /// ```
    pub fn commit(&self) {
        let mut inner = self.inner.borrow_mut();
        for (key, slot) in std::mem::take(&mut inner.buffered) {
            match slot {
                Some(Slot::Bytes(mut entry)) => {
                    inner.last_version += 1;
                    entry.version = inner.last_version;
                    inner.committed.insert(key, Slot::Bytes(entry));
                }
                Some(Slot::Counter(value)) => {
                    inner.committed.insert(key, Slot::Counter(value));
                }
                None => {
                    inner.committed.remove(&key);
                }
            }
        }
    }

    /// Forgets what the attempt has written, as the host does when an attempt fails.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let storage = MemoryStorage::new();
    /// let ctx = connector_context(&FakeHttp::new(), &storage);
    /// ctx.storage().put("a", "1").unwrap();
    /// storage.roll_back();
    /// assert_eq!(ctx.storage().get("a").unwrap(), None);
    /// ```
    pub fn roll_back(&self) {
        self.inner.borrow_mut().buffered.clear();
    }
}

impl Inner {
    fn slot(&self, key: &str) -> Option<&Slot> {
        match self.buffered.get(key) {
            Some(written) => written.as_ref(),
            None => self.committed.get(key),
        }
    }

    fn entry(&self, key: &str) -> Result<Option<&Entry>, Error> {
        match self.slot(key) {
            Some(Slot::Bytes(entry)) => Ok(Some(entry)),
            Some(Slot::Counter(_)) => Err(Error::WrongKind(format!("`{key}` is a counter"))),
            None => Ok(None),
        }
    }
}

fn check(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > 512 {
        return Err(Error::InvalidKey(format!("{} bytes, not 1 to 512", key.len())));
    }
    Ok(())
}

impl Backend for MemoryStorage {
    fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        check(key)?;
        Ok(self.inner.borrow().entry(key)?.cloned())
    }

    fn put(&self, key: &str, value: &[u8], options: PutOptions) -> Result<Put, Error> {
        check(key)?;
        let mut inner = self.inner.borrow_mut();
        let version = inner.entry(key)?.map(|entry| entry.version);
        let holds = match options.condition {
            Condition::Always => true,
            Condition::IfAbsent => version.is_none(),
            Condition::IfVersion(wanted) => version == Some(wanted),
        };
        if !holds {
            return Ok(Put::Lost(version));
        }
        let entry = Entry { value: value.to_vec(), version: version.unwrap_or(0) };
        inner.buffered.insert(key.to_owned(), Some(Slot::Bytes(entry)));
        Ok(Put::Written)
    }

    fn delete(&self, key: &str) -> Result<bool, Error> {
        check(key)?;
        let mut inner = self.inner.borrow_mut();
        let was_there = inner.slot(key).is_some();
        inner.buffered.insert(key.to_owned(), None);
        Ok(was_there)
    }

    fn list_keys(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        let inner = self.inner.borrow();
        let mut keys: Vec<String> = inner.committed.keys().chain(inner.buffered.keys()).cloned().collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| {
            key.starts_with(prefix)
                && cursor.is_none_or(|cursor| key.as_str() > cursor)
                && inner.slot(key).is_some()
        });
        let limit = usize::try_from(limit.clamp(1, 1000)).unwrap_or(1000);
        let more = keys.len() > limit;
        keys.truncate(limit);
        let cursor = if more { keys.last().cloned() } else { None };
        Ok(Page { keys, cursor })
    }

    fn add(&self, key: &str, delta: i64) -> Result<i64, Error> {
        let value = self.counter(key)?.saturating_add(delta);
        self.inner.borrow_mut().buffered.insert(key.to_owned(), Some(Slot::Counter(value)));
        Ok(value)
    }

    fn counter(&self, key: &str) -> Result<i64, Error> {
        check(key)?;
        match self.inner.borrow().slot(key) {
            Some(Slot::Counter(value)) => Ok(*value),
            Some(Slot::Bytes(_)) => Err(Error::WrongKind(format!("`{key}` is not a counter"))),
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeHttp, connector_context};

    #[test]
    fn versions_change_at_the_commit() {
        let storage = MemoryStorage::new();
        let ctx = connector_context(&FakeHttp::new(), &storage);
        ctx.storage().put("a", "1").unwrap();
        assert_eq!(ctx.storage().entry("a").unwrap().unwrap().version, 0);
        storage.commit();
        assert_eq!(ctx.storage().entry("a").unwrap().unwrap().version, 1);
        assert_eq!(ctx.storage().compare_and_put("a", 9, "2").unwrap(), Put::Lost(Some(1)));
        assert_eq!(ctx.storage().compare_and_put("b", 9, "2").unwrap(), Put::Lost(None));
        assert_eq!(ctx.storage().compare_and_put("a", 1, "2").unwrap(), Put::Written);
    }

    #[test]
    fn keys_come_over_several_pages_and_show_buffered_writes() {
        let storage = MemoryStorage::new();
        let ctx = connector_context(&FakeHttp::new(), &storage);
        for number in 0..2500 {
            ctx.storage().put(&format!("k/{number:04}"), "").unwrap();
        }
        storage.commit();
        ctx.storage().remove("k/0000").unwrap();
        ctx.storage().add("k/count", 1).unwrap();
        let keys: Vec<String> = ctx.storage().keys("k/").collect::<Result<_, _>>().unwrap();
        assert_eq!(keys.len(), 2500);
        assert_eq!((keys.first().unwrap().as_str(), keys.last().unwrap().as_str()), ("k/0001", "k/count"));
    }

    #[test]
    fn counters_and_values_are_not_mixed_up() {
        let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
        ctx.storage().add("n", i64::MAX).unwrap();
        assert_eq!(ctx.storage().add("n", 1).unwrap(), i64::MAX);
        assert_eq!(ctx.storage().put("n", "1").unwrap_err().name(), "wrong-kind");
    }
}
