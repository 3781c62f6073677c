//! Durability: the journal in memory and on sled.
//!
//! What it is: [`LocalJournal`], which keeps the promise of [`stepmill_core::Journal`] that every method
//! that writes returns only after what it wrote is durable. What it is not: it decides nothing about
//! runs. What may follow what is `stepmill_core::run::next`'s to say, and every entry is put to it on the
//! state that is there when it is written, whoever wrote that.
//!
//! Start reading at `committer.rs`, the one thread that writes. Above it are the kinds of writes
//! (`write/`) on a batch of drafts (`batch.rs`); below it values (`values.rs`, with large payloads in files:
//! `pieces.rs`, `spill.rs`, `blobs.rs`) on an ordered tree (`tree.rs`), which on disk is a write-ahead log (`log.rs`) over sled.
//! `keys.rs` has the layout, `claims.rs` says who works on what and what stands at the front of the queues.
//!
//! Invariant: what is kept of a run elsewhere than with the run is a function of its state (`index.rs`), and changes
//! by the difference of what two states come to. What a change means for other runs is done in the same commit
//! (`write/follow.rs`). [`LocalJournal::check`] recomputes all of it.
//!
//! For simulation there is [`LocalJournal::inline`]: the same writes on a disk in memory, on the caller's thread.
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
mod check;
mod claimed;
mod claims;
mod codec;
mod committer;
mod error;
mod index;
mod keys;
mod local;
mod log;
mod open;
mod options;
mod pieces;
mod query;
mod record;
mod shared;
mod spill;
mod sweep;
mod totals;
mod transfer;
mod tree;
mod values;
mod write;

pub use error::{OpenError, Rescue, TransferError};
pub use local::{LocalJournal, MemoryDisk};
pub use options::{Options, Sync};
pub use transfer::{Transferred, verify};
