#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_split::Split;
//! use stepmill_sdk::testing;
//!
//! let groups = testing::transform::<Split>(r#"{"by": "/w"}"#, r#"[{"w": "A"}, {"w": "B"}, {"w": "A"}]"#).unwrap();
//! let json = r#"[{"key":"A","items":[{"w": "A"},{"w": "A"}]},{"key":"B","items":[{"w": "B"}]}]"#;
//! assert_eq!(groups.text().unwrap(), json);
//! ```

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::raw::{self, RawValue};
use stepmill_sdk::{Context, Document, Failure, Transform};

/// Names of a group's own members.
const RESERVED: [&str; 3] = ["key", "part", "items"];

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// JSON pointer of the list in the input; the whole input by default.
    #[serde(default)]
    pub items: String,
    /// JSON pointer of the key in each item.
    pub by: Option<String>,
    /// The most items of a group or batch.
    pub size: Option<NonZeroUsize>,
    /// What an item without a key is.
    #[serde(default)]
    pub missing: Missing,
    /// More members of each group: their names, and JSON pointers into the input.
    #[serde(default)]
    pub carry: BTreeMap<String, String>,
}

/// What an item without a key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// A rejection.
    #[default]
    Reject,
    /// One of the group whose key is null.
    Null,
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Split {
    config: Config,
}

impl Transform for Split {
    const NAME: &'static str = "split";
    const SUMMARY: &'static str = "Cuts a list into groups by a key, or into batches.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        if config.by.is_none() && config.size.is_none() {
            let message = "give `by` for groups, `size` for batches, or both for groups in batches";
            return Err(Failure::reject("config", message));
        }
        if config.by.is_none() && !config.carry.is_empty() {
            return Err(Failure::reject("config", "`carry` needs `by`: a batch is an array without members"));
        }
        if let Some(name) = config.carry.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(Failure::reject(
                "config",
                format!("`carry` names `{name}`, which a group has already"),
            ));
        }
        Ok(Self { config })
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        let whole = raw::parse(&input)?;
        let pointer = &self.config.items;
        let items = raw::at(whole, pointer).and_then(raw::items).ok_or_else(|| {
            Failure::reject("split", format!("the input has no array at `{pointer}` (`items`)"))
        })?;
        let parts = match &self.config.by {
            None => self.batches(&items).map(array).collect(),
            Some(by) => {
                let carried = self.carried(whole)?;
                let groups = self.groups(&items, by)?;
                groups.iter().flat_map(|(key, items)| self.parts(key, items, &carried)).collect::<Vec<_>>()
            }
        };
        Ok(Document::from_json(format!("[{}]", parts.join(","))))
    }
}

impl Split {
    fn batches<'i, 'a>(
        &self,
        items: &'i [&'a RawValue],
    ) -> impl Iterator<Item = &'i [&'a RawValue]> + use<'i, 'a> {
        items.chunks(self.config.size.map_or(items.len().max(1), NonZeroUsize::get))
    }

    /// The members of `carry` as JSON, each with a comma after it.
    fn carried(&self, whole: &RawValue) -> Result<String, Failure> {
        let mut text = String::new();
        for (name, pointer) in &self.config.carry {
            let value = raw::at(whole, pointer).ok_or_else(|| {
                Failure::reject("split", format!("the input has nothing at `{pointer}` (`carry`)"))
            })?;
            text.push_str(&format!("{}:{},", serde_json::to_string(name)?, value.get()));
        }
        Ok(text)
    }

    /// Keys and their items, in the order in which keys first come.
    fn groups<'a>(
        &self,
        items: &[&'a RawValue],
        by: &str,
    ) -> Result<Vec<(String, Vec<&'a RawValue>)>, Failure> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut groups: Vec<(String, Vec<&RawValue>)> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let key = self.key(index, item, by)?;
            let place = *places.entry(key).or_insert_with_key(|key| {
                groups.push((key.clone(), Vec::new()));
                groups.len() - 1
            });
            if let Some((_, members)) = groups.get_mut(place) {
                members.push(item);
            }
        }
        Ok(groups)
    }

    /// The key as JSON that is the same for the same value, however it is escaped.
    fn key(&self, index: usize, item: &RawValue, by: &str) -> Result<String, Failure> {
        let found = raw::at(item, by).filter(|key| key.get() != "null");
        let wrong =
            |what: &str| Failure::reject("split", format!("item {index} has {what} at `{by}` (`by`)"));
        match found.map(raw::scalar) {
            Some(Some(raw::Scalar::Text(text))) => Ok(serde_json::to_string(&text)?),
            Some(Some(other)) => Ok(other.to_string()),
            Some(None) => Err(wrong("an array or object, which is no key,")),
            None if self.config.missing == Missing::Null => Ok("null".to_owned()),
            None => Err(wrong("no key")),
        }
    }

    /// A group, or as many as `size` makes of it.
    fn parts(&self, key: &str, items: &[&RawValue], carried: &str) -> Vec<String> {
        let numbered = self.batches(items).enumerate().map(|(index, items)| {
            let part =
                if self.config.size.is_some() { format!("\"part\":{},", index + 1) } else { String::new() };
            format!("{{\"key\":{key},{part}{carried}\"items\":{}}}", array(items))
        });
        numbered.collect()
    }
}

