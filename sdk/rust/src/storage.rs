//! A small durable map, shared by the runs of a workflow.
//!
//! Writes commit together with the attempt's success: a failed attempt leaves none. Reads see what is
//! committed and, over it, what this attempt has written. Between two calls other runs may commit;
//! [`insert_if_absent`](Storage::insert_if_absent), [`compare_and_put`](Storage::compare_and_put) and
//! counters are the means to be right all the same.
//!
//! ```
//! use stepmill_sdk::storage::Put;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//! let ctx = testing::connector_context(&FakeHttp::new(), &MemoryStorage::new());
//! let storage = ctx.storage();
//!
//! assert!(storage.insert_if_absent("customer/7", "Ada")?);
//! assert!(!storage.insert_if_absent("customer/7", "Bob")?);
//! let entry = storage.entry("customer/7")?.expect("it was just written");
//! assert_eq!(storage.compare_and_put("customer/7", entry.version, "Ada L.")?, Put::Written);
//! let keys: Result<Vec<_>, _> = storage.keys("customer/").collect();
//! assert_eq!(keys?, ["customer/7"]);
//! assert_eq!(storage.add("seen", 2)?, 2);
//! # Ok::<(), stepmill_sdk::storage::Error>(())
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;
pub use crate::bindings::connector::stepmill::plugin::storage::{
    Condition, Entry, Page, PutOptions, PutOutcome as Put, StorageError as Error,
};

/// How many keys are asked for at a time; the host's maximum.
const KEYS_PER_PAGE: u32 = 1000;

/// What holds the values: the host, or a map in tests. The verbs are those of the WIT interface.
///
/// ```
/// use stepmill_sdk::storage::Backend;
/// use stepmill_sdk::testing::MemoryStorage;
/// assert_eq!(MemoryStorage::new().counter("orders").unwrap(), 0);
/// ```
#[allow(missing_docs, reason = "the WIT interface documents each")]
pub trait Backend {
    fn get(&self, key: &str) -> Result<Option<Entry>, Error>;
    fn put(&self, key: &str, value: &[u8], options: PutOptions) -> Result<Put, Error>;
    fn delete(&self, key: &str) -> Result<bool, Error>;
    fn list_keys(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Error>;
    fn add(&self, key: &str, delta: i64) -> Result<i64, Error>;
    fn counter(&self, key: &str) -> Result<i64, Error>;
}

/// The host's `storage` import.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl Backend for Host {
    fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        crate::bindings::connector::stepmill::plugin::storage::get(key)
    }

    fn put(&self, key: &str, value: &[u8], options: PutOptions) -> Result<Put, Error> {
        crate::bindings::connector::stepmill::plugin::storage::put(key, value, options)
    }

    fn delete(&self, key: &str) -> Result<bool, Error> {
        crate::bindings::connector::stepmill::plugin::storage::delete(key)
    }

    fn list_keys(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        crate::bindings::connector::stepmill::plugin::storage::list_keys(prefix, cursor, limit)
    }

    fn add(&self, key: &str, delta: i64) -> Result<i64, Error> {
        crate::bindings::connector::stepmill::plugin::storage::add(key, delta)
    }

    fn counter(&self, key: &str) -> Result<i64, Error> {
        crate::bindings::connector::stepmill::plugin::storage::counter(key)
    }
}

/// The map; see [`ConnectorContext::storage`](crate::ConnectorContext::storage).
///
/// ```
/// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
/// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
/// let storage = ctx.storage();
/// storage.put("a", "1")?;
/// assert_eq!(storage.get("a")?.as_deref(), Some(b"1".as_slice()));
/// # Ok::<(), stepmill_sdk::Failure>(())
/// ```
#[derive(Clone)]
pub struct Storage {
    backend: Rc<dyn Backend>,
}

