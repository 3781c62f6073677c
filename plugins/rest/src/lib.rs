#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use serde_json::json;
//! use stepmill_plugin_rest::Rest;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let http = FakeHttp::new().reply_json("POST", "/orders", 201, &json!({"number": 7}));
//! let config = r#"{"method": "POST", "path": "/orders"}"#;
//! let output = testing::connect::<Rest>(config, r#"{"sku": "A"}"#, &http, &MemoryStorage::new()).unwrap();
//! assert_eq!(output.text().unwrap(), r#"{"number":7}"#);
//! assert_eq!(http.requests()[0].body.as_deref(), Some(br#"{"sku": "A"}"#.as_slice()));
//! ```
//!
//! Start reading at [`Config`]; `exchange` sends one request and judges its answer, `pages` asks for the next.

mod config;
mod exchange;
mod output;
mod pages;
mod status;

pub use config::{Config, NotFound, Output, Pagination, QueryValue};
pub use status::{Status, Statuses};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

use crate::exchange::{Exchange, Outcome};

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Rest {
    config: Config,
}

impl Connector for Rest {
    const NAME: &'static str = "rest";
    const SUMMARY: &'static str = "Calls an HTTP API.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        Ok(Self { config })
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let config = &self.config;
        let exchange = Exchange::new(config, &input, ctx)?;
        if let Some(pagination) = &config.pagination {
            return pages::collect(&exchange, pagination, config.output);
        }
        match exchange.send(&config.path, &[])? {
            Outcome::NotFound => Ok(output::null()),
            Outcome::Expected(response) => match config.output {
                Output::Body => output::body(response),
                Output::Full => output::full(&response),
            },
        }
    }
}

stepmill_sdk::export_connector!(Rest);

#[cfg(test)]
mod tests;
