//! A deterministic simulation of the engine. One seed decides everything: the workflows, the events and when
//! they come, how systems answer, which commits the process dies at, how the clock jumps. The dispatcher, the
//! schedules and the journal's write logic are the real ones; time, the sandbox, the systems and randomness are
//! simulated. The same seed gives the same story, so that whatever goes wrong can be looked at again:
//! `cargo run --release -p stepmill-sim -- --seed 42`.
//!
//! Start reading at [`story::tell`]. What must hold whatever happens stands in `check.rs`.
//!
//! The engine is broken on purpose, too ([`journal::Mutation`]): a simulation that does not notice is none.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a simulation that cannot go on panics"
)]

pub mod check;
pub mod clock;
pub mod dice;
pub mod journal;
pub mod sandbox;
pub mod story;
pub mod workflows;
