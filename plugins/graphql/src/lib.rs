#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use serde_json::json;
//! use stepmill_plugin_graphql::GraphQl;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let http = FakeHttp::new().reply_json("POST", "/graphql", 200, &json!({"data": {"me": {"name": "Ada"}}}));
//! let output = testing::connect::<GraphQl>(r#"{"query": "{ me { name } }"}"#, "null", &http, &MemoryStorage::new());
//! assert_eq!(output.unwrap().text().unwrap(), r#"{"me":{"name":"Ada"}}"#);
//! ```
//!
//! Start reading at [`Config`]; `answer` judges what comes back, `pages` asks for the next.

mod answer;
mod pages;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stepmill_sdk::config::Scalar;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

use crate::answer::Answer;

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Path at the step's system, such as `/graphql`, or an absolute URL.
    #[serde(default = "graphql")]
    pub path: String,
    /// The query or mutation. Give this or `file`.
    pub query: Option<String>,
    /// Path of the query's file, such as `queries/order.graphql`.
    #[schemars(extend("x-stepmill-file" = true))]
    pub file: Option<String>,
    /// The query's variables.
    #[serde(default)]
    pub variables: Map<String, Value>,
    /// Which operation of the query is meant, where it has several.
    pub operation_name: Option<String>,
    /// Request headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Scalar>,
    /// Header for the idempotency key of mutations; null leaves it out.
    #[serde(default = "idempotency_key")]
    pub idempotency_header: Option<String>,
    /// What data with errors beside it is.
    #[serde(default)]
    pub partial: Partial,
    /// Codes in an error's `extensions.code` that ask for another attempt.
    #[serde(default = "passing")]
    pub retry_codes: Vec<String>,
    /// How to get at all pages of a list; without it one request is sent.
    pub pagination: Option<Pagination>,
    /// What the output is. With `pagination` it is the array of all items.
    #[serde(default)]
    pub output: Output,
}

/// What data with errors beside it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Partial {
    /// A failure.
    #[default]
    Reject,
    /// A success, unless there is no data at all.
    Accept,
}

/// What the output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The answer's `data`.
    #[default]
    Data,
    /// The whole answer: `data`, `errors` and `extensions`.
    Full,
}

/// How the pages of a list follow each other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    /// JSON pointer of the connection in `data`, such as `/orders`.
    pub connection: String,
    /// The query's variable that takes the cursor.
    #[serde(default = "after")]
    pub variable: String,
    /// The most pages there may be.
    #[serde(default = "fifty")]
    pub max_pages: u32,
}

fn graphql() -> String {
    "/graphql".to_owned()
}

fn idempotency_key() -> Option<String> {
    Some("Idempotency-Key".to_owned())
}

/// Those of well-known servers: Shopify's, GitHub's, Apollo's.
fn passing() -> Vec<String> {
    ["THROTTLED", "RATE_LIMITED", "RATE_LIMIT", "TIMEOUT", "SERVICE_UNAVAILABLE"].map(str::to_owned).into()
}

fn after() -> String {
    "after".to_owned()
}

fn fifty() -> u32 {
    50
}

/// The body of a request, as [GraphQL over HTTP](https://graphql.github.io/graphql-over-http/draft/) has it.
#[derive(Serialize)]
struct Sent<'a> {
    query: &'a str,
    #[serde(rename = "operationName", skip_serializing_if = "Option::is_none")]
    operation_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    variables: &'a Map<String, Value>,
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct GraphQl {
    config: Config,
    query: String,
}

impl Connector for GraphQl {
    const NAME: &'static str = "graphql";
    const SUMMARY: &'static str = "Calls a GraphQL API.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(mut config: Config) -> Result<Self, Failure> {
        let query = match (config.query.take(), config.file.take()) {
            (Some(query), None) | (None, Some(query)) => query,
            (Some(_), Some(_)) => {
                return Err(Failure::reject("config", "both `query` and `file` are given: leave one out"));
            }
            (None, None) => {
                let message = "there is no query: give its text as `query`, or its path as `file`";
                return Err(Failure::reject("config", message));
            }
        };
        if let Some(pagination) = &config.pagination
            && !query.contains(&format!("${}", pagination.variable))
        {
            let message =
                format!("the query has no variable `${}`, which is to take the cursor", pagination.variable);
            return Err(Failure::reject("config", message));
        }
        Ok(Self { config, query })
    }

    fn run(&self, _: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        if let Some(pagination) = &self.config.pagination {
            return pages::collect(self, pagination, ctx);
        }
        let answer = self.send(ctx, &self.config.variables)?;
        match self.config.output {
            Output::Data => Ok(Document::from_json(answer.data()?.get())),
            Output::Full => Ok(Document::from_json(answer.into_text()?)),
        }
    }
}

impl GraphQl {
    /// Sends the query with these variables. What comes back is no failure.
    fn send(&self, ctx: &ConnectorContext, variables: &Map<String, Value>) -> Result<Answer, Failure> {
        let config = &self.config;
        let given = |name: &str| config.headers.keys().any(|key| key.eq_ignore_ascii_case(name));
        let mut request = ctx.http().post(config.path.as_str());
        for (name, value) in &config.headers {
            request = request.header(name, value.to_string());
        }
        if !given("accept") {
            request = request.header("Accept", "application/graphql-response+json, application/json;q=0.9");
        }
        if let Some(name) =
            config.idempotency_header.as_deref().filter(|name| self.may_change() && !given(name))
        {
            request = request.header(name, ctx.idempotency_key());
        }
        let operation_name = config.operation_name.as_deref();
        let response = request.json(&Sent { query: &self.query, operation_name, variables }).send()?;
        Answer::of(response, config)
    }

    /// Whether a mutation is in the query; comments and names may say so too, which does no harm.
    fn may_change(&self) -> bool {
        self.query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == "mutation")
    }
}

stepmill_sdk::export_connector!(GraphQl);

#[cfg(test)]
mod tests;