fn array(items: &[&RawValue]) -> String {
    let items: Vec<&str> = items.iter().map(|item| item.get()).collect();
    format!("[{}]", items.join(","))
}

stepmill_sdk::export_transform!(Split);

#[cfg(test)]
mod tests {
    //! The plugin through its own door.

    use serde_json::{Value, json};
    use stepmill_sdk::{Failure, testing};

    use super::Split;

    fn split(config: Value, input: &str) -> Result<String, Failure> {
        testing::transform::<Split>(&config.to_string(), input)
            .map(|output| output.text().unwrap().to_owned())
    }

    #[test]
    fn groups_and_their_items_keep_their_order_and_their_text() {
        let input = r#"{"id": 7, "lines": [{"w": "B", "p": 1.10}, {"w": "\u0041"}, {"w": "B"}, {"w": "A"}]}"#;
        let groups = r#"[{"key":"B","order":7,"items":[{"w": "B", "p": 1.10},{"w": "B"}]},{"key":"A","order":7,"items":[{"w": "\u0041"},{"w": "A"}]}]"#;
        let config = json!({"items": "/lines", "by": "/w", "carry": {"order": "/id"}});
        assert_eq!(split(config, input).unwrap(), groups);
        assert_eq!(split(json!({"by": "/w"}), "[]").unwrap(), "[]");
    }

    #[test]
    fn keys_of_different_kinds_are_different() {
        let groups =
            split(json!({"by": "/k"}), r#"[{"k":1},{"k":"1"},{"k":true},{"k":"true"},{"k":1}]"#).unwrap();
        let groups: Value = serde_json::from_str(&groups).unwrap();
        let keys: Vec<&Value> = groups.as_array().unwrap().iter().map(|group| &group["key"]).collect();
        assert_eq!(keys, [&json!(1), &json!("1"), &json!(true), &json!("true")]);
        assert_eq!(groups[0]["items"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn batches_have_at_most_so_many_items() {
        assert_eq!(split(json!({"size": 2}), "[1,2,3,4,5]").unwrap(), "[[1,2],[3,4],[5]]");
        assert_eq!(split(json!({"size": 9}), "[1]").unwrap(), "[[1]]");
        assert_eq!(split(json!({"size": 9}), "[]").unwrap(), "[]");
        let both = split(json!({"by": "/k", "size": 1}), r#"[{"k":1},{"k":1},{"k":2}]"#).unwrap();
        let numbered = r#"[{"key":1,"part":1,"items":[{"k":1}]},{"key":1,"part":2,"items":[{"k":1}]},{"key":2,"part":1,"items":[{"k":2}]}]"#;
        assert_eq!(both, numbered);
    }

    #[test]
    fn an_item_without_a_key_is_a_rejection_unless_it_may_be() {
        let input = r#"[{"k":1},{"k":null},{}]"#;
        let failure = split(json!({"by": "/k"}), input).unwrap_err();
        assert_eq!(failure, Failure::reject("split", "item 1 has no key at `/k` (`by`)"));
        let groups = split(json!({"by": "/k", "missing": "null"}), input).unwrap();
        assert_eq!(groups, r#"[{"key":1,"items":[{"k":1}]},{"key":null,"items":[{"k":null},{}]}]"#);
        assert!(
            split(json!({"by": "/k"}), r#"[{"k":[1]}]"#).unwrap_err().message().contains("array or object")
        );
        assert!(split(json!({"by": "/k"}), "{}").unwrap_err().message().contains("no array"));
        assert!(split(json!({"by": "/k", "carry": {"a": "/x"}}), "[]").is_err());
    }

    #[test]
    fn config_that_cannot_work_is_refused() {
        for config in [
            json!({}),
            json!({"size": 0}),
            json!({"size": 2, "carry": {"a": "/a"}}),
            json!({"by": "/k", "carry": {"items": "/a"}}),
        ] {
            assert_eq!(split(config.clone(), "[]").unwrap_err().code(), Some("config"), "{config}");
        }
    }
}
