//! Write Stepmill plugins in Rust.
//!
//! A plugin is a type that implements one of three traits, [`Transform`], [`Validate`] or
//! [`Connector`], and one macro that exports it. Its value is a step's config, made ready for documents. Everything else, the WIT bindings, the parsing of
//! config and input, the manifest with its JSON Schemas, comes from here; a plugin's crate needs no WIT
//! files and no `wit-bindgen`.
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use stepmill_sdk::{Context, Failure, Transform, log};
//!
//! /// The plugin, which is the step's `with:` as it is.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Vat {
//!     /// VAT in percent.
//!     vat: f64,
//! }
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Order { id: String, net: f64 }
//!
//! #[derive(Serialize, JsonSchema)]
//! struct Priced { id: String, gross: f64 }
//!
//! impl Transform for Vat {
//!     const NAME: &'static str = "vat";
//!     const SUMMARY: &'static str = "Adds VAT to an order.";
//!     type Config = Self;
//!     type Input = Order;
//!     type Output = Priced;
//!
//!     fn prepare(config: Self) -> Result<Self, Failure> {
//!         Ok(config)
//!     }
//!
//!     fn run(&self, order: Order, ctx: &Context) -> Result<Priced, Failure> {
//!         if order.net < 0.0 {
//!             return Err(Failure::reject("negative", format!("order {} costs {}", order.id, order.net)));
//!         }
//!         log::debug!("priced", order = order.id, attempt = ctx.attempt());
//!         Ok(Priced { id: order.id, gross: order.net * (1.0 + self.vat / 100.0) })
//!     }
//! }
//!
//! stepmill_sdk::export_transform!(Vat);
//!
//! # fn main() {
//! // Plugins are ordinary Rust: test them on your own machine.
//! let out = stepmill_sdk::testing::transform::<Vat>(r#"{"vat": 19}"#, r#"{"id": "A1", "net": 100}"#);
//! assert_eq!(out.unwrap().text().unwrap(), r#"{"id":"A1","gross":119.0}"#);
//! # }
//! ```
//!
//! # Build a plugin
//!
//! ```toml
//! # Cargo.toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]      # rlib for unit and integration tests
//!
//! [dependencies]
//! stepmill-sdk = { path = "../stepmill/sdk/rust" }   # or `git = …` of your copy of the repository
//! schemars = "1"
//! serde = { version = "1", features = ["derive"] }
//!
//! [profile.release]
//! opt-level = 3
//! lto = true
//! codegen-units = 1
//! panic = "abort"
//! strip = true
//! ```
//!
//! ```toml
//! # .cargo/config.toml: begin with 4 MiB of memory, so that a call need not grow it.
//! [target.wasm32-wasip2]
//! rustflags = ["-C", "link-arg=--initial-memory=4194304"]
//! ```
//!
//! The crate gives components an allocator that is quick over small blocks. To bring your own, switch it off:
//! `stepmill-sdk = { …, default-features = false }`.
//!
//! ```sh
//! rustup target add wasm32-wasip2
//! cargo build --release --target wasm32-wasip2   # target/wasm32-wasip2/release/<crate>.wasm
//! stepmill plugin inspect target/wasm32-wasip2/release/vat.wasm
//! ```
//!
//! An operator installs it under a name in `stepmill.yaml`, and a step uses it by that name:
//!
//! ```yaml
//! plugins:
//!   vat: { path: plugins/vat.wasm }      # stepmill.yaml
//! ```
//!
//! ```yaml
//! steps:
//!   - { id: price, use: vat, with: { vat: 19 } }      # workflows/orders.yaml
//! ```
//!
//! # What depends on the config alone
//!
//! Every attempt runs in a fresh instance. What a plugin makes of its config and of nothing else, such as a
//! compiled expression, belongs in `prepare` ([`Transform::prepare`]): the host keeps the memory that it leaves,
//! and begins every attempt with a copy of it. It also finds there what is wrong with a config before the
//! first document comes, for `stepmill check`.
//!
//! It does without the copy, with a warning, where `prepare` draws random numbers or reads a clock. The standard
//! library's hash maps are fine. Some crates (`ahash`) draw the seeds of theirs through `getrandom`: hand on the
//! standard library's, as `plugins/json-schema/src/seeds.rs` does.
//!
//! # What goes wrong, and how to say it
//!
//! A step fails by answering a [`Failure`]: [`Failure::retry`] for passing trouble, [`Failure::reject`]
//! for what no further attempt can help. The errors of [`http`] and [`storage`] and of `serde_json` turn
//! into the right one by `?`. A panic is a fault of the plugin. Config or input that is not of the
//! plugin's types never reaches its code: it is rejected with code `config` or `input`, naming the path.
//!
//! # Where to start reading
//!
//! The traits are in [`Transform`], [`Validate`], [`Connector`]; what a connector may do is in
//! [`ConnectorContext`]; tests without a host are in [`testing`]. This crate is not a WASI library: use
//! `std` for time and randomness, and know that in `transform` and `validate` both are answered
//! deterministically by the host.

#[cfg(any(test, all(target_arch = "wasm32", feature = "allocator")))]
mod allocator;
#[allow(missing_docs, reason = "generated; what is public of it is named below")]
#[doc(hidden)]
pub mod bindings;
pub mod config;
mod context;
mod document;
#[doc(hidden)]
pub mod export;
mod failure;
pub mod http;
pub mod log;
mod plugin;
pub mod raw;
pub mod storage;
pub mod testing;
mod violation;

pub use bindings::connector::stepmill::plugin::types::{
    Attempt, Body, Document, Failure, Manifest, Rejection, RetryHint, Violation,
};
pub use context::{ConnectorContext, Context};
pub use document::{FromDocument, IntoDocument, JSON};
pub use failure::OrFail;
pub use plugin::{Connector, NoConfig, Transform, Validate};
pub use {schemars, serde, serde_json};
