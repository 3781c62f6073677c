//! Values of a schema that may show that they are none of another: the least that it takes, each of its keys in turn, and
//! numbers at the edges of either.

use serde_json::{Map, Value, json};

use super::inclusion::follow;

/// Most values of one schema.
const MOST: usize = 400;
/// How deep keys and items are filled.
const DEPTH: usize = 6;

/// Candidates: neither schema's validation has seen them yet.
pub(super) fn of(schema: &Value, other: &Value, is_written: bool) -> Vec<Value> {
    Sampler { root: schema, other_root: other, is_written }.samples(schema, Some(other), DEPTH)
}

struct Sampler<'a> {
    root: &'a Value,
    other_root: &'a Value,
    is_written: bool,
}

impl<'a> Sampler<'a> {
    fn samples(&self, schema: &'a Value, other: Option<&'a Value>, depth: usize) -> Vec<Value> {
        let schema = follow(schema, self.root);
        let other = other.map(|other| follow(other, self.other_root));
        let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
        let mut found: Vec<Value> =
            ["const", "default"].iter().filter_map(|key| schema.get(key)).cloned().collect();
        for list in ["enum", "examples"] {
            found.extend(schema.get(list).and_then(Value::as_array).into_iter().flatten().cloned());
        }
        for list in ["anyOf", "oneOf", "allOf"] {
            for part in schema.get(list).and_then(Value::as_array).into_iter().flatten() {
                found.extend(self.samples(part, other, depth));
            }
        }
        found.extend([
            json!("a"),
            json!(0),
            json!(0.5),
            json!(true),
            Value::Null,
            json!(""),
            json!(-1),
            json!(1_000_000),
        ]);
        found.push(json!("a".repeat(300)));
        for key in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            for edge in
                [Some(schema), other].into_iter().flatten().filter_map(|schema| schema.get(key)?.as_i64())
            {
                found.extend([edge.saturating_sub(1), edge, edge.saturating_add(1)].map(Value::from));
            }
        }
        found.push(json!([]));
        if let Some(items) = schema.get("items") {
            let items = self.samples(items, other.and_then(|other| other.get("items")), depth);
            found.extend(items.into_iter().map(|item| json!([item])));
        }
        found.extend(self.objects(schema, other, depth));
        found.truncate(MOST);
        found
    }

    /// The object with what is required alone, and with each other key.
    fn objects(&self, schema: &'a Value, other: Option<&'a Value>, depth: usize) -> Vec<Value> {
        let properties = |schema: &'a Value| schema.get("properties").and_then(Value::as_object);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut least = Map::new();
        let own: Vec<(&String, Vec<Value>)> = properties(schema)
            .into_iter()
            .flatten()
            .map(|(name, property)| {
                let other = other.and_then(properties).and_then(|others| others.get(name));
                let mut values = self.samples(property, other, depth);
                self.keep_valid(property, &mut values);
                (name, values)
            })
            .collect();
        for (name, values) in own.iter().filter(|(name, _)| required.contains(&name.as_str())) {
            if let Some(value) = values.first() {
                least.insert((*name).clone(), value.clone());
            }
        }
        let with = |name: &str, value: Value| {
            let mut object = least.clone();
            object.insert(name.to_owned(), value);
            Value::Object(object)
        };
        let mut found = vec![Value::Object(least.clone())];
        for (name, values) in &own {
            found.extend(values.iter().map(|value| with(name, value.clone())));
        }
        if let Some(others) = schema.get("additionalProperties").filter(|others| others.is_object()) {
            found.extend(self.samples(others, None, depth).into_iter().map(|value| with("other", value)));
        }
        if !self.is_written {
            let unnamed = other
                .and_then(properties)
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .chain(["other"]);
            for name in unnamed.filter(|name| !own.iter().any(|(own, _)| own == name)) {
                found.extend([json!(0), json!("a"), Value::Null].map(|value| with(name, value)));
            }
        }
        found
    }

    /// Keeps the values of a part of the schema, which may refer to other parts.
    fn keep_valid(&self, part: &Value, values: &mut Vec<Value>) {
        let mut whole = part.clone();
        if let (Some(whole), Some(definitions)) = (whole.as_object_mut(), self.root.get("$defs")) {
            whole.insert("$defs".into(), definitions.clone());
        }
        match jsonschema::options().build(&whole) {
            Ok(validator) => values.retain(|value| validator.is_valid(value)),
            Err(_) => values.clear(),
        }
    }
}
