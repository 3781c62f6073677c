#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_xml::Xml;
//! use stepmill_sdk::{Body, Document, testing};
//!
//! let xml = r#"<order id="7"><line>X</line></order>"#;
//! let input = Document { media_type: "application/xml".into(), body: Body::Text(xml.into()) };
//! let order = testing::transform::<Xml>(r#"{"to": "json", "lists": ["line"]}"#, input).unwrap();
//! assert_eq!(order.text().unwrap(), r#"{"order":{"@id":"7","line":["X"]}}"#);
//! let back = testing::transform::<Xml>(r#"{"to": "xml", "declaration": false}"#, order).unwrap();
//! assert_eq!(back.text().unwrap(), xml);
//! ```
//!
//! Start reading at [`Config`].

mod read;
mod write;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Body, Context, Document, Failure, Transform};

/// How deep a document may be whatever the config says: each element is at most two levels of JSON, which
/// `serde_json` and others read to a depth of 127.
const DEEPEST: u32 = 63;

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the step makes of its input: `json` of XML, or `xml` of JSON.
    pub to: To,
    /// Reading: names of elements that are lists even if there is only one, with their prefix.
    #[serde(default)]
    pub lists: BTreeSet<String>,
    /// Reading: whether spaces around text are dropped.
    #[serde(default = "yes")]
    pub trim: bool,
    /// How deep elements may lie within each other, at most 63.
    #[serde(default = "deepest")]
    #[schemars(range(min = 1, max = 63))]
    pub max_depth: u32,
    /// Reading: how many elements there may be.
    #[serde(default = "many")]
    pub max_elements: u32,
    /// Writing: whether the text begins with `<?xml version="1.0" encoding="UTF-8"?>`.
    #[serde(default = "yes")]
    pub declaration: bool,
    /// Writing: by how many spaces the elements in an element are set off, each in a line of its own; 0 writes all in
    /// one line.
    #[serde(default)]
    #[schemars(range(max = 16))]
    pub indent: u8,
    /// Writing: media type of the output.
    #[serde(default = "application_xml")]
    pub media_type: String,
}

/// What the step makes of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum To {
    /// JSON of XML.
    Json,
    /// XML of JSON.
    Xml,
}

fn yes() -> bool {
    true
}

fn deepest() -> u32 {
    DEEPEST
}

fn many() -> u32 {
    200_000
}

fn application_xml() -> String {
    "application/xml; charset=utf-8".to_owned()
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Xml {
    config: Config,
}

impl Transform for Xml {
    const NAME: &'static str = "xml";
    const SUMMARY: &'static str = "Reads XML as JSON, and writes JSON as XML.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        if config.max_depth == 0 || config.max_depth > DEEPEST {
            let message = format!("`max_depth` is {}: give 1 to {DEEPEST}", config.max_depth);
            return Err(Failure::reject("config", message));
        }
        if config.indent > 16 {
            return Err(Failure::reject("config", format!("`indent` is {}: give 0 to 16", config.indent)));
        }
        Ok(Self { config })
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        match self.config.to {
            To::Json => Ok(Document::from_json(read::read(&self.config, &input)?)),
            To::Xml => {
                let text = write::write(&self.config, &input)?;
                Ok(Document { media_type: self.config.media_type.clone(), body: Body::Text(text) })
            }
        }
    }
}

stepmill_sdk::export_transform!(Xml);

#[cfg(test)]
mod tests;
