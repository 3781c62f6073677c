//! Stock plugin `map`: reshapes a document by a [jq](https://jqlang.org) program.
//!
//! ```yaml
//! - id: shape
//!   use: map
//!   with:
//!     jq: |
//!       {
//!         number: .id,
//!         customer: .customer.name,
//!         lines: [.lines[] | { sku, total: (.quantity * .price) }]
//!       }
//! ```
//!
//! The language is jq as [jaq](https://github.com/01mf02/jaq) has it, with its whole standard library. What
//! differs from the command line tool:
//!
//! - The program is pure, as every transform is: `now` is the time at which the event was accepted, `env` is
//!   empty, and `input` and `import` do not exist.
//! - `debug` and `stderr` write to the attempt's log.
//! - Exactly one output is expected, unless `outputs: array` gathers all of them into an array.
//! - Numbers that the program does not touch keep their digits, whatever their size. `nan` becomes `null`.
//!
//! | rejection | when |
//! |---|---|
//! | `jq-program` | the program does not compile; the message has line and column |
//! | `jq-error` | it ended with an error; `error("…")` in the program is the way to reject a document |
//! | `jq-outputs` | it has no output, or several |
//! | `input` | the document is not JSON |
//!
//! A program that runs for ever is ended by the step's limits.
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_map::Map;
//! use stepmill_sdk::testing;
//!
//! let output = testing::transform::<Map>(r#"{"jq": ".lines | length"}"#, r#"{"lines": [1, 2]}"#);
//! assert_eq!(output.unwrap().text().unwrap(), "2");
//! ```
//!
//! Start reading at [`Map`]; `program` compiles and runs, `prelude` keeps that cheap, `output` writes.

mod logger;
mod output;
mod prelude;
mod program;

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Context, Document, Failure, Transform};

use crate::program::Program;

/// The step's `with:`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The jq program. It is fed the step's input.
    pub jq: String,
    /// How many outputs the program has.
    #[serde(default)]
    pub outputs: Outputs,
    /// How the program sees the input.
    #[serde(default)]
    pub input: Input,
}

/// How many outputs the program has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outputs {
    /// Exactly one, which is the step's output.
    #[default]
    One,
    /// Any number, gathered into an array.
    Array,
}

/// How the program sees the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// As the JSON that it is.
    #[default]
    Json,
    /// As one string, whatever it is: for CSV and other text.
    Text,
}

/// The plugin; see the crate's documentation.
pub struct Map {
    program: Program,
}

impl Transform for Map {
    const NAME: &'static str = "map";
    const SUMMARY: &'static str = "Reshapes JSON by a jq program.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        logger::install();
        Ok(Self { program: Program::try_new(&config)? })
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        Ok(Document::from_json(self.program.run(&input)?))
    }
}

stepmill_sdk::export_transform!(Map);

#[cfg(test)]
mod tests;
