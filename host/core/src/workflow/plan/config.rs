//! A step's `with:` against the config schema of its plugin.

use std::collections::BTreeSet;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::Problems;
use crate::attempt::capped;
use crate::expression::Template;
use crate::manifest::Manifest;
use crate::nearest::nearest;
use crate::pointer::token;

/// Marks a property of a config schema that may be given as the path of a file.
const FILE: &str = "x-stepmill-file";
/// Bytes of a validator's message that are kept, as it quotes what it is about.
const MESSAGE_BYTES: usize = 300;

/// Puts the content of files in place of their paths. Gives the pointers of those places: what is in a
/// file is no template.
pub(super) fn place_files(
    with: &mut Value,
    schema: &Value,
    read: &dyn Fn(&str) -> Result<Value, String>,
    at: &str,
    problems: &mut Problems,
) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return files };
    for (key, schema) in properties {
        let Some(value) = with.get_mut(key) else { continue };
        let pointer = format!("/{}", token(key));
        if schema.get(FILE).and_then(Value::as_bool) != Some(true) {
            let inner = place_files(value, schema, read, &format!("{at}{pointer}"), problems);
            files.extend(inner.into_iter().map(|inner| format!("{pointer}{inner}")));
            continue;
        }
        let Some(path) = value.as_str().filter(|path| !path.contains("${{")) else { continue };
        match read(path) {
            Ok(content) => {
                *value = content;
                files.insert(pointer);
            }
            Err(message) => problems.add(format!("{at}{pointer}"), message),
        }
    }
    files
}

/// Checks the config, as far as it is known before a run.
pub(super) fn validate(
    with: &Value,
    template: &Template,
    manifest: &Manifest,
    step: &str,
    problems: &mut Problems,
) {
    let validator = match jsonschema::options().build(&manifest.config_schema) {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("the config schema of plugin {:?} cannot be used: {error}", manifest.name);
            problems.add(format!("{step}/use"), capped(message, MESSAGE_BYTES));
            return;
        }
    };
    let at = format!("{step}/with");
    for error in validator.iter_errors(with) {
        if !hangs_on_expression(&error, template.dynamic_pointers()) {
            report(&error, manifest, &at, problems);
        }
    }
}

/// Whether what an expression gives could make the error go away.
fn hangs_on_expression(error: &ValidationError<'_>, dynamic: &[String]) -> bool {
    let pointer = error.instance_path().as_str();
    let is_dynamic = dynamic.iter().any(|dynamic| dynamic == pointer);
    let holds_dynamic = || {
        dynamic.iter().any(|dynamic| dynamic.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/')))
    };
    match error.kind() {
        // About which keys there are, or that this one may not be.
        ValidationErrorKind::AdditionalProperties { .. }
        | ValidationErrorKind::Required { .. }
        | ValidationErrorKind::MinProperties { .. }
        | ValidationErrorKind::MaxProperties { .. }
        | ValidationErrorKind::PropertyNames { .. }
        | ValidationErrorKind::FalseSchema => false,
        // About the value with all that is in it.
        ValidationErrorKind::AnyOf { .. }
        | ValidationErrorKind::OneOfMultipleValid { .. }
        | ValidationErrorKind::OneOfNotValid { .. }
        | ValidationErrorKind::Not { .. }
        | ValidationErrorKind::Constant { .. }
        | ValidationErrorKind::Enum { .. }
        | ValidationErrorKind::Contains
        | ValidationErrorKind::UniqueItems
        | ValidationErrorKind::UnevaluatedItems { .. }
        | ValidationErrorKind::UnevaluatedProperties { .. }
        | ValidationErrorKind::Custom { .. } => is_dynamic || holds_dynamic(),
        // About the value itself.
        ValidationErrorKind::AdditionalItems { .. }
        | ValidationErrorKind::BacktrackLimitExceeded { .. }
        | ValidationErrorKind::RegexEngineFailure { .. }
        | ValidationErrorKind::ContentEncoding { .. }
        | ValidationErrorKind::ContentMediaType { .. }
        | ValidationErrorKind::ExclusiveMaximum { .. }
        | ValidationErrorKind::ExclusiveMinimum { .. }
        | ValidationErrorKind::Format { .. }
        | ValidationErrorKind::FromUtf8 { .. }
        | ValidationErrorKind::MaxItems { .. }
        | ValidationErrorKind::Maximum { .. }
        | ValidationErrorKind::MaxLength { .. }
        | ValidationErrorKind::MinItems { .. }
        | ValidationErrorKind::Minimum { .. }
        | ValidationErrorKind::MinLength { .. }
        | ValidationErrorKind::MultipleOf { .. }
        | ValidationErrorKind::Pattern { .. }
        | ValidationErrorKind::Type { .. }
        | ValidationErrorKind::Referencing(_) => is_dynamic,
    }
}

fn report(error: &ValidationError<'_>, manifest: &Manifest, at: &str, problems: &mut Problems) {
    let pointer = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            for key in unexpected {
                let (at, message) =
                    (format!("{at}{pointer}/{}", token(key)), format!("there is no key {key:?}"));
                match keys(manifest, pointer, key) {
                    Some(help) => problems.add_with_help(at, message, help),
                    None => problems.add(at, message),
                }
            }
        }
        // A schema without properties that allows no others says so of each value.
        ValidationErrorKind::FalseSchema => {
            let key = pointer.rsplit('/').next().filter(|key| !key.is_empty());
            let message = key
                .map_or_else(|| "nothing is allowed here".into(), |key| format!("there is no key {key:?}"));
            let at = format!("{at}{pointer}");
            match keys(manifest, "", key.unwrap_or_default()) {
                Some(help) => problems.add_with_help(at, message, help),
                None => problems.add(at, message),
            }
        }
        ValidationErrorKind::Required { property } => {
            problems.add(format!("{at}{pointer}"), format!("the key {property} is missing"));
        }
        _ => problems.add(format!("{at}{pointer}"), capped(error.to_string(), MESSAGE_BYTES)),
    }
}

/// The keys that the plugin knows, for a key of the config itself.
fn keys(manifest: &Manifest, pointer: &str, key: &str) -> Option<String> {
    let properties = manifest.config_schema.get("properties").filter(|_| pointer.is_empty())?.as_object()?;
    if properties.is_empty() {
        return Some(format!("the plugin {:?} has no settings", manifest.name));
    }
    let names = properties.keys().map(String::as_str);
    let all: Vec<_> = names.clone().collect();
    let guess = nearest(key, names).map(|nearest| format!("did you mean {nearest:?}? ")).unwrap_or_default();
    Some(format!("{guess}the plugin {:?} knows: {}", manifest.name, all.join(", ")))
}
