#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use serde_json::json;
//! use stepmill_plugin_directus::Directus;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let http = FakeHttp::new()
//!     .reply_json("GET", "/items/contacts?filter%5Bexternal_id%5D%5B_eq%5D=7&fields=id&limit=2", 200, &json!({"data": []}))
//!     .reply_json("POST", "/items/contacts?fields=id", 200, &json!({"data": {"id": 1}}));
//! let config = r#"{"upsert": {"collection": "contacts", "key": {"external_id": 7}, "data": {"name": "Ada"}}}"#;
//! let output = testing::connect::<Directus>(config, "null", &http, &MemoryStorage::new()).unwrap();
//! assert_eq!(output.text().unwrap(), r#"{"id":1,"created":true}"#);
//! ```

mod items;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stepmill_sdk::config::Scalar;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

use crate::items::Items;

/// The step's `with:`: one operation; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Changes a record, or creates it.
    pub upsert: Option<Upsert>,
    /// Creates a record.
    pub add: Option<Add>,
    /// Looks for records.
    pub find: Option<Find>,
}

/// A record to be changed or created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upsert {
    /// Name of the collection.
    pub collection: String,
    /// Fields, and the values by which the record is known.
    pub key: BTreeMap<String, Scalar>,
    /// Fields, and what they are to be.
    pub data: Map<String, Value>,
}

/// A record to be created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Name of the collection.
    pub collection: String,
    /// Fields, and what they are to be.
    pub data: Map<String, Value>,
    /// Text field for the step's idempotency key, by which a record is known that was created before.
    pub key_field: Option<String>,
}

/// Records to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// Name of the collection.
    pub collection: String,
    /// Fields, and the values that they have.
    #[serde(default, rename = "where")]
    pub filter: BTreeMap<String, Scalar>,
    /// Names of the fields that are answered; all unless given.
    #[serde(default)]
    pub fields: Vec<String>,
    /// How many records at most; 100 unless given.
    #[serde(default = "hundred")]
    pub limit: u32,
}

fn hundred() -> u32 {
    100
}

#[derive(Serialize)]
struct Kept {
    id: Value,
    created: bool,
}

#[derive(Debug)]
enum Operation {
    Upsert(Upsert),
    Add(Add),
    Find(Find),
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Directus {
    operation: Operation,
}

impl Connector for Directus {
    const NAME: &'static str = "directus";
    const SUMMARY: &'static str = "Keeps contacts, notes and other records in Directus.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let operation = match (config.upsert, config.add, config.find) {
            (Some(upsert), None, None) if upsert.key.is_empty() => {
                return Err(Failure::reject(
                    "config",
                    "`upsert` has no `key`: say by which fields the record is known",
                ));
            }
            (Some(upsert), None, None) => Operation::Upsert(upsert),
            (None, Some(add), None) => Operation::Add(add),
            (None, None, Some(find)) => Operation::Find(find),
            _ => return Err(Failure::reject("config", "give one of `upsert`, `add` and `find`")),
        };
        let collection = match &operation {
            Operation::Upsert(Upsert { collection, .. })
            | Operation::Add(Add { collection, .. })
            | Operation::Find(Find { collection, .. }) => collection,
        };
        if !is_name(collection) {
            let message =
                format!("`collection` is {collection:?}: give a name of letters, digits, `_` and `-`");
            return Err(Failure::reject("config", message));
        }
        Ok(Self { operation })
    }

    fn run(&self, _: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let kept = match &self.operation {
            Operation::Find(find) => {
                let items = Items { ctx, collection: &find.collection };
                let filter =
                    find.filter.iter().map(|(field, value)| (field.as_str(), value.to_string())).collect();
                let fields = if find.fields.is_empty() { "*".to_owned() } else { find.fields.join(",") };
                return Document::json(&items.find(filter, &fields, find.limit)?);
            }
            Operation::Upsert(upsert) => {
                let items = Items { ctx, collection: &upsert.collection };
                let key =
                    upsert.key.iter().map(|(field, value)| (field.as_str(), value.to_string())).collect();
                match items.one(key)? {
                    Some(id) => {
                        items.change(&id, &upsert.data)?;
                        Kept { id, created: false }
                    }
                    None => {
                        let mut data = upsert.data.clone();
                        for (field, value) in &upsert.key {
                            data.insert(field.clone(), serde_json::to_value(value)?);
                        }
                        Kept { id: items.create(&data)?, created: true }
                    }
                }
            }
            Operation::Add(add) => self.add(add, ctx)?,
        };
        Document::json(&kept)
    }
}

impl Directus {
    fn add(&self, add: &Add, ctx: &ConnectorContext) -> Result<Kept, Failure> {
        let items = Items { ctx, collection: &add.collection };
        let Some(field) = &add.key_field else {
            return Ok(Kept { id: items.create(&add.data)?, created: true });
        };
        let key = ctx.idempotency_key();
        if let Some(id) = items.one(vec![(field, key.to_owned())])? {
            return Ok(Kept { id, created: false });
        }
        let mut data = add.data.clone();
        data.insert(field.clone(), key.into());
        Ok(Kept { id: items.create(&data)?, created: true })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

stepmill_sdk::export_connector!(Directus);

#[cfg(test)]
mod tests;
