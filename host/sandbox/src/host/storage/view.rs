//! The `Host` trait of storage: each call is a call of [`Storage`], off the guest's CPU time.

use wasmtime::component::HasData;

use super::Storage;
use crate::bindings::storage::{self, StorageError};
use crate::host::Connected;
use crate::limits::Away;
use crate::state::State;

pub(crate) struct HasStorage;

impl HasData for HasStorage {
    type Data<'a> = View<'a>;
}

pub(crate) struct View<'a> {
    storage: &'a mut Storage,
    away: &'a Away,
}

pub(crate) fn view(state: &mut State<Connected>) -> View<'_> {
    View { storage: &mut state.reach.storage, away: state.cpu.away() }
}

impl storage::Host for View<'_> {
    async fn get(&mut self, key: String) -> Result<Option<storage::Entry>, StorageError> {
        self.away.during(self.storage.get(key)).await
    }

    async fn put(
        &mut self,
        key: String,
        value: Vec<u8>,
        options: storage::PutOptions,
    ) -> Result<storage::PutOutcome, StorageError> {
        self.away.during(self.storage.put(key, value, options)).await
    }

    async fn delete(&mut self, key: String) -> Result<bool, StorageError> {
        self.away.during(self.storage.delete(key)).await
    }

    async fn list_keys(
        &mut self,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<storage::Page, StorageError> {
        self.away.during(self.storage.list(prefix, cursor, limit)).await
    }

    async fn add(&mut self, key: String, delta: i64) -> Result<i64, StorageError> {
        self.away.during(self.storage.add(key, delta)).await
    }

    async fn counter(&mut self, key: String) -> Result<i64, StorageError> {
        self.away.during(self.storage.counter(key)).await
    }
}
