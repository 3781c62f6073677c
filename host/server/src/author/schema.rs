//! What a JSON Schema says to people: its keys, and a value by way of example.
//!
//! Not a validator: of what a schema can say, this reads what SDKs write.

use serde_json::{Map, Value};

/// How deep keys are followed: what is nested deeper is for the schema itself to say.
const DEPTH: usize = 6;
/// A text that stands for what only the author of a workflow knows.
const BLANK: &str = "…";
/// Marks a key whose value a workflow may give as the path of a file (see `wit/types.wit`).
const FILE: &str = "x-stepmill-file";

/// A key of the values that a schema describes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Key {
    /// Where it is: `lines[].sku`, `headers.*`.
    pub(super) path: String,
    /// The types or values that it may have.
    pub(super) types: Vec<String>,
    /// Whether there is no value without it.
    pub(super) is_required: bool,
    /// What it is if it is left out.
    pub(super) default: Option<Value>,
    /// What it means.
    pub(super) description: String,
}

/// All keys, each after the one that it is in.
pub(super) fn keys(schema: &Value) -> Vec<Key> {
    let mut found = Vec::new();
    Reader { root: schema }.keys_of(schema, "", DEPTH, &mut found);
    found
}

/// The types or values of what the schema describes as a whole.
pub(super) fn types(schema: &Value) -> Vec<String> {
    Reader { root: schema }.types(schema, DEPTH)
}

/// A value by way of example: what is required, or else what has a default to change.
pub(super) fn example(schema: &Value) -> Value {
    Reader { root: schema }.example(schema, DEPTH)
}

/// Reads the parts of a schema.
#[derive(Clone, Copy)]
struct Reader<'a> {
    root: &'a Value,
}

