//! Support for the tests and benchmarks: built guests, projects in temporary folders, services in
//! this process or in one of their own, systems that count, and doubles of core's seams.
//!
//! Not a test itself. Start reading at [`project::Project`] for tests of a whole service, at
//! [`invoke::Scripted`] for those of a part by itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

pub mod clock;
pub mod guests;
pub mod host;
pub mod invoke;
pub mod journal;
pub mod process;
pub mod project;
pub mod raw;
pub mod registry;
pub mod sender;
pub mod stub;
pub mod trace;
