#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use serde_json::json;
//! use stepmill_plugin_tryton::Tryton;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let found = json!({"id": 1, "result": [{"id": 2, "code": "7", "name": "Ada", "addresses": [3]}]});
//! let http = FakeHttp::new().reply_json("POST", "/", 200, &found);
//! let config = r#"{"find_party": {"code": "7"}}"#;
//! let party = testing::connect::<Tryton>(config, "null", &http, &MemoryStorage::new()).unwrap();
//! assert_eq!(party.text().unwrap(), r#"{"address":3,"code":"7","id":2,"name":"Ada"}"#);
//! ```
//!
//! Start reading at [`Config`]; `operations` does each, `rpc` makes one call.

mod config;
mod operations;
mod rpc;

pub use config::{By, Config, FindProduct, Line, NewSale, Sale, Stock};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

use crate::operations::Operation;
use crate::rpc::Server;

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Tryton {
    path: String,
    company: Option<u64>,
    operation: Operation,
}

impl Connector for Tryton {
    const NAME: &'static str = "tryton";
    const SUMMARY: &'static str = "Works with the ERP Tryton: parties, products, stock and sales.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let (path, company) = (config.path.clone(), config.company);
        Ok(Self { path, company, operation: Operation::of(config)? })
    }

    fn run(&self, _: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let server = Server { ctx, path: &self.path, company: self.company };
        self.operation.run(&server)
    }
}

stepmill_sdk::export_connector!(Tryton);

#[cfg(test)]
mod tests;
