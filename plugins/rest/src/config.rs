//! The step's `with:`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use stepmill_sdk::config::{self, Scalar};

use crate::status::Statuses;

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// HTTP method. `GET` by default, or `POST` if there is a `body`.
    pub method: Option<String>,
    /// Path at the step's system, such as `/orders`, or an absolute URL.
    pub path: String,
    /// Query parameters: a value, a list of them for a parameter that repeats, or null for none.
    #[serde(default)]
    pub query: BTreeMap<String, Option<QueryValue>>,
    /// Request headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Scalar>,
    /// What to send: `input` is the step's input as it is (the default for POST, PUT and PATCH), null is
    /// nothing, anything else is sent as JSON.
    #[serde(default, deserialize_with = "config::present")]
    #[schemars(schema_with = "config::any")]
    pub body: Option<Value>,
    /// Statuses that are a success: numbers, `2xx` or `200-204`. Any 2xx by default.
    pub expect: Option<Statuses>,
    /// Statuses that ask for another attempt. 408, 425, 429, 500, 502, 503 and 504 by default.
    pub retry_on: Option<Statuses>,
    /// What a 404 is: a rejection, or a success with the output null.
    #[serde(default, deserialize_with = "not_found")]
    #[schemars(schema_with = "not_found_schema")]
    pub not_found: NotFound,
    /// Header for the idempotency key, on requests other than GET, HEAD and OPTIONS; null leaves it out.
    #[serde(default = "idempotency_key")]
    pub idempotency_header: Option<String>,
    /// How to get at all pages of a list; without it one request is sent.
    pub pagination: Option<Pagination>,
    /// What the output is.
    #[serde(default)]
    pub output: Output,
}

/// The value of a query parameter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum QueryValue {
    /// One.
    One(Scalar),
    /// The parameter repeated.
    Many(Vec<Scalar>),
}

/// What a 404 is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotFound {
    /// A rejection, as other statuses are.
    #[default]
    Reject,
    /// A success with the output null.
    Null,
}

/// What the output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The response's body.
    #[default]
    Body,
    /// `{"status", "headers", "body"}`.
    Full,
}

/// How the pages of a list follow each other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Pagination {
    /// By the `Link` header with `rel="next"`.
    Link {
        /// JSON pointer of a page's items; the whole body by default.
        #[serde(default)]
        items: String,
        /// The most pages there may be.
        #[serde(default = "fifty")]
        max_pages: u32,
    },
    /// By a cursor, or the next page's URL, in the body.
    Cursor {
        /// JSON pointer of a page's items; the whole body by default.
        #[serde(default)]
        items: String,
        /// JSON pointer of the cursor. The last page has none, null or an empty one.
        cursor: String,
        /// Query parameter that takes the cursor. Without it the cursor is the next page's URL or path.
        param: Option<String>,
        /// The most pages there may be.
        #[serde(default = "fifty")]
        max_pages: u32,
    },
    /// By the number of the page.
    Page {
        /// JSON pointer of a page's items; the whole body by default.
        #[serde(default)]
        items: String,
        /// Query parameter that takes the number.
        #[serde(default = "page")]
        param: String,
        /// Number of the first page.
        #[serde(default = "one")]
        start: u64,
        /// Items on a full page; a page with fewer is the last one. Without it the first empty page is.
        size: Option<u64>,
        /// The most pages there may be.
        #[serde(default = "fifty")]
        max_pages: u32,
    },
    /// By the number of items before the page.
    Offset {
        /// JSON pointer of a page's items; the whole body by default.
        #[serde(default)]
        items: String,
        /// Query parameter that takes the number.
        #[serde(default = "offset")]
        param: String,
        /// Items on a full page; a page with fewer is the last one.
        limit: u64,
        /// Query parameter that takes `limit`.
        #[serde(default = "limit")]
        limit_param: String,
        /// The most pages there may be.
        #[serde(default = "fifty")]
        max_pages: u32,
    },
}

fn idempotency_key() -> Option<String> {
    Some("Idempotency-Key".to_owned())
}

fn fifty() -> u32 {
    50
}

fn one() -> u64 {
    1
}

fn page() -> String {
    "page".to_owned()
}

fn offset() -> String {
    "offset".to_owned()
}

fn limit() -> String {
    "limit".to_owned()
}

/// YAML's `null` and the word are the same to whoever writes it.
fn not_found<'de, D: Deserializer<'de>>(from: D) -> Result<NotFound, D::Error> {
    match Option::<String>::deserialize(from)?.as_deref() {
        None | Some("null") => Ok(NotFound::Null),
        Some("reject") => Ok(NotFound::Reject),
        Some(other) => Err(serde::de::Error::custom(format!("`{other}` is neither `reject` nor null"))),
    }
}

fn not_found_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "enum": ["reject", "null", null], "default": "reject" })
}
