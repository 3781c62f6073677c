#![doc = include_str!("../README.md")]
//!
//! # Where to start reading
//!
//! The three kinds of step are the traits [`Transform`], [`Validate`] and [`Connector`]; what a connector may do is in
//! [`ConnectorContext`], what a step fails by is a [`Failure`], and tests without a host are in [`testing`]. No step is
//! [`Verify`]: it says whether a webhook's request is its sender's.
//!
//! Plugins are exported by [`export_transform!`], [`export_validate!`], [`export_connector!`] and [`export_verify!`]: macros by example,
//! which say no more than the type. There is no attribute macro on a function, by intent. A plugin is more than a
//! function (a name, a config with a schema, a `prepare`), so that the attribute would take a list of arguments in a
//! language of its own, where a trait has items that the compiler and the editor know, each with its documentation.

#[cfg(any(test, all(target_arch = "wasm32", feature = "allocator")))]
mod allocator;
#[allow(missing_docs, reason = "generated; what is public of it is named below")]
#[doc(hidden)]
pub mod bindings;
pub mod config;
mod context;
#[doc = include_str!("../COOKBOOK.md")]
pub mod cookbook {}
mod document;
#[doc(hidden)]
pub mod export;
mod failure;
pub mod http;
mod json;
pub mod log;
mod plugin;
pub mod raw;
pub mod storage;
pub mod testing;
pub mod verify;
mod violation;

pub use bindings::connector::stepmill::plugin::types::{
    Attempt, Body, Document, Failure, Manifest, Rejection, RetryHint, Violation,
};
pub use context::{ConnectorContext, Context};
pub use document::{FromDocument, IntoDocument, JSON};
pub use failure::OrFail;
pub use plugin::{Connector, NoConfig, Transform, Validate, Verify};
pub use {schemars, serde, serde_json};
