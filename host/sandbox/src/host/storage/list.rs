//! Pages of keys: what is committed, merged with what the attempt has written and removed.

use std::collections::VecDeque;
use std::ops::Bound;

use super::{Own, Storage, check_key, unavailable};
use crate::bindings::storage::{self, StorageError};

/// Keys of a page.
const PAGE: u32 = 1_000;

impl Storage {
    pub(super) async fn list(
        &mut self,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<storage::Page, StorageError> {
        self.call()?;
        for given in [Some(&prefix), cursor.as_ref()].into_iter().flatten() {
            if !given.is_empty() {
                check_key(given)?;
            }
        }
        let limit = limit.clamp(1, PAGE) as usize;
        let from = match &cursor {
            Some(cursor) if *cursor >= prefix => Bound::Excluded(cursor.as_str()),
            Some(_) | None => Bound::Included(prefix.as_str()),
        };
        // At most a page and one: no more of them can be answered.
        let mut own: VecDeque<String> = VecDeque::new();
        for (key, made) in self.own.range::<str, _>((from, Bound::Unbounded)) {
            if !key.starts_with(&prefix) || own.len() > limit {
                break;
            }
            if !matches!(made, Own::Deleted) {
                own.push_back(key.clone());
            }
        }
        let mut keys: Vec<String> = Vec::new();
        let mut after = cursor.clone();
        // One key more than asked for tells whether there is another page.
        while keys.len() <= limit {
            let page = self.committed.keys(&self.grant.namespace, &prefix, after.as_deref(), limit + 1).await;
            let page = page.map_err(|error| unavailable(&error))?;
            let is_last = page.len() <= limit;
            for key in page {
                while let Some(mine) = own.pop_front_if(|mine| *mine < key) {
                    keys.push(mine);
                }
                let is_mine = own.pop_front_if(|mine| *mine == key).is_some();
                if is_mine || !matches!(self.own.get(&key), Some(Own::Deleted)) {
                    keys.push(key.clone());
                }
                after = Some(key);
            }
            if is_last {
                keys.extend(own);
                break;
            }
        }
        let has_more = keys.len() > limit;
        keys.truncate(limit);
        let cursor = if has_more { keys.last().cloned() } else { None };
        Ok(storage::Page { keys, cursor })
    }
}
