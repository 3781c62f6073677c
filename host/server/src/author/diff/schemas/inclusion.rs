//! The proof that every value of one schema is a value of another: each thing that the second asks for has to follow
//! from what the first says. What is not proved may hold all the same.

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value};

use super::Inclusion;

/// How deep the proof goes. What is deeper counts as not proved.
const DEPTH: usize = 32;
/// How many pairs of schemas are looked at: alternatives in alternatives multiply.
const STEPS: u32 = 20_000;
const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
/// Keywords that say nothing of which values are valid.
const SILENT: [&str; 12] = [
    "$comment",
    "$defs",
    "$id",
    "$schema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "examples",
    "format",
    "readOnly",
    "title",
];
/// Keywords that the proof knows.
const KNOWN: [&str; 21] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "type",
];

impl Inclusion<'_> {
    /// The first thing that the proof fails at, as a sentence; none if it succeeds.
    pub(super) fn obstacle(&self) -> Option<String> {
        let proof = Proof { claim: self, assumed: RefCell::default(), steps: Cell::new(STEPS) };
        proof.within(self.of.1, self.within.1, "", DEPTH).err()
    }
}

struct Proof<'a> {
    claim: &'a Inclusion<'a>,
    /// Pairs that are being proved already, by where they are: in a circle of references they may be taken for granted.
    assumed: RefCell<Vec<(*const Value, *const Value)>>,
    /// How many pairs may still be looked at.
    steps: Cell<u32>,
}

type Proved = Result<(), String>;

