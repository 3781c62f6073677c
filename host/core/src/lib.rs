//! The pure domain of Stepmill: what a workflow, a run, an attempt and an event are, and what may
//! become of them. No I/O, no clock, no async runtime: everything here is a value or a function of
//! its arguments, so that the same code decides live, in recovery and under simulation.
//!
//! Start reading at [`run`] (the state machine of a run), then [`workflow`] (what an operator writes)
//! and the seams that the other crates implement: [`Clock`], [`Invoke`], [`Journal`] and
//! [`PluginStorage`].
//!
//! ```
//! use stepmill_core::document::Document;
//!
//! let order = Document::json(&serde_json::json!({ "id": 7 }));
//! assert_eq!(order.media_type, "application/json");
//! ```

#![forbid(unsafe_code)]

pub mod approval;
pub mod attempt;
pub mod body;
pub mod bound;
pub mod clock;
pub mod dead;
pub mod document;
pub mod duration;
pub mod entropy;
pub mod event;
pub mod expression;
pub mod flow;
pub mod grant;
pub mod handshake;
pub mod id;
pub mod invoke;
pub mod journal;
pub mod limits;
pub mod manifest;
pub mod nearest;
pub mod network;
pub mod pointer;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod signature;
pub mod size;
pub mod storage;
pub mod workflow;

pub use clock::Clock;
pub use entropy::Entropy;
pub use id::RunId;
pub use invoke::Invoke;
pub use journal::Journal;
pub use storage::PluginStorage;
