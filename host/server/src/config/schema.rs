//! JSON Schemas for editors, from the types that read the files.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use stepmill_core::workflow::Definition;

use super::Config;

/// JSON Schema (draft 7, which editors know best) of `stepmill.yaml`.
pub fn config_schema() -> Value {
    schema::<Config>()
}

/// JSON Schema (draft 7) of a workflow file.
pub fn workflow_schema() -> Value {
    schema::<Definition>()
}

/// JSON Schema (draft 7) of what a file is read as.
pub(crate) fn schema<T: JsonSchema>() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value()
}
