//! The manifest that a component answers, checked: each refusal tells the plugin's author what would be right.

use serde_json::Value;
use stepmill_core::attempt::{MESSAGE_BYTES, capped};
use stepmill_core::manifest::{Kind, Manifest};

use crate::bindings::types;
use crate::error::LoadError;

/// Bytes of a plugin's name.
const NAME: usize = 64;
/// Bytes of a schema.
const SCHEMA: usize = 1 << 20;

/// Parses the schemas and checks the names.
pub(crate) fn check(manifest: types::Manifest, kind: Kind) -> Result<Manifest, LoadError> {
    let refused = |field, reason: String| Err(LoadError::Manifest { field, reason });
    let name = manifest.name;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > NAME || !name.bytes().all(is_name) {
        let shown: String = name.chars().take(NAME).collect();
        return refused(
            "name",
            format!("{shown:?} must be 1 to {NAME} lower-case letters, digits and dashes"),
        );
    }
    if let Err(error) = semver::Version::parse(&manifest.version) {
        let shown: String = manifest.version.chars().take(NAME).collect();
        return refused("version", format!("{shown:?} is not a semantic version such as 1.2.0: {error}"));
    }
    let config_schema = schema("config-schema", &manifest.config_schema)?;
    if let Some(keys) = config_schema.get(Manifest::KEYS) {
        if kind != Kind::Verify {
            let (keys, kind) = (Manifest::KEYS, kind.name());
            return refused(
                "config-schema",
                format!("has {keys}, and a {kind} has no webhook whose keys it could ask"),
            );
        }
        let is_asked =
            |(name, is): (&String, &Value)| !name.is_empty() && name.len() <= NAME && is.is_string();
        if !keys.as_object().is_some_and(|keys| keys.iter().all(is_asked)) {
            let keys = Manifest::KEYS;
            let why = format!("has {keys} that is no object with a sentence for the name of each key");
            return refused("config-schema", why);
        }
    }
    Ok(Manifest {
        name,
        version: manifest.version,
        summary: capped(manifest.summary, MESSAGE_BYTES),
        kind,
        config_schema,
        input_schema: manifest.input_schema.map(|text| schema("input-schema", &text)).transpose()?,
        output_schema: manifest.output_schema.map(|text| schema("output-schema", &text)).transpose()?,
    })
}

fn schema(field: &'static str, text: &str) -> Result<Value, LoadError> {
    let refused = |reason: String| Err(LoadError::Manifest { field, reason });
    if text.len() > SCHEMA {
        return refused(format!("has {} bytes; at most {SCHEMA} are taken", text.len()));
    }
    match serde_json::from_str(text) {
        // Built once, as that is what finds keywords with wrong values and references that lead nowhere.
        Ok(value @ (Value::Object(_) | Value::Bool(_))) => match jsonschema::options().build(&value) {
            Ok(_) => Ok(value),
            Err(error) => {
                let at = error.instance_path().as_str();
                let place = if at.is_empty() { String::new() } else { format!(" at {at}") };
                let why = capped(error.to_string(), MESSAGE_BYTES);
                refused(format!(
                    "is no JSON Schema{place}: {why}; correct it ({{}} allows anything), and refer to nothing outside it"
                ))
            }
        },
        Ok(Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            refused("is no JSON Schema: it must be an object or a boolean ({} allows anything)".into())
        }
        Err(error) => refused(format!("is not JSON: {error} ({{}} allows anything)")),
    }
}
