#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_aggregate::Aggregate;
//! use stepmill_sdk::testing;
//!
//! let config = r#"{"fields": {"total": {"sum": "/amount"}}}"#;
//! let total = testing::transform::<Aggregate>(config, r#"[{"amount": 0.10}, {"amount": 0.20}]"#).unwrap();
//! assert_eq!(total.text().unwrap(), r#"{"total":0.30}"#);
//! ```
//!
//! Start reading at [`Config`]; `fold` gathers the values of a field.

mod fold;

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::raw::{self, RawValue, Scalar};
use stepmill_sdk::{Context, Document, Failure, Transform};

use crate::fold::Fold;

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// JSON pointer of the list in the input; the whole input by default.
    #[serde(default)]
    pub items: String,
    /// What items have in common that belong together: names of the output's members, and JSON pointers in each item.
    #[serde(default)]
    pub by: BTreeMap<String, String>,
    /// What is gathered: names of the output's members, and how.
    pub fields: BTreeMap<String, Field>,
}

/// How the values at a JSON pointer of each item become one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Field {
    /// How many there are.
    Count(String),
    /// Their sum.
    Sum(String),
    /// The least.
    Min(String),
    /// The greatest.
    Max(String),
    /// The first.
    First(String),
    /// The last.
    Last(String),
    /// All of them as an array.
    List(String),
    /// All of them as an array, each once.
    Distinct(String),
    /// All of them as one text.
    Join(Join),
}

/// How values become one text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// JSON pointer in each item.
    pub of: String,
    /// What stands between two values.
    #[serde(default = "comma")]
    pub separator: String,
}

fn comma() -> String {
    ", ".to_owned()
}

impl Field {
    fn pointer(&self) -> &str {
        match self {
            Self::Count(of)
            | Self::Sum(of)
            | Self::Min(of)
            | Self::Max(of)
            | Self::First(of)
            | Self::Last(of)
            | Self::List(of)
            | Self::Distinct(of)
            | Self::Join(Join { of, .. }) => of,
        }
    }
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Aggregate {
    config: Config,
}

impl Transform for Aggregate {
    const NAME: &'static str = "aggregate";
    const SUMMARY: &'static str = "Sums up a list, as a whole or by key.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        if config.fields.is_empty() && config.by.is_empty() {
            let message = "there is nothing to gather: give `fields`, such as `total: { sum: /amount }`";
            return Err(Failure::reject("config", message));
        }
        if let Some(twice) = config.by.keys().find(|name| config.fields.contains_key(*name)) {
            return Err(Failure::reject("config", format!("`{twice}` stands in `by` and in `fields`")));
        }
        let pointers =
            config.by.values().map(String::as_str).chain(config.fields.values().map(Field::pointer));
        for pointer in pointers {
            if !pointer.is_empty() && !pointer.starts_with('/') {
                let message =
                    format!("`{pointer}` is no JSON pointer: begin it with a slash, as in `/amount`");
                return Err(Failure::reject("config", message));
            }
        }
        Ok(Self { config })
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        let pointer = &self.config.items;
        let items = raw::at(raw::parse(&input)?, pointer).and_then(raw::items).ok_or_else(|| {
            Failure::reject("aggregate", format!("the input has no array at `{pointer}` (`items`)"))
        })?;
        if self.config.by.is_empty() {
            let mut group = self.group(String::new());
            for (index, item) in items.iter().enumerate() {
                group.take(index, item)?;
            }
            return Ok(Document::from_json(group.into_json()?));
        }
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let key = self.key(index, item)?;
            let place = *places.entry(key).or_insert_with_key(|key| {
                groups.push(self.group(key.clone()));
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(place) {
                group.take(index, item)?;
            }
        }
        let groups: Result<Vec<String>, Failure> = groups.into_iter().map(Group::into_json).collect();
        Ok(Document::from_json(format!("[{}]", groups?.join(","))))
    }
}

/// What is gathered of the items with one key.
struct Group<'a> {
    /// The members of `by` as JSON.
    key: String,
    folds: Vec<(&'a str, &'a Field, Fold)>,
}

impl Aggregate {
    fn group(&self, key: String) -> Group<'_> {
        let folds = self.config.fields.iter();
        Group { key, folds: folds.map(|(name, field)| (name.as_str(), field, Fold::new(field))).collect() }
    }

    /// The members of `by` as JSON, the same for the same values.
    fn key(&self, index: usize, item: &RawValue) -> Result<String, Failure> {
        let mut members = Vec::new();
        for (name, pointer) in &self.config.by {
            let value = match raw::at(item, pointer).map(raw::scalar) {
                None => "null".to_owned(),
                Some(Some(Scalar::Text(text))) => serde_json::to_string(&text)?,
                Some(Some(Scalar::Null)) => "null".to_owned(),
                Some(Some(other)) => other.to_string(),
                Some(None) => {
                    let message =
                        format!("item {index} has an array or object, which is no key, at `{pointer}`");
                    return Err(Failure::reject("aggregate", message));
                }
            };
            members.push(format!("{}:{value}", serde_json::to_string(name)?));
        }
        Ok(members.join(","))
    }
}

impl Group<'_> {
    fn take(&mut self, index: usize, item: &RawValue) -> Result<(), Failure> {
        for (name, field, fold) in &mut self.folds {
            let pointer = field.pointer();
            let Some(value) = raw::at(item, pointer).filter(|value| value.get() != "null") else { continue };
            fold.take(value).map_err(|wrong| {
                let message = format!("item {index}, `{pointer}` for `{name}`: {wrong}");
                Failure::reject("aggregate", message)
            })?;
        }
        Ok(())
    }

    fn into_json(self) -> Result<String, Failure> {
        let mut members = if self.key.is_empty() { Vec::new() } else { vec![self.key] };
        for (name, _, fold) in self.folds {
            members.push(format!("{}:{}", serde_json::to_string(name)?, fold.into_json()?));
        }
        Ok(format!("{{{}}}", members.join(",")))
    }
}

stepmill_sdk::export_transform!(Aggregate);

#[cfg(test)]
mod tests;
