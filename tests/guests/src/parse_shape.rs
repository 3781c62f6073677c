//! A transform for benchmarks: it parses its input, reshapes it a little and writes it again.

use serde_json::{Map, Value};
use stepmill_sdk::{Context, Failure, NoConfig, Transform};

struct ParseShape;

impl Transform for ParseShape {
    const NAME: &'static str = "parse-shape";
    const SUMMARY: &'static str = "Parses, reshapes and writes JSON.";
    type Config = NoConfig;
    type Input = Value;
    type Output = Value;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, input: Value, _: &Context) -> Result<Value, Failure> {
        Ok(shape(input))
    }
}

/// Every object gets its keys in upper case and a count of them, at any depth.
fn shape(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let count = members.len();
            let mut shaped: Map<String, Value> =
                members.into_iter().map(|(key, value)| (key.to_ascii_uppercase(), shape(value))).collect();
            shaped.insert("COUNT".to_owned(), count.into());
            Value::Object(shaped)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(shape).collect()),
        scalar => scalar,
    }
}

stepmill_sdk::export_transform!(ParseShape);
