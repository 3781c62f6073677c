#![doc = include_str!("../README.md")]
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
