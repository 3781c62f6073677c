#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_storage_get::StorageGet;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let config = r#"{"key": "last-sync", "default": null}"#;
//! let value = testing::connect::<StorageGet>(config, "{}", &FakeHttp::new(), &MemoryStorage::new());
//! assert_eq!(value.unwrap().text().unwrap(), "null");
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepmill_sdk::config::{self, Scalar};
use stepmill_sdk::raw::RawValue;
use stepmill_sdk::storage::Entry;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Key of the value. Give this, `counter` or `keys`.
    pub key: Option<Scalar>,
    /// With `key`: what the output is where there is no value.
    #[serde(default, deserialize_with = "config::present")]
    #[schemars(schema_with = "config::any")]
    pub default: Option<Value>,
    /// With `key`: whether the output is the value, or an object that says more of it.
    #[serde(default)]
    pub output: Output,
    /// Key of a counter.
    pub counter: Option<Scalar>,
    /// What keys begin with; the empty text for all.
    pub keys: Option<String>,
    /// With `keys`: how many there may be; more are a rejection with code `storage-keys`.
    #[serde(default = "thousand")]
    pub limit: usize,
}

/// What the output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The value.
    #[default]
    Value,
    /// `{"found", "value", "version"}`.
    Full,
}

fn thousand() -> usize {
    1000
}

/// What is asked for.
#[derive(Debug)]
enum What {
    Value { key: String, default: Option<Value>, output: Output },
    Counter(String),
    Keys { prefix: String, limit: usize },
}

#[derive(Serialize)]
struct Full<'a, V: ?Sized> {
    found: bool,
    value: &'a V,
    version: Option<u64>,
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct StorageGet {
    what: What,
}

impl Connector for StorageGet {
    const NAME: &'static str = "storage-get";
    const SUMMARY: &'static str = "Reads a value, a counter or keys from the workflow's storage.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let Config { key, default, output, counter, keys, limit } = config;
        if key.is_none() && (default.is_some() || output == Output::Full) {
            return Err(Failure::reject(
                "config",
                "`default` and `output` are for `key`, which is not given",
            ));
        }
        let what = match (key, counter, keys) {
            (Some(key), None, None) => What::Value { key: key.to_string(), default, output },
            (None, Some(counter), None) => What::Counter(counter.to_string()),
            (None, None, Some(prefix)) => What::Keys { prefix, limit },
            _ => return Err(Failure::reject("config", "give one of `key`, `counter` and `keys`")),
        };
        Ok(Self { what })
    }

    fn run(&self, _: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        match &self.what {
            What::Value { key, default, output } => {
                value(key, ctx.storage().entry(key)?.as_ref(), default.as_ref(), *output)
            }
            What::Counter(key) => Document::json(&ctx.storage().counter(key)?),
            What::Keys { prefix, limit } => {
                let keys = ctx.storage().keys(prefix).take(limit.saturating_add(1));
                let keys = keys.collect::<Result<Vec<String>, _>>()?;
                if keys.len() > *limit {
                    let message = format!("more than {limit} keys begin with `{prefix}`; raise `limit`");
                    return Err(Failure::reject("storage-keys", message));
                }
                Document::json(&keys)
            }
        }
    }
}

fn value(
    key: &str,
    entry: Option<&Entry>,
    default: Option<&Value>,
    output: Output,
) -> Result<Document, Failure> {
    let Some(entry) = entry else {
        return match (output, default) {
            (Output::Value, Some(default)) => Document::json(default),
            (Output::Value, None) => {
                let message =
                    format!("there is nothing under `{key}`; `default` says what the output is then");
                Err(Failure::reject("storage-missing", message))
            }
            (Output::Full, default) => {
                Document::json(&Full { found: false, value: default.unwrap_or(&Value::Null), version: None })
            }
        };
    };
    // As it was written, digit by digit.
    let value: &RawValue = serde_json::from_slice(&entry.value).map_err(|error| {
        Failure::reject("storage-value", format!("what is under `{key}` is no JSON: {error}"))
    })?;
    match output {
        Output::Value => Ok(Document::from_json(value.get())),
        Output::Full => Document::json(&Full { found: true, value, version: Some(entry.version) }),
    }
}

stepmill_sdk::export_connector!(StorageGet);

#[cfg(test)]
mod tests {
    //! The plugin through its own door, with storage in memory.

    use serde_json::{Value, json};
    use stepmill_sdk::Failure;
    use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};

    use super::StorageGet;

    fn storage() -> MemoryStorage {
        let storage = MemoryStorage::new();
        let ctx = testing::connector_context(&FakeHttp::new(), &storage);
        ctx.storage().put("a/1", r#"{"n":  1.10}"#).unwrap();
        ctx.storage().put("a/2", b"\xff").unwrap();
        ctx.storage().add("count", 3).unwrap();
        storage.commit();
        storage
    }

    fn get(config: Value) -> Result<String, Failure> {
        let output = testing::connect::<StorageGet>(&config.to_string(), "{}", &FakeHttp::new(), &storage());
        output.map(|output| output.text().unwrap().to_owned())
    }

    #[test]
    fn a_value_is_read_as_it_was_written() {
        assert_eq!(get(json!({"key": "a/1"})).unwrap(), r#"{"n":  1.10}"#);
        let full = get(json!({"key": "a/1", "output": "full"})).unwrap();
        assert_eq!(full, r#"{"found":true,"value":{"n":  1.10},"version":1}"#);
        assert_eq!(get(json!({"key": "a/2"})).unwrap_err().code(), Some("storage-value"));
        assert_eq!(get(json!({"key": "count"})).unwrap_err().code(), Some("storage-wrong-kind"));
    }

    #[test]
    fn what_is_not_there_is_a_rejection_unless_there_is_a_default() {
        assert_eq!(get(json!({"key": "b"})).unwrap_err().code(), Some("storage-missing"));
        assert_eq!(get(json!({"key": "b", "default": null})).unwrap(), "null");
        assert_eq!(get(json!({"key": 7, "default": [1]})).unwrap(), "[1]");
        let full = get(json!({"key": "b", "output": "full"})).unwrap();
        assert_eq!(full, r#"{"found":false,"value":null,"version":null}"#);
    }

    #[test]
    fn counters_and_keys() {
        assert_eq!(get(json!({"counter": "count"})).unwrap(), "3");
        assert_eq!(get(json!({"counter": "other"})).unwrap(), "0");
        assert_eq!(get(json!({"keys": "a/"})).unwrap(), r#"["a/1","a/2"]"#);
        assert_eq!(get(json!({"keys": "", "limit": 3})).unwrap(), r#"["a/1","a/2","count"]"#);
        assert_eq!(get(json!({"keys": "", "limit": 2})).unwrap_err().code(), Some("storage-keys"));
    }

    #[test]
    fn one_thing_is_asked_for() {
        for config in [
            json!({}),
            json!({"key": "a", "counter": "b"}),
            json!({"counter": "b", "default": 1}),
            json!({"keys": "b", "output": "full"}),
        ] {
            assert_eq!(get(config.clone()).unwrap_err().code(), Some("config"), "{config}");
        }
    }
}