impl<'a> Reader<'a> {
    /// Follows a reference into the schema itself. What stands beside `$ref` is read where it is, not here.
    fn resolved(self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        // Bounded, since references may go round in a circle.
        for _ in 0..DEPTH {
            let target =
                schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
            match target.and_then(|pointer| self.root.pointer(pointer)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// The schemas that a value has to meet one or all of.
    fn parts(self, schema: &'a Value) -> impl Iterator<Item = &'a Value> {
        let lists = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
        lists.flatten()
    }

    fn keys_of(self, schema: &'a Value, at: &str, depth: usize, found: &mut Vec<Key>) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let schema = self.resolved(schema);
        let required = self.required(schema, depth);
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (name, property) in properties {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            self.add(property, path, required.contains(&name.as_str()), depth, found);
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            let path = if at.is_empty() { "*".to_owned() } else { format!("{at}.*") };
            self.add(values, path, false, depth, found);
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            self.keys_of(items, &format!("{at}[]"), depth, found);
        }
        for part in self.parts(schema) {
            let own = found.len();
            self.keys_of(part, at, depth, found);
            // What only one of several alternatives has need not be there.
            let at = if at.is_empty() { String::new() } else { format!("{at}.") };
            for key in found.iter_mut().skip(own) {
                let name = key.path.strip_prefix(&at).unwrap_or_default();
                key.is_required &= name.contains(['.', '[']) || required.contains(&name);
            }
        }
    }

    /// The keys that each value has: those of all alternatives, where there are some.
    fn required(self, schema: &'a Value, depth: usize) -> Vec<&'a str> {
        let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
        let schema = self.resolved(schema);
        let mut names: Vec<&str> = texts(schema.get("required")).collect();
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            names.extend(self.required(part, depth));
        }
        for list in ["oneOf", "anyOf"] {
            let parts = schema.get(list).and_then(Value::as_array).into_iter().flatten();
            let mut each = parts.filter(|part| !is_null(part)).map(|part| self.required(part, depth));
            if let Some(first) = each.next() {
                let others: Vec<Vec<&str>> = each.collect();
                names
                    .extend(first.into_iter().filter(|name| others.iter().all(|other| other.contains(name))));
            }
        }
        names
    }

    /// Adds a key and those in it; alternatives of one key become one.
    fn add(self, schema: &'a Value, path: String, is_required: bool, depth: usize, found: &mut Vec<Key>) {
        let target = self.resolved(schema);
        let said = |key| schema.get(key).or_else(|| target.get(key));
        let description = said("description").and_then(Value::as_str).unwrap_or_default();
        let description = description.split_whitespace().collect::<Vec<_>>().join(" ");
        let types = self.types(schema, depth);
        let default = said("default").filter(|value| !value.is_null()).cloned();
        match found.iter_mut().find(|key| key.path == path) {
            Some(key) => {
                key.types.extend(types);
                key.types = distinct(std::mem::take(&mut key.types));
                key.is_required &= is_required;
            }
            None => found.push(Key { path: path.clone(), types, is_required, default, description }),
        }
        self.keys_of(schema, &path, depth, found);
    }

    fn types(self, schema: &'a Value, depth: usize) -> Vec<String> {
        let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
        let schema = self.resolved(schema);
        if let Some(value) = schema.get("const") {
            return vec![format!("`{value}`")];
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values.iter().map(|value| format!("`{value}`")).collect();
        }
        let named = match schema.get("type") {
            Some(Value::String(name)) => vec![name.as_str()],
            names => texts(names).collect(),
        };
        let own = named.into_iter().filter(|name| *name != "null").map(|name| match name {
            "array" => {
                let items = schema.get("items").map(|items| self.types(items, depth)).unwrap_or_default();
                if items.is_empty() { "list".to_owned() } else { format!("list of {}", items.join(" or ")) }
            }
            name => format!("{name}{}", bounds(schema)),
        });
        let file = schema.get(FILE).and_then(Value::as_bool).unwrap_or_default();
        let own: Vec<String> = own.chain(file.then(|| "path of a file with it".to_owned())).collect();
        if own.is_empty() {
            return distinct(self.parts(schema).flat_map(|part| self.types(part, depth)).collect());
        }
        own
    }

    fn example(self, schema: &'a Value, depth: usize) -> Value {
        let target = self.resolved(schema);
        let Some(depth) = depth.checked_sub(1) else { return Value::from(BLANK) };
        let first = |key: &str| target.get(key).and_then(Value::as_array).and_then(|values| values.first());
        let given = [first("examples"), target.get("const"), first("enum")].into_iter().flatten().next();
        if let Some(value) = given {
            return value.clone();
        }
        if target.get(FILE).and_then(Value::as_bool).unwrap_or_default() {
            return Value::from("path/to/file.json");
        }
        let default = schema.get("default").or_else(|| target.get("default"));
        if let Some(value) = default.filter(|value| !value.is_null()) {
            return value.clone();
        }
        let named = match target.get("type") {
            Some(Value::String(name)) => Some(name.as_str()),
            names => texts(names).find(|name| *name != "null"),
        };
        match named {
            Some("object") => Value::Object(self.example_object(target, depth)),
            Some("array") => Value::Array(Vec::new()),
            Some("integer" | "number") => target.get("minimum").cloned().unwrap_or_else(|| Value::from(1)),
            Some("boolean") => Value::from(true),
            Some(_) => Value::from(BLANK),
            None => match self.parts(target).next() {
                Some(part) => self.example(part, depth),
                None => Value::from(BLANK),
            },
        }
    }

    fn example_object(self, schema: &'a Value, depth: usize) -> Map<String, Value> {
        let required: Vec<&str> = texts(schema.get("required")).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let is_shown = |(name, property): &(&String, &Value)| {
            if required.is_empty() {
                property.get("default").is_some_and(|value| !value.is_null())
            } else {
                required.contains(&name.as_str())
            }
        };
        let shown = properties.into_iter().flatten().filter(is_shown);
        shown.map(|(name, property)| (name.clone(), self.example(property, depth))).collect()
    }
}

/// The strings of an array.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Whether a schema takes nothing but null, as an alternative that says that there may be nothing.
fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|name| name == "null")
}

/// What is said of the size of a number.
fn bounds(schema: &Value) -> String {
    let said = [
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
    ];
    let said = said.into_iter().filter_map(|(key, words)| Some(format!("{words} {}", schema.get(key)?)));
    let said: Vec<String> = said.collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

fn distinct(values: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}
