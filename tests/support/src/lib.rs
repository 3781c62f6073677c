//! Support for the tests and benchmarks: built guests, projects in temporary folders, services in
//! this process or in one of their own, and systems that count.
//!
//! Not a test itself. Start reading at [`project::Project`].

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

pub mod guests;
pub mod host;
pub mod process;
pub mod project;
pub mod sender;
pub mod stub;
