//! Durability: the journal in memory and on sled.
//!
//! What it is: [`LocalJournal`], which keeps the promise of [`stepmill_core::Journal`] that every method
//! that writes returns only after what it wrote is durable. What it is not: it decides nothing about
//! runs. What may follow what is `stepmill_core::run::next`'s to say, and every transition is put to it
//! again before it is written.
//!
//! Start reading at `committer.rs`, the one thread that writes. Above it are the kinds of writes
//! (`write/`) on a batch of drafts (`batch.rs`); below it values (`values.rs`, with large ones in files:
//! `blobs.rs`) on an ordered tree (`tree.rs`), which on disk is a write-ahead log (`log.rs`) over sled.
//! `keys.rs` has the layout, `claims.rs` says who works on what.
//!
//! ```
//! use std::sync::Arc;
//! use stepmill_core::clock::SystemClock;
//! use stepmill_core::journal::{Filter, Journal};
//! use stepmill_journal::LocalJournal;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let journal = LocalJournal::memory(Arc::new(SystemClock))?;
//! let page = journal.query(&Filter::default(), None, 10).await?;
//! assert!(page.runs.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod batch;
mod blobs;
mod claimed;
mod claims;
mod codec;
mod committer;
mod error;
mod keys;
mod local;
mod log;
mod open;
mod options;
mod query;
mod record;
mod shared;
mod transfer;
mod tree;
mod values;
mod write;

pub use error::{OpenError, Rescue, TransferError};
pub use local::LocalJournal;
pub use options::{Options, Sync};
pub use transfer::Transferred;