impl Storage {
    pub(crate) fn new(backend: Rc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// The value of a key.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// assert_eq!(storage.get("nothing")?, None);
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.entry(key)?.map(|entry| entry.value))
    }

    /// The value of a key and its version, for [`compare_and_put`](Self::compare_and_put).
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// storage.put("a", "1")?;
    /// assert_eq!(storage.entry("a")?.map(|entry| entry.version), Some(0)); // not committed yet
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn entry(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.backend.get(key)
    }

    /// The value of a key, read as JSON. What does not parse is a rejection with code `storage-value`.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// storage.put_json("a", &[1, 2])?;
    /// assert_eq!(storage.get_json::<Vec<u8>>("a")?, Some(vec![1, 2]));
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        crate::document::from_slice(&value, "storage-value").map(Some)
    }

    /// Writes a value, whatever was there.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// storage.put("token", "t1")?;
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn put(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.put_with(key, value, PutOptions { condition: Condition::Always, ttl_ms: None }).map(drop)
    }

    /// Writes a value as JSON, whatever was there.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// storage.put_json("a", &[1])?;
    /// assert_eq!(storage.get("a")?.as_deref(), Some(b"[1]".as_slice()));
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn put_json(&self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        Ok(self.put(key, crate::json::to_vec(value)?)?)
    }

    /// Writes a value that disappears after `ttl` from the commit, whatever was there.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// storage.put_for("token", "t1", std::time::Duration::from_secs(300))?;
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn put_for(&self, key: &str, value: impl AsRef<[u8]>, ttl: Duration) -> Result<(), Error> {
        let ttl_ms = Some(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        self.put_with(key, value, PutOptions { condition: Condition::Always, ttl_ms }).map(drop)
    }

    /// Writes a value if the key holds nothing. Says whether it did.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// assert!(storage.insert_if_absent("a", "1")? && !storage.insert_if_absent("a", "2")?);
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn insert_if_absent(&self, key: &str, value: impl AsRef<[u8]>) -> Result<bool, Error> {
        let put = self.put_with(key, value, PutOptions { condition: Condition::IfAbsent, ttl_ms: None })?;
        Ok(put == Put::Written)
    }

    /// Writes a value if the key's version is still `version`. A lost race carries the version that is
    /// there now.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// use stepmill_sdk::storage::Put;
    /// assert_eq!(storage.compare_and_put("a", 1, "2")?, Put::Lost(None));
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn compare_and_put(&self, key: &str, version: u64, value: impl AsRef<[u8]>) -> Result<Put, Error> {
        self.put_with(key, value, PutOptions { condition: Condition::IfVersion(version), ttl_ms: None })
    }

    /// Writes a value under a condition and a time to live.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// use stepmill_sdk::storage::{Condition, Put, PutOptions};
    /// let options = PutOptions { condition: Condition::IfAbsent, ttl_ms: Some(60_000) };
    /// assert_eq!(storage.put_with("lock", "me", options)?, Put::Written);
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn put_with(&self, key: &str, value: impl AsRef<[u8]>, options: PutOptions) -> Result<Put, Error> {
        self.backend.put(key, value.as_ref(), options)
    }

    /// Removes a value or a counter. Says whether there was one.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// assert!(!storage.remove("nothing")?);
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn remove(&self, key: &str) -> Result<bool, Error> {
        self.backend.delete(key)
    }

    /// The keys that begin with `prefix`, in ascending order of their bytes, fetched a page at a time.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// storage.put("order/1", "")?;
    /// storage.put("order/2", "")?;
    /// let keys: Vec<String> = storage.keys("order/").collect::<Result<_, _>>()?;
    /// assert_eq!(keys, ["order/1", "order/2"]);
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn keys(&self, prefix: impl Into<String>) -> Keys<'_> {
        Keys { storage: self, prefix: prefix.into(), page: VecDeque::new(), cursor: None, done: false }
    }

    /// Adds to a counter, which begins at 0. The answer is not unique to this attempt.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// assert_eq!((storage.add("orders", 2)?, storage.add("orders", -1)?), (2, 1));
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn add(&self, key: &str, delta: i64) -> Result<i64, Error> {
        self.backend.add(key, delta)
    }

    /// The value of a counter; 0 where there is none.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
    /// let storage = ctx.storage();
    /// assert_eq!(storage.counter("orders")?, 0);
    /// # Ok::<(), stepmill_sdk::Failure>(())
    /// ```
    pub fn counter(&self, key: &str) -> Result<i64, Error> {
        self.backend.counter(key)
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Storage")
    }
}

/// The keys under a prefix; made by [`Storage::keys`]. Ends after the first error.
///
/// ```
/// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
/// let ctx = connector_context(&FakeHttp::new(), &MemoryStorage::new());
/// let storage = ctx.storage();
/// storage.put("a", "")?;
/// for key in storage.keys("") {
///     assert_eq!(key?, "a");
/// }
/// # Ok::<(), stepmill_sdk::Failure>(())
/// ```
#[derive(Debug)]
pub struct Keys<'a> {
    storage: &'a Storage,
    prefix: String,
    page: VecDeque<String>,
    cursor: Option<String>,
    done: bool,
}

impl Iterator for Keys<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // A page may be empty and yet have another after it.
        while self.page.is_empty() && !self.done {
            match self.storage.backend.list_keys(&self.prefix, self.cursor.as_deref(), KEYS_PER_PAGE) {
                Ok(page) => {
                    self.page = page.keys.into();
                    self.done = page.cursor.is_none();
                    self.cursor = page.cursor;
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}

impl Error {
    /// A short stable name, such as `too-large`.
    ///
    /// ```
    /// assert_eq!(stepmill_sdk::storage::Error::TooLarge(1).name(), "too-large");
    /// ```
    pub fn name(&self) -> &'static str {
        match self {
            Self::InvalidKey(_) => "invalid-key",
            Self::TooLarge(_) => "too-large",
            Self::LimitReached(_) => "limit-reached",
            Self::WrongKind(_) => "wrong-kind",
            Self::Unavailable(_) => "unavailable",
            Self::Other(_) => "other",
        }
    }

    /// What went wrong, for a person.
    ///
    /// ```
    /// let error = stepmill_sdk::storage::Error::TooLarge(1);
    /// assert_eq!(error.message(), "the value is larger than 1 bytes");
    /// ```
    pub fn message(&self) -> String {
        match self {
            Self::InvalidKey(text) => format!("invalid storage key: {text}"),
            Self::TooLarge(limit) => format!("the value is larger than {limit} bytes"),
            Self::LimitReached(text) => format!("storage limit reached: {text}"),
            Self::WrongKind(text) => format!("wrong kind of storage entry: {text}"),
            Self::Unavailable(text) => format!("storage is unavailable: {text}"),
            Self::Other(text) => text.clone(),
        }
    }
}

/// A retry where storage could not be read, else a rejection with code `storage-` and the
/// [name](Error::name).
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Unavailable(_) | Error::Other(_) => Self::retry(error.message()),
            Error::InvalidKey(_) | Error::TooLarge(_) | Error::LimitReached(_) | Error::WrongKind(_) => {
                Self::reject(format!("storage-{}", error.name()), error.message())
            }
        }
    }
}
