//! Stock plugin `rest`: calls an HTTP API.
//!
//! ```yaml
//! - id: create
//!   use: rest
//!   system: erp
//!   with: { method: POST, path: /orders }          # sends the step's input
//!
//! - id: customers
//!   use: rest
//!   system: crm
//!   with:
//!     path: /customers
//!     query: { updated_since: "${{ input.since }}", active: true }
//!     pagination: { kind: cursor, items: /data, cursor: /next_cursor, param: cursor }
//! ```
//!
//! A path belongs to the step's system: its base URL goes before it, and the host adds the credentials. An
//! absolute URL must be granted.
//!
//! # What is sent
//!
//! `method` is `GET`, or `POST` if there is a `body`. `POST`, `PUT` and `PATCH` send the step's input as it is,
//! unless `body` is something else: any JSON, or `null` for nothing. Requests other than `GET`, `HEAD` and
//! `OPTIONS` carry the step's idempotency key in `Idempotency-Key`, the same in every attempt
//! (`idempotency_header` renames it, `null` leaves it out), unless they are paginated.
//!
//! # What comes of it
//!
//! | the system answers | the step |
//! |---|---|
//! | a status of `expect` (any 2xx) | succeeds |
//! | 404, with `not_found: null` | succeeds with `null` |
//! | a status of `retry_on` (408, 425, 429, 500, 502, 503, 504) | asks for a retry, not before `Retry-After` |
//! | any other status | is rejected with code `http-<status>` and the beginning of the body |
//! | nothing: no name, no connection, a timeout | asks for a retry |
//! | nothing: not granted, too large, not a request | is rejected with code `http-denied` and so on |
//!
//! The output is the response's body: JSON and other text as it came, bytes as bytes, and `null` where it is
//! empty. With `output: full` it is `{"status", "headers", "body"}`, where a body that is not JSON is a string,
//! and one that is not text is `body_base64`.
//!
//! # Pages
//!
//! With `pagination` the items of all pages become one array; `items` is the JSON pointer of a page's items,
//! the whole body by default. Reaching `max_pages` (50) is a rejection, as half a list is not the list.
//!
//! | kind | the next page |
//! |---|---|
//! | `link` | the URL of the `Link` header with `rel="next"` |
//! | `cursor` | what the body has at the pointer `cursor`: the value of query parameter `param`, or, without `param`, the URL or path of the next page |
//! | `page` | query parameter `param` counts up from `start`, until a page is empty or has fewer than `size` items |
//! | `offset` | query parameter `param` grows by the items so far, until a page is empty or has fewer than `limit` |
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
mod raw;
mod status;

pub use config::{Config, NotFound, Output, Pagination, QueryValue, Scalar};
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
