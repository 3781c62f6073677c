#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_storage_put::StoragePut;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let config = r#"{"key": "last-sync", "value": "2026-01-01"}"#;
//! let written = testing::connect::<StoragePut>(config, "{}", &FakeHttp::new(), &MemoryStorage::new());
//! assert_eq!(written.unwrap().text().unwrap(), r#"{"written":true}"#);
//! ```

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use stepmill_sdk::config::{self, Scalar, Span};
use stepmill_sdk::storage::{Condition, Put, PutOptions};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure, raw};

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Key of the value to write. Give this, `counter` or `remove`.
    pub key: Option<Scalar>,
    /// With `key`: the value, any JSON; the step's input unless given.
    #[serde(default, deserialize_with = "config::present")]
    #[schemars(schema_with = "config::any")]
    pub value: Option<Value>,
    /// With `key`: how long the value is kept, such as `7d`; at most ten years, and for ever unless given.
    pub ttl: Option<Span>,
    /// With `key`: when it is written.
    #[serde(default, rename = "if")]
    pub condition: When,
    /// With `key`: what it is that the condition does not hold.
    #[serde(default)]
    pub lost: Lost,
    /// Key of the counter to add to.
    pub counter: Option<Scalar>,
    /// With `counter`: what is added; 1 unless given.
    pub add: Option<i64>,
    /// Key of the value or counter to remove.
    pub remove: Option<Scalar>,
}

/// When a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum When {
    /// Always: the last one wins.
    #[default]
    Always,
    /// If there is nothing.
    Absent,
    /// If it is still this version, as `storage-get` tells it with `output: full`.
    Version(u64),
}

/// What it is that a condition does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lost {
    /// The output says so.
    #[default]
    Tell,
    /// A rejection.
    Reject,
}

/// What is done.
#[derive(Debug)]
enum What {
    Put { key: String, value: Option<Value>, options: PutOptions, lost: Lost },
    Add { key: String, delta: i64 },
    Remove(String),
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct StoragePut {
    what: What,
}

impl Connector for StoragePut {
    const NAME: &'static str = "storage-put";
    const SUMMARY: &'static str = "Writes, counts or removes in the workflow's storage.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let Config { key, value, ttl, condition, lost, counter, add, remove } = config;
        let is_bare = value.is_none() && ttl.is_none() && condition == When::Always && lost == Lost::Tell;
        if key.is_none() && !is_bare {
            let message = "`value`, `ttl`, `if` and `lost` are for `key`, which is not given";
            return Err(Failure::reject("config", message));
        }
        if counter.is_none() && add.is_some() {
            return Err(Failure::reject("config", "`add` is for `counter`, which is not given"));
        }
        let what = match (key, counter, remove) {
            (Some(key), None, None) => {
                let condition = match condition {
                    When::Always => Condition::Always,
                    When::Absent => Condition::IfAbsent,
                    When::Version(version) => Condition::IfVersion(version),
                };
                let options = PutOptions { condition, ttl_ms: ttl.map(Span::ms) };
                What::Put { key: key.to_string(), value, options, lost }
            }
            (None, Some(counter), None) => What::Add { key: counter.to_string(), delta: add.unwrap_or(1) },
            (None, None, Some(key)) => What::Remove(key.to_string()),
            _ => return Err(Failure::reject("config", "give one of `key`, `counter` and `remove`")),
        };
        Ok(Self { what })
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let storage = ctx.storage();
        match &self.what {
            What::Put { key, value, options, lost } => {
                let value = match value {
                    Some(value) => value.to_string(),
                    None => raw::parse(&input)?.get().to_owned(),
                };
                let is_written = storage.put_with(key, value, *options)? == Put::Written;
                if !is_written && *lost == Lost::Reject {
                    let message = match options.condition {
                        Condition::IfVersion(version) => {
                            format!("`{key}` is not at version {version} any more")
                        }
                        Condition::IfAbsent | Condition::Always => {
                            format!("there is something under `{key}`")
                        }
                    };
                    return Err(Failure::reject("storage-lost", message));
                }
                Document::json(&json!({ "written": is_written }))
            }
            What::Add { key, delta } => Document::json(&json!({ "value": storage.add(key, *delta)? })),
            What::Remove(key) => Document::json(&json!({ "removed": storage.remove(key)? })),
        }
    }
}

stepmill_sdk::export_connector!(StoragePut);

#[cfg(test)]
mod tests {
    //! The plugin through its own door, with storage in memory.

    use serde_json::{Value, json};
    use stepmill_sdk::Failure;
    use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};

    use super::StoragePut;

    fn put(storage: &MemoryStorage, config: Value) -> Result<String, Failure> {
        let output =
            testing::connect::<StoragePut>(&config.to_string(), r#"{"n":  1.10}"#, &FakeHttp::new(), storage);
        output.map(|output| output.text().unwrap().to_owned())
    }

    fn there(storage: &MemoryStorage, key: &str) -> Option<String> {
        let ctx = testing::connector_context(&FakeHttp::new(), storage);
        ctx.storage().get(key).unwrap().map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn a_value_or_the_input_is_written() {
        let storage = MemoryStorage::new();
        assert_eq!(put(&storage, json!({"key": "a"})).unwrap(), r#"{"written":true}"#);
        assert_eq!(there(&storage, "a").as_deref(), Some(r#"{"n":  1.10}"#));
        put(&storage, json!({"key": 7, "value": null, "ttl": "1h"})).unwrap();
        assert_eq!(there(&storage, "7").as_deref(), Some("null"));
    }

    #[test]
    fn conditions_hold_or_are_told() {
        let storage = MemoryStorage::new();
        let absent = json!({"key": "a", "value": 1, "if": "absent"});
        assert_eq!(put(&storage, absent.clone()).unwrap(), r#"{"written":true}"#);
        assert_eq!(put(&storage, absent).unwrap(), r#"{"written":false}"#);
        let stale = json!({"key": "a", "value": 2, "if": {"version": 9}});
        assert_eq!(put(&storage, stale).unwrap(), r#"{"written":false}"#);
        let version = json!({"key": "a", "value": 3, "if": {"version": 1}});
        assert_eq!(put(&storage, version).unwrap(), r#"{"written":true}"#);
        assert_eq!(there(&storage, "a").as_deref(), Some("3"));
        let lost = json!({"key": "a", "value": 4, "if": "absent", "lost": "reject"});
        assert_eq!(
            put(&storage, lost).unwrap_err(),
            Failure::reject("storage-lost", "there is something under `a`")
        );
    }

    #[test]
    fn counters_count_and_all_can_be_removed() {
        let storage = MemoryStorage::new();
        assert_eq!(put(&storage, json!({"counter": "n"})).unwrap(), r#"{"value":1}"#);
        assert_eq!(put(&storage, json!({"counter": "n", "add": -3})).unwrap(), r#"{"value":-2}"#);
        assert_eq!(put(&storage, json!({"remove": "n"})).unwrap(), r#"{"removed":true}"#);
        assert_eq!(put(&storage, json!({"remove": "n"})).unwrap(), r#"{"removed":false}"#);
    }

    #[test]
    fn one_thing_is_done() {
        for config in [
            json!({}),
            json!({"key": "a", "counter": "b"}),
            json!({"counter": "b", "value": 1}),
            json!({"key": "b", "add": 1}),
            json!({"remove": "b", "ttl": "1h"}),
            json!({"key": "b", "ttl": "soon"}),
        ] {
            let failure = put(&MemoryStorage::new(), config.clone()).unwrap_err();
            assert_eq!(failure.code(), Some("config"), "{config}");
        }
    }
}