impl Proof<'_> {
    fn within(&self, of: &Value, within: &Value, at: &str, depth: usize) -> Proved {
        // Beside a reference the SDKs write words only. What else stands there narrows, which is for the other side to say.
        let is_narrowed = |schema: &Map<String, Value>| {
            schema.contains_key("$ref") && schema.keys().any(|key| key != "$ref" && !is_silent(key))
        };
        if within.as_object().is_some_and(is_narrowed) {
            return Err(self.says(at, "has keywords beside `$ref`, which are not compared"));
        }
        let (of, within) = (follow(of, self.claim.of.1), follow(within, self.claim.within.1));
        if within.get("$ref").is_some() {
            return Err(self.says(at, "refers to another document, which is not compared"));
        }
        let pair = (std::ptr::from_ref(of), std::ptr::from_ref(within));
        if self.assumed.borrow().contains(&pair) {
            return Ok(());
        }
        let left = self.steps.get().checked_sub(1);
        let (Some(depth), Some(left)) = (depth.checked_sub(1), left) else {
            return Err(self.says(at, "is too large to be compared"));
        };
        self.steps.set(left);
        self.assumed.borrow_mut().push(pair);
        let proved = self.all(of, within, at, depth);
        self.assumed.borrow_mut().pop();
        proved
    }

    fn all(&self, of: &Value, within: &Value, at: &str, depth: usize) -> Proved {
        let within = match within {
            Value::Object(within) => within,
            Value::Bool(true) => return Ok(()),
            _ if of == &Value::Bool(false) => return Ok(()),
            _ => {
                return Err(self.says(at, &format!("may not be there by the {} schema", self.claim.within.0)));
            }
        };
        let nothing = Map::new();
        let said = match of {
            Value::Object(said) => said,
            Value::Bool(false) => return Ok(()),
            _ => &nothing,
        };
        // Each of several alternatives has to do, whatever is said beside them.
        if let Some(parts) = alternatives(said) {
            let each = parts
                .iter()
                .try_for_each(|part| self.within(part, &Value::Object(within.clone()), at, depth));
            // What stands beside may prove it where an alternative by itself does not.
            return each.or_else(|error| {
                if said.len() > 1 { self.each(said, within, at, depth) } else { Err(error) }
            });
        }
        if let Some(parts) = said.get("allOf").and_then(Value::as_array) {
            let whole = Value::Object(within.clone());
            if parts.iter().any(|part| self.within(part, &whole, at, depth).is_ok()) {
                return Ok(());
            }
        }
        self.each(said, within, at, depth)
    }

    /// Proves what `within` asks for, keyword by keyword.
    fn each(&self, said: &Map<String, Value>, within: &Map<String, Value>, at: &str, depth: usize) -> Proved {
        if let Some(values) = listed(said) {
            return self.each_value(&values, within, at);
        }
        for (keyword, asked) in within {
            let is_known = KNOWN.contains(&keyword.as_str()) || is_silent(keyword);
            // What refers to definitions may be written the same and mean another thing.
            let is_same = said.get(keyword) == Some(asked) && !asked.to_string().contains("\"$ref\"");
            if !is_known && !is_same {
                return Err(self.says(at, &format!("has another `{keyword}`, which is not compared")));
            }
        }
        self.types(said, within, at)?;
        self.bounds(said, within, at)?;
        self.object(said, within, at, depth)?;
        if let Some(items) = within.get("items").filter(|_| takes(said, "array")) {
            if said.get("prefixItems") != within.get("prefixItems") {
                return Err(self.says(at, "has another `prefixItems`, which is not compared"));
            }
            let anything = Value::Bool(true);
            let own = said.get("items").unwrap_or(&anything);
            self.within(own, items, &format!("{at}[]"), depth)?;
        }
        let whole = Value::Object(said.clone());
        for part in within.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.within(&whole, part, at, depth)?;
        }
        for keyword in ["anyOf", "oneOf"] {
            let Some(parts) = within.get(keyword).and_then(Value::as_array) else { continue };
            // Of `oneOf` too one is enough: the SDKs write alternatives that exclude each other.
            if !parts.iter().any(|part| self.within(&whole, part, at, depth).is_ok()) {
                let taker = self.claim.within.0;
                return Err(
                    self.says(at, &format!("is not shown to be one of the {taker} schema's alternatives"))
                );
            }
        }
        Ok(())
    }

    fn types(&self, said: &Map<String, Value>, within: &Map<String, Value>, at: &str) -> Proved {
        if listed(within).is_some() {
            let (of, within) = (self.claim.of.0, self.claim.within.0);
            return Err(self
                .says(at, &format!("may have other values by the {of} schema than the {within} one lists")));
        }
        for name in TYPES {
            // Every integer is a number.
            let is_taken = takes(within, name) || name == "integer" && takes(within, "number");
            if takes(said, name) && !is_taken {
                let (of, within) = (self.claim.of.0, self.claim.within.0);
                return Err(self.says(
                    at,
                    &format!("may be of type {name} by the {of} schema, and not by the {within} one"),
                ));
            }
        }
        Ok(())
    }

    /// Values that are listed need no proof: they are looked at one by one.
    fn each_value(&self, values: &[&Value], within: &Map<String, Value>, at: &str) -> Proved {
        let (of, taker) = (self.claim.of.0, self.claim.within.0);
        let mut whole = within.clone();
        if let Some(definitions) = self.claim.within.1.get("$defs") {
            whole.insert("$defs".into(), definitions.clone());
        }
        let validator = jsonschema::options()
            .build(&Value::Object(whole))
            .map_err(|error| self.says(at, &format!("has a schema that cannot be used: {error}")))?;
        match values.iter().find(|value| !validator.is_valid(value)) {
            Some(value) => {
                Err(self.says(at, &format!("may be {value} by the {of} schema, and not by the {taker} one")))
            }
            None => Ok(()),
        }
    }

    fn bounds(&self, said: &Map<String, Value>, within: &Map<String, Value>, at: &str) -> Proved {
        const LEAST: [(&str, &str); 5] = [
            ("minimum", "number"),
            ("exclusiveMinimum", "number"),
            ("minLength", "string"),
            ("minItems", "array"),
            ("minProperties", "object"),
        ];
        const MOST: [(&str, &str); 5] = [
            ("maximum", "number"),
            ("exclusiveMaximum", "number"),
            ("maxLength", "string"),
            ("maxItems", "array"),
            ("maxProperties", "object"),
        ];
        for (keywords, is_held) in
            [(LEAST, (|own, asked| own >= asked) as fn(f64, f64) -> bool), (MOST, |own, asked| own <= asked)]
        {
            for (keyword, of_type) in keywords {
                let Some(asked) = within.get(keyword).and_then(Value::as_f64) else { continue };
                let concerns = takes(said, of_type) || of_type == "number" && takes(said, "integer");
                let own = said.get(keyword).and_then(Value::as_f64);
                if concerns && !own.is_some_and(|own| is_held(own, asked)) {
                    let within = self.claim.within.0;
                    return Err(self.says(
                        at,
                        &format!("has `{keyword}` {asked} in the {within} schema, which is narrower"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn object(
        &self,
        said: &Map<String, Value>,
        within: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Proved {
        if !takes(said, "object") {
            return Ok(());
        }
        let key_at = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let required = texts(said, "required");
        if let Some(name) = texts(within, "required").into_iter().find(|name| !required.contains(name)) {
            let (of, within) = (self.claim.of.0, self.claim.within.0);
            return Err(self.says(
                &key_at(name),
                &format!("is required by the {within} schema, and not by the {of} one"),
            ));
        }
        let anything = Value::Bool(true);
        let (own, asked) = (properties(said), properties(within));
        // What a key is that a schema does not name.
        let own_others = match said.get("additionalProperties") {
            // But where the others have a schema, the keys are data.
            others if self.claim.is_written && !others.is_some_and(Value::is_object) => None,
            // By a pattern a key may be anything.
            _ if said.contains_key("patternProperties") => Some(&anything),
            others => Some(others.unwrap_or(&anything)),
        };
        let asked_others = within.get("additionalProperties").unwrap_or(&anything);
        for (name, asked) in asked {
            if let Some(own) = own.iter().find(|(own, _)| *own == name).map(|(_, own)| *own).or(own_others) {
                self.within(own, asked, &key_at(name), depth)?;
            }
        }
        for (name, own) in &own {
            if !properties(within).iter().any(|(asked, _)| asked == name) {
                self.within(own, asked_others, &key_at(name), depth)?;
            }
        }
        match own_others {
            Some(own_others) => self.within(own_others, asked_others, &key_at("*"), depth),
            None => Ok(()),
        }
    }

    fn says(&self, at: &str, what: &str) -> String {
        if at.is_empty() { format!("the value {what}") } else { format!("`{at}` {what}") }
    }
}

/// Whether a keyword says nothing of which values are valid.
fn is_silent(keyword: &str) -> bool {
    SILENT.contains(&keyword) || keyword.starts_with("x-")
}

/// A schema, or what it refers to.
pub(super) fn follow<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEPTH {
        // What stands beside a reference are words, as the SDKs write it.
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        match target.and_then(|pointer| root.pointer(pointer)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn alternatives(schema: &Map<String, Value>) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array)
}

fn texts<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Vec<&'a str> {
    let list = schema.get(keyword).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn properties(schema: &Map<String, Value>) -> Vec<(&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().collect()
}

/// The only values that a schema takes, if it lists them.
fn listed(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match schema.get("const") {
        Some(value) => Some(vec![value]),
        None => Some(schema.get("enum")?.as_array()?.iter().collect()),
    }
}

/// Whether the keyword `type` takes a type.
fn takes(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|taken| taken == name),
        _ => true,
    }
}
