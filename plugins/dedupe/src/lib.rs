#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_dedupe::Dedupe;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let storage = MemoryStorage::new();
//! let config = r#"{"key": 7, "ttl": "30d"}"#;
//! let first = testing::connect::<Dedupe>(config, "{}", &FakeHttp::new(), &storage).unwrap();
//! assert!(first.text().unwrap().starts_with(r#"{"duplicate":false,"key":"7""#));
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_sdk::config::{Scalar, Span};
use stepmill_sdk::storage::{Condition, Put, PutOptions};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// How often a key is looked at that expires between two calls.
const LOOKS: usize = 3;

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is the same for duplicates, such as `${{ input.id }}`.
    pub key: Scalar,
    /// How long a key is remembered, such as `30d`; at most ten years.
    pub ttl: Span,
    /// What becomes of a duplicate.
    #[serde(default)]
    pub on_duplicate: OnDuplicate,
    /// What keys belong to; the step's id unless given.
    pub scope: Option<String>,
}

/// What becomes of a duplicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDuplicate {
    /// The output says so.
    #[default]
    Tell,
    /// It is rejected; what is none passes through.
    Reject,
}

/// Who came first with a key.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    run: String,
    /// Milliseconds since the Unix epoch.
    at: u64,
}

#[derive(Serialize)]
struct Told<'a> {
    duplicate: bool,
    key: &'a str,
    first: ToldFirst<'a>,
}

#[derive(Serialize)]
struct ToldFirst<'a> {
    run: &'a str,
    at: String,
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Dedupe {
    config: Config,
    key: String,
}

impl Connector for Dedupe {
    const NAME: &'static str = "dedupe";
    const SUMMARY: &'static str =
        "Tells whether something has come before, by a key in the workflow's storage.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let key = config.key.to_string();
        if key.is_empty() {
            return Err(Failure::reject(
                "config",
                "`key` is empty: all events without one would be duplicates",
            ));
        }
        if config.ttl.ms() == 0 {
            return Err(Failure::reject(
                "config",
                "`ttl` is 0: give how long a key is remembered, such as 30d",
            ));
        }
        Ok(Self { config, key })
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let first = self.first(ctx)?;
        let is_duplicate = first.run != ctx.run();
        match self.config.on_duplicate {
            OnDuplicate::Tell => Document::json(&Told {
                duplicate: is_duplicate,
                key: &self.key,
                first: ToldFirst { run: &first.run, at: rfc3339(first.at) },
            }),
            OnDuplicate::Reject if is_duplicate => {
                let at = rfc3339(first.at);
                let message = format!("the key `{}` came with {} first, at {at}", self.key, first.run);
                Err(Failure::reject("duplicate", message))
            }
            OnDuplicate::Reject => Ok(input),
        }
    }
}

impl Dedupe {
    /// Who has the key: whoever had it before, or now this run.
    fn first(&self, ctx: &ConnectorContext) -> Result<First, Failure> {
        let place = format!("dedupe/{}/{}", self.config.scope.as_deref().unwrap_or(ctx.step()), self.key);
        let accepted = ctx.accepted_at().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let this =
            First { run: ctx.run().to_owned(), at: u64::try_from(accepted.as_millis()).unwrap_or(u64::MAX) };
        let value = serde_json::to_vec(&this)?;
        for _ in 0..LOOKS {
            let options = PutOptions { condition: Condition::IfAbsent, ttl_ms: Some(self.config.ttl.ms()) };
            if ctx.storage().put_with(&place, &value, options)? == Put::Written {
                return Ok(this);
            }
            if let Some(first) = ctx.storage().get_json(&place)? {
                return Ok(first);
            }
        }
        Err(Failure::retry(format!("the key `{}` comes and goes", self.key)))
    }
}

fn rfc3339(at_ms: u64) -> String {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(at_ms);
    humantime::format_rfc3339_millis(at).to_string()
}

stepmill_sdk::export_connector!(Dedupe);

#[cfg(test)]
mod tests {
    //! The plugin through its own door, with storage in memory.

    use serde_json::{Value, json};
    use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
    use stepmill_sdk::{Document, Failure};

    use super::Dedupe;

    fn run(config: &Value, storage: &MemoryStorage) -> Result<Document, Failure> {
        testing::connect::<Dedupe>(&config.to_string(), r#"{"a":  1}"#, &FakeHttp::new(), storage)
    }

    /// Storage in which another run has the key 7.
    fn taken() -> MemoryStorage {
        let storage = MemoryStorage::new();
        let ctx = testing::connector_context(&FakeHttp::new(), &storage);
        let first = json!({"run": "run_of_another", "at": 1_700_000_000_123_u64});
        ctx.storage().put_json("dedupe/step/7", &first).unwrap();
        storage.commit();
        storage
    }

    fn told(output: &Document) -> Value {
        serde_json::from_str(output.text().unwrap()).unwrap()
    }

    #[test]
    fn the_first_has_the_key_and_others_are_duplicates() {
        let config = json!({"key": 7, "ttl": "1d"});
        let storage = MemoryStorage::new();
        let first = json!({"run": testing::context().run(), "at": "2023-11-14T22:13:20.000Z"});
        let wanted = json!({"duplicate": false, "key": "7", "first": first});
        assert_eq!(told(&run(&config, &storage).unwrap()), wanted);
        // The same run again, as after a redrive.
        assert_eq!(told(&run(&config, &storage).unwrap()), wanted);
        let other = told(&run(&config, &taken()).unwrap());
        assert_eq!(other["duplicate"], json!(true));
        assert_eq!(other["first"], json!({"run": "run_of_another", "at": "2023-11-14T22:13:20.123Z"}));
    }

    #[test]
    fn a_duplicate_can_be_rejected_and_what_is_none_passes_through() {
        let config = json!({"key": "7", "ttl": "1d", "on_duplicate": "reject"});
        assert_eq!(run(&config, &MemoryStorage::new()).unwrap(), Document::from_json(r#"{"a":  1}"#));
        let failure = run(&config, &taken()).unwrap_err();
        assert_eq!(failure.code(), Some("duplicate"));
        assert!(failure.message().contains("run_of_another"), "{}", failure.message());
    }

    #[test]
    fn scopes_and_keys_are_apart() {
        let storage = taken();
        for config in [json!({"key": 7, "ttl": "1d", "scope": "other"}), json!({"key": 8, "ttl": "1d"})] {
            assert_eq!(told(&run(&config, &storage).unwrap())["duplicate"], json!(false), "{config}");
        }
    }

    #[test]
    fn config_that_cannot_work_is_refused() {
        for config in [
            json!({"key": "", "ttl": "1d"}),
            json!({"key": 1, "ttl": "0s"}),
            json!({"key": 1, "ttl": "soon"}),
            json!({"key": 1}),
            json!({"key": {}, "ttl": "1d"}),
        ] {
            assert_eq!(run(&config, &MemoryStorage::new()).unwrap_err().code(), Some("config"), "{config}");
        }
    }
}
