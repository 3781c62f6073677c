#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_json_schema::JsonSchema;
//! use stepmill_sdk::testing;
//!
//! let config = r#"{"schema": {"required": ["id"], "properties": {"id": {"type": "string"}}}}"#;
//! let violations = testing::validate::<JsonSchema>(config, r#"{"id": 7}"#).unwrap();
//! assert_eq!((violations[0].pointer.as_str(), violations[0].rule.as_str()), ("/id", "type"));
//! ```

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "a function that a crate links to by its name")]
mod seeds;

use jsonschema::{Draft, ValidationError, Validator, error::ValidationErrorKind};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};
use stepmill_sdk::{Context, Failure, Validate, Violation};

/// What the step's schema is called where another one refers to it.
const SCHEMA: &str = "stepmill:schema";

/// The host keeps no more.
const MAX_VIOLATIONS: usize = 1000;

/// How much of a message is kept; it may quote the whole document.
const MAX_MESSAGE_CHARS: usize = 300;

/// The step's `with:`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The schema: an object, `true` or `false`, or the path of a JSON or YAML file that has it. Draft 2020-12
    /// unless its `$schema` says otherwise.
    #[schemars(schema_with = "schema_of_schemas")]
    pub schema: Value,
    /// Whether `format` is checked.
    #[serde(default = "yes")]
    pub formats: bool,
}

fn yes() -> bool {
    true
}

/// A schema is valid under its meta-schema. Only that of draft 2020-12 can be referred to from here.
fn schema_of_schemas(_: &mut SchemaGenerator) -> Schema {
    const CURRENT: &str = "https://json-schema.org/draft/2020-12/schema";
    json_schema!({
        "type": ["object", "boolean"],
        "x-stepmill-file": true,
        "if": {
            "type": "object",
            "required": ["$schema"],
            "properties": { "$schema": { "not": { "const": CURRENT } } },
        },
        "else": { "$ref": CURRENT },
    })
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct JsonSchema {
    validator: Validator,
}

impl Validate for JsonSchema {
    const NAME: &'static str = "json-schema";
    const SUMMARY: &'static str = "Checks a document against a JSON Schema.";
    type Config = Config;
    type Input = Value;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let draft = Draft::default().detect(&config.schema);
        if draft == Draft::Unknown {
            return Err(Failure::reject("schema", "the schema's `$schema` names no draft of JSON Schema"));
        }
        // A schema that comes of an expression is compiled for every document, as no instance is used twice. Most
        // of that would go into the meta-schema: `build` checks what it is given against the meta-schema of its
        // draft, which it compiles first (0.75 ms for 2020-12). It does not do so with what it finds by reference,
        // and the host has checked that already. So it is given a reference, in the draft whose meta-schema is the
        // smallest; the step's schema keeps its own draft.
        let registry = jsonschema::Registry::new()
            .add(SCHEMA, draft.create_resource_ref(&config.schema))
            .and_then(jsonschema::RegistryBuilder::prepare)
            .map_err(|error| unusable(ValidationError::from(error)))?;
        let validator = jsonschema::options()
            .with_registry(&registry)
            .with_draft(Draft::Draft4)
            .offline()
            .should_validate_formats(config.formats)
            .build(&json!({ "$ref": SCHEMA }))
            .map_err(unusable)?;
        Ok(Self { validator })
    }

    fn run(&self, input: Value, _: &Context) -> Result<Vec<Violation>, Failure> {
        Ok(self.validator.iter_errors(&input).take(MAX_VIOLATIONS).map(violation).collect())
    }
}

fn violation(error: ValidationError<'_>) -> Violation {
    let mut message = error.to_string();
    if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS) {
        message.truncate(end);
        message.push('…');
    }
    Violation::new(error.instance_path().to_string(), error.kind().keyword(), message)
}

fn unusable(error: ValidationError<'static>) -> Failure {
    if let ValidationErrorKind::Referencing(cause) = error.kind() {
        return Failure::reject(
            "schema",
            format!(
                "the schema refers to what is not in it: {cause}; put it under `$defs`, nothing is fetched"
            ),
        );
    }
    Failure::reject("schema", format!("the schema cannot be used: {error}, at `{}`", error.instance_path()))
}

stepmill_sdk::export_validate!(JsonSchema);

#[cfg(test)]
mod tests;
