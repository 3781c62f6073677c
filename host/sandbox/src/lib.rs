//! The sandbox: the only user of wasmtime. It turns bytes into loaded plugins and makes attempts.
//!
//! It is not a scheduler (the dispatcher decides what runs when and what follows from a failure) and it
//! writes nothing but its cache of compiled components: storage writes are handed out with the report.
//!
//! Start reading at [`Sandbox`], then `plugin.rs` (loading), `invoke.rs` (one attempt), `verify.rs` (one webhook's request), `host.rs` (what
//! guests can import), `prepare.rs` and `snapshot.rs` (what is done once for a config) and [`egress`] (what leaves
//! the machine). What the crate holds to:
//!
//! - every attempt runs in a fresh instance, under limits that are all set (`limits.rs`, `sandbox.rs`). It begins
//!   with the component's memory, or with that after `prepare`: made from the config alone, never from a document;
//! - a transform, validate or verify component cannot be linked to anything that does I/O: the state of its
//!   store has nothing to do I/O with (`state.rs`, `host.rs`);
//! - whatever a guest does ends as one failure with a named cause (`failure.rs`, `answer.rs`);
//! - native code is loaded only from a folder that this process's user alone can write (`cache.rs`).
//!
//! ```
//! use std::sync::Arc;
//!
//! use stepmill_core::PluginStorage;
//! use stepmill_core::clock::SystemClock;
//! use stepmill_sandbox::egress::Egress;
//! use stepmill_sandbox::{LoadError, Options, Sandbox};
//!
//! async fn load(storage: Arc<dyn PluginStorage>) -> Result<(), Box<dyn std::error::Error>> {
//!     let egress = Egress::try_new(Vec::new())?;
//!     let sandbox = Sandbox::try_new(Options::default(), egress, storage, Arc::new(SystemClock))?;
//!     match sandbox.load(&std::fs::read("plugin.wasm")?).await {
//!         Ok(loaded) => println!("{} is {}", loaded.manifest.name, loaded.digest),
//!         Err(refused @ LoadError::Import { .. }) => println!("not here: {refused}"),
//!         Err(error) => return Err(error.into()),
//!     }
//!     Ok(())
//! }
//! ```

mod answer;
mod bindings;
mod cache;
mod component;
pub mod egress;
mod engine;
mod error;
mod export;
mod failure;
mod host;
mod invoke;
mod last_words;
mod limits;
mod logs;
mod manifest;
mod measure;
mod plugin;
mod prepare;
mod rehearsal;
mod sandbox;
mod snapshot;
mod state;
mod verify;
mod warm;

pub use component::MAX_BYTES as MAX_COMPONENT_BYTES;
pub use engine::Options;
pub use error::{BuildError, LoadError, SnapshotError};
#[doc(hidden)]
pub use measure::LoadTimes;
pub use plugin::Loaded;
pub use prepare::Preparation;
pub use rehearsal::{Rehearsal, Rehearsed};
pub use sandbox::Sandbox;
pub use verify::{Judged, Refused, Verification};
#[doc(hidden)]
pub use warm::WarmInstance;
