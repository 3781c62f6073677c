//! Holds a document against the JSON Schema of its type, for the mistakes that people make most: keys
//! that do not exist or are missing, and secrets written where one is named. serde stops at the first of them and loses their
//! place inside tagged enums; this finds all of them with their pointers. What else may be wrong with a
//! value is serde's to say.

use serde_json::{Map, Value};
use stepmill_core::nearest::nearest;
use stepmill_core::secret::{InvalidSecretRef, SecretRef};
use stepmill_core::signature::PublicKey;

use super::position;

/// Schemas nest no deeper than this; a guard against a type that contains itself.
const MAX_DEPTH: usize = 64;

/// One thing that is not as the schema says.
#[derive(Debug)]
pub(super) enum Misshape {
    /// A key that does not exist.
    Unknown {
        /// Pointer of the key.
        pointer: String,
        /// The key.
        key: String,
        /// The keys that exist there.
        allowed: Vec<String>,
    },
    /// A key that must be there and is not.
    Missing {
        /// Pointer of the mapping that lacks it.
        pointer: String,
        /// The key.
        key: String,
        /// What it is, as the schema says.
        meaning: Option<String>,
    },
    /// A single value in place of a mapping that says by one of its keys what it is.
    Bare {
        /// Pointer of the value.
        pointer: String,
        /// The key.
        tag: String,
        /// What the key may say.
        choices: Vec<String>,
        /// The value, if it is one of the choices.
        meant: Option<String>,
    },
    /// Something in place of a secret's reference.
    NoSecret {
        /// Pointer of the value.
        pointer: String,
        /// What is wrong; without the value, which may be the secret.
        problem: InvalidSecretRef,
    },
}

/// Everything about keys that is wrong with `value`.
pub(super) fn misshapes(schema: &Value, value: &Value) -> Vec<Misshape> {
    let mut walk = Walk { root: schema, found: Vec::new(), pointer: String::new() };
    walk.node(schema, value, 0);
    walk.found
}

/// Whether a text of this type names a secret as it should; none if it is no type of secrets.
fn named(definition: &str, text: &str) -> Option<Result<(), InvalidSecretRef>> {
    match definition.rsplit('/').next()? {
        "SecretRef" => Some(text.parse::<SecretRef>().map(|_| ())),
        "PublicKey" => Some(text.parse::<PublicKey>().map(|_| ())),
        _ => None,
    }
}

struct Walk<'a> {
    root: &'a Value,
    found: Vec<Misshape>,
    pointer: String,
}

impl<'a> Walk<'a> {
    fn node(&mut self, schema: &'a Value, value: &Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        if let Some(definition) = schema.get("$ref").and_then(Value::as_str) {
            if let Some(named) = value.as_str().and_then(|text| named(definition, text)) {
                if let Err(problem) = named {
                    self.found.push(Misshape::NoSecret { pointer: self.pointer.clone(), problem });
                }
            } else if let Some(schema) =
                definition.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer))
            {
                self.node(schema, value, depth + 1);
            }
            return;
        }
        for combination in ["anyOf", "oneOf"] {
            if let Some(variants) = schema.get(combination).and_then(Value::as_array) {
                if let Some(variant) = self.variant(variants, value) {
                    self.node(variant, value, depth + 1);
                } else if let Some((tag, choices)) = tagged(variants).filter(|_| !is_compound(value)) {
                    let meant = value.as_str().filter(|text| choices.iter().any(|choice| choice == text));
                    let (pointer, meant) = (self.pointer.clone(), meant.map(str::to_owned));
                    self.found.push(Misshape::Bare { pointer, tag, choices, meant });
                }
                return;
            }
        }
        match value {
            Value::Object(object) => self.object(schema, object, depth),
            Value::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    for (at, item) in items.iter().enumerate() {
                        self.below(&at.to_string(), schema, item, depth);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, schema: &'a Value, object: &Map<String, Value>, depth: usize) {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let rest = schema.get("additionalProperties");
        let mut misspelt = Vec::new();
        for (key, value) in object {
            if let Some(schema) = properties.and_then(|properties| properties.get(key)) {
                self.below(key, schema, value, depth);
            } else if rest == Some(&Value::Bool(false)) {
                let length = self.pointer.len();
                position::push_token(&mut self.pointer, key);
                let allowed: Vec<_> = properties.unwrap_or(&none).keys().cloned().collect();
                misspelt.extend(nearest(key, allowed.iter().map(String::as_str)).map(str::to_owned));
                self.found.push(Misshape::Unknown {
                    pointer: self.pointer.clone(),
                    key: key.clone(),
                    allowed,
                });
                self.pointer.truncate(length);
            } else if let Some(schema) = rest {
                self.below(key, schema, value, depth);
            }
        }
        for key in
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !object.contains_key(key) && misspelt.iter().all(|meant| meant != key) {
                let meaning = properties
                    .and_then(|properties| properties.get(key)?.get("description")?.as_str())
                    .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
                self.found.push(Misshape::Missing {
                    pointer: self.pointer.clone(),
                    key: key.into(),
                    meaning,
                });
            }
        }
    }

    fn below(&mut self, token: &str, schema: &'a Value, value: &Value, depth: usize) {
        let length = self.pointer.len();
        position::push_token(&mut self.pointer, token);
        self.node(schema, value, depth + 1);
        self.pointer.truncate(length);
    }

    /// The variant that the value can only mean; none if that is not certain.
    fn variant(&self, variants: &'a [Value], value: &Value) -> Option<&'a Value> {
        let mut others = variants.iter().filter(|variant| variant.get("type") != Some(&Value::from("null")));
        if let (Some(only), None, false) = (others.next(), others.next(), value.is_null()) {
            return Some(only);
        }
        let mut meant = variants.iter().filter(|variant| self.is_meant(variant, value));
        meant.next().filter(|_| meant.next().is_none())
    }

    fn is_meant(&self, variant: &Value, value: &Value) -> bool {
        let pointed = variant.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        let variant = pointed.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(variant);
        let Some(object) = value.as_object() else {
            // A list beside another kind of value is meant by being one; of single values nothing is looked at.
            return value.is_array() && variant.get("type") == Some(&Value::from("array"));
        };
        let Some(properties) = variant.get("properties").and_then(Value::as_object) else { return false };
        let constants: Vec<_> =
            properties.iter().filter_map(|(key, schema)| Some((key, schema.get("const")?))).collect();
        if !constants.is_empty() {
            // A tagged variant is meant by its tag.
            return constants.iter().all(|(key, constant)| object.get(*key) == Some(constant));
        }
        let required: Vec<_> = variant
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        match required.as_slice() {
            // A variant named by its only key.
            [key] if properties.len() == 1 => object.contains_key(*key),
            // A plain struct beside null.
            _ => true,
        }
    }
}

fn is_compound(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// The key that tells the variants apart, and what it may say; none if it takes more than one.
fn tagged(variants: &[Value]) -> Option<(String, Vec<String>)> {
    let mut found: Option<(String, Vec<String>)> = None;
    for variant in variants {
        let mut constants = variant
            .get("properties")?
            .as_object()?
            .iter()
            .filter_map(|(key, schema)| Some((key, schema.get("const")?.as_str()?.to_owned())));
        let (key, says) = constants.next()?;
        let (tag, choices) = found.get_or_insert_with(|| (key.clone(), Vec::new()));
        if tag != key || constants.next().is_some() {
            return None;
        }
        choices.push(says);
    }
    found
}
