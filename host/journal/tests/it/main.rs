//! Tests of the journal: one conformance suite on every implementation, and what only the one on disk
//! can be asked: reopening, kill -9, power cuts, export and import.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod backup;
mod conformance;
mod disk;
mod fixtures;
mod kill;
mod power;
mod random;
mod suite;
mod transfer;
mod turn;
mod writer;
