//! A connector that does what its script says to storage and answers what came of each line, in order. A
//! refusal is `{"error", "message"}`; the line `fail` ends the attempt, with all that it wrote.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use stepmill_sdk::storage::{Condition, Error, Put, PutOptions, Storage};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// What to do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StorageEcho {
    /// In this order.
    script: Vec<Line>,
}

/// One thing to do.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    /// Answers `{"value", "version"}` or null.
    Get { key: String },
    /// Answers `"written"` or `{"lost": version or null}`.
    Put {
        key: String,
        value: String,
        #[serde(default)]
        if_absent: bool,
        if_version: Option<u64>,
        ttl_ms: Option<u64>,
    },
    /// Answers whether there was something.
    Delete { key: String },
    /// Answers the keys.
    Keys { prefix: String },
    /// Answers the new value.
    Add { key: String, delta: i64 },
    /// Answers the value.
    Counter { key: String },
    /// Fails; by a retry if `retry` is true.
    Fail {
        #[serde(default)]
        retry: bool,
    },
    /// Fails by a retry in the first attempt only.
    FailOnce,
}

impl Connector for StorageEcho {
    const NAME: &'static str = "storage-echo";
    const SUMMARY: &'static str = "Does to storage what its config says.";
    type Config = Self;
    type Input = Document;
    type Output = Vec<Value>;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, _: Document, ctx: &ConnectorContext) -> Result<Vec<Value>, Failure> {
        self.script.iter().map(|line| perform(line, ctx)).collect()
    }
}

fn perform(line: &Line, ctx: &ConnectorContext) -> Result<Value, Failure> {
    match line {
        Line::Fail { retry: true } => Err(Failure::retry("failed by script")),
        Line::Fail { retry: false } => Err(Failure::reject("script", "failed by script")),
        Line::FailOnce if ctx.attempt() == 1 => Err(Failure::retry("failed once by script")),
        line => Ok(answer(line, ctx.storage())
            .unwrap_or_else(|error| json!({ "error": error.name(), "message": error.message() }))),
    }
}

fn answer(line: &Line, storage: &Storage) -> Result<Value, Error> {
    Ok(match line {
        Line::Get { key } => match storage.entry(key)? {
            Some(entry) => {
                json!({ "value": String::from_utf8_lossy(&entry.value), "version": entry.version })
            }
            None => Value::Null,
        },
        Line::Put { key, value, if_absent, if_version, ttl_ms } => {
            let condition = match (if_absent, if_version) {
                (_, Some(version)) => Condition::IfVersion(*version),
                (true, None) => Condition::IfAbsent,
                (false, None) => Condition::Always,
            };
            match storage.put_with(key, value, PutOptions { condition, ttl_ms: *ttl_ms })? {
                Put::Written => json!("written"),
                Put::Lost(version) => json!({ "lost": version }),
            }
        }
        Line::Delete { key } => json!(storage.remove(key)?),
        Line::Keys { prefix } => json!(storage.keys(prefix.clone()).collect::<Result<Vec<_>, _>>()?),
        Line::Add { key, delta } => json!(storage.add(key, *delta)?),
        Line::Counter { key } => json!(storage.counter(key)?),
        Line::Fail { .. } | Line::FailOnce => Value::Null,
    })
}

stepmill_sdk::export_connector!(StorageEcho);
